import Fleet
import HTTPTypes
import JSON
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct OperationRequestTests {
    private static func request(
        _ body: JSONValue = .null, query: [String: String] = [:]
    ) -> OperationRequest {
        OperationRequest(actor: .service("test"), query: query, body: body)
    }

    private static func message(_ body: () throws(FleetError) -> Void) -> String {
        do throws(FleetError) {
            try body()
            return "accepted"
        } catch { return error.message }
    }

    @Test func aMemberOfAnotherTypeIsNamedByItsPointer() {
        let request = Self.request([
            "a": 1, "payload": ["attributes": ["x": 2]], "list": ["s", 3], "flag": "true",
        ])
        #expect(
            Self.message { () throws(FleetError) in _ = try request.text("a") }
                == "/a is a number, not a string")
        #expect(
            Self.message { () throws(FleetError) in
                _ = try request.object("payload")?.stringMap("attributes")
            } == "/payload/attributes/x is a number, not a string")
        #expect(
            Self.message { () throws(FleetError) in _ = try request.members.texts("list") }
                == "/list/1 is a number, not a string")
        #expect(
            Self.message { () throws(FleetError) in _ = try request.optionalFlag("flag") }
                == "/flag is a string, not a boolean")
    }

    @Test func aMemberThatIsNullIsAbsent() throws {
        let request = Self.request(["a": nil])
        #expect(try request.optionalText("a") == nil)
        #expect(
            Self.message { () throws(FleetError) in _ = try request.text("a") } == "/a is missing")
    }

    @Test(arguments: ["0", "251", "-1", "ten", ""])
    func aPageOfAnotherSizeIsRefused(text: String) {
        let request = Self.request(query: ["maxResults": text])
        #expect(throws: FleetError.self) { _ = try request.pageLimit }
    }

    @Test func aTokenNamesThePlaceItWasMadeFrom() throws {
        for place in ["a", "thing-1", "2026:ä", String(repeating: "x", count: 700)] {
            let token = try #require(Pagination.token(place)?.stringValue)
            #expect(token.utf8.count <= 1024)
            #expect(try Self.request(query: ["nextToken": token]).pageToken == place)
        }
    }

    @Test(arguments: ["%%%", "a", "", "/w=="])
    func aTokenThatWasNeverGivenIsRefused(token: String) {
        #expect(throws: FleetError.self) {
            _ = try Self.request(query: ["nextToken": token]).pageToken
        }
    }

    @Test func inputThatWouldDoNothingIsRefusedByName() async throws {
        let services = ControlPlaneServices(
            store: InMemoryFleetStore(), drafts: InMemoryFleetStore(), clock: ManualClock(),
            entropy: SeededEntropy(), realm: .standard)
        let row = Operation(
            "Op", .post, "/op", members: ["known"], query: ["q"], summary: ""
        ) { _, _ in .null }
        _ = try await row.perform(Self.request(["known": 1], query: ["q": ""]), services)
        for request in [
            Self.request(["knwon": 1]), Self.request(query: ["Q": ""]), Self.request([1]),
            Self.request("text"),
        ] {
            await #expect(throws: FleetError.self) { try await row.perform(request, services) }
        }
    }

    @Test func aQueryIsReadAsAFormWritesIt() throws {
        #expect(
            try QueryText.parameters(of: "a=1&b=x%20y+z&c&X-Amz-Signature=f")
                == ["a": "1", "b": "x y z", "c": ""])
        #expect(throws: FleetError.self) { try QueryText.parameters(of: "a=1&a=2") }
        #expect(throws: FleetError.self) { try QueryText.parameters(of: "a=%zz") }
    }
}
