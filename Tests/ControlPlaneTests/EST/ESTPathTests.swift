import Testing

@testable import ControlPlane

@Suite struct ESTPathTests {
    @Test(arguments: [
        ("/.well-known/est/cacerts", "cacerts", String?.none),
        ("/.well-known/est/simpleenroll", "simpleenroll", nil),
        ("/.well-known/est/demo-sensor/simplereenroll", "simplereenroll", "demo-sensor"),
        ("/.well-known/est/line%20four/serverkeygen", "serverkeygen", "line%20four"),
    ])
    func aPathIsAnOperationAndPerhapsALabel(
        path: String, operation: String, label: String?
    ) throws {
        let asked = try #require(ESTPath(path))
        #expect(asked.operation.rawValue == operation)
        #expect(asked.label == label)
    }

    @Test(arguments: [
        "", "/", "/.well-known/est", "/.well-known/est/", "/.well-known/est//simpleenroll",
        "/.well-known/est/simpleenroll/", "/.well-known/est/a/b/simpleenroll",
        "/.well-known/est/cacerts/simpleenroll", "/.well-known/EST/cacerts", "/cacerts",
        "/.well-known/est/CACERTS",
    ])
    func anythingElseIsNone(path: String) { #expect(ESTPath(path) == nil) }
}
