import Fleet
import Testing

@testable import ControlPlane

@Suite struct GeneralFieldsTests {
    @Test(arguments: [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"), (784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"),
        (1_795_529_100, "Tue, 24 Nov 2026 14:05:00 GMT"),
    ])
    func datesAreOfTheOneForm(seconds: Int64, text: String) {
        #expect(HTTPDate.text(of: UnixTime(seconds: seconds)) == text)
    }
}
