import Fleet
import JSON
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct AllowlistOperationTests {
    private let services: ControlPlaneServices

    init() {
        let store = InMemoryFleetStore()
        self.services = ControlPlaneServices(
            store: store, drafts: store, clock: ManualClock(), entropy: SeededEntropy(),
            realm: .standard)
    }

    private func perform(
        _ name: String, list: String, query: [String: String] = [:], body: JSONValue = .null,
        chunks: [String] = []
    ) async throws -> JSONValue {
        let operation = try #require(OperationTable.operation(name))
        let stream = AsyncThrowingStream<[UInt8], any Error> { continuation in
            for chunk in chunks { continuation.yield(Array(chunk.utf8)) }
            continuation.finish()
        }
        return try await operation.perform(
            OperationRequest(
                actor: .service("test"), labels: ["list": list], query: query,
                body: body, stream: stream),
            self.services)
    }

    @Test func anImportIsPublishedAsAWhole() async throws {
        let report = try await self.perform(
            "ImportAllowlist", list: "a", chunks: ["S-", "1\nS-2\nS-", "1\n"])
        #expect(report["imported"] == true)
        #expect(report["added"] == 2)
        #expect(report["duplicateCount"] == 1)
        let found = try await self.perform(
            "DescribeAllowlist", list: "a", query: ["serial": "S-1"])
        #expect(found["listed"] == true)
        #expect(found["count"] == 2)
    }

    /// Two units, as their labels are scanned: what is canonically equivalent is not the same.
    @Test func serialsThatOnlyLookAlikeAreTwo() async throws {
        let report = try await self.perform(
            "ImportAllowlist", list: "a", chunks: ["cafe\u{301}\ncaf\u{E9}\n"])
        #expect(report["added"] == 2)
        #expect(report["duplicateCount"] == 0)
        for serial in ["cafe\u{301}", "caf\u{E9}"] {
            let found = try await self.perform(
                "DescribeAllowlist", list: "a", query: ["serial": serial])
            #expect(found["listed"] == true)
        }
    }

    @Test func aBadLinePublishesNothing() async throws {
        let report = try await self.perform(
            "ImportAllowlist", list: "a", chunks: ["S-1\n\u{1}\n"])
        #expect(report["imported"] == false)
        #expect(report["badLines"]?.arrayValue?.first?["line"] == 2)
        await #expect(throws: FleetError.self) {
            try await self.perform("DescribeAllowlist", list: "a")
        }
    }

    /// What is left of an export that failed must not take every serial off the list.
    @Test(arguments: ["merge", "replace"], ["", "\n \n", "serial,lot\n"])
    func aFileWithoutASerialIsRefused(mode: String, text: String) async throws {
        _ = try await self.perform("ImportAllowlist", list: "a", chunks: ["S-1\n"])
        await #expect(throws: FleetError.self) {
            try await self.perform(
                "ImportAllowlist", list: "a", query: ["mode": mode], chunks: [text])
        }
        let list = try await self.perform("DescribeAllowlist", list: "a")
        #expect(list["count"] == 1)
        #expect(list["version"] == 1)
    }

    @Test(arguments: [
        JSONValue.null, [:], ["serials": "S-1"], ["serials": [1]], ["serials": []],
        ["serials": [""]],
    ])
    func aBodyOfAnotherShapeIsRefused(body: JSONValue) async throws {
        await #expect(throws: FleetError.self) {
            try await self.perform("AddAllowlistEntries", list: "a", body: body)
        }
    }

    @Test func removingWhatIsNotThereRemovesNothing() async throws {
        _ = try await self.perform(
            "AddAllowlistEntries", list: "a", body: ["serials": ["S-1", "S-2"]])
        await #expect(throws: FleetError.self) {
            try await self.perform(
                "RemoveAllowlistEntries", list: "a", body: ["serials": ["S-1", "S-9"]])
        }
        let found = try await self.perform(
            "DescribeAllowlist", list: "a", query: ["serial": "S-1"])
        #expect(found["listed"] == true)
    }

    @Test(arguments: ["", "a/b", "a b", String(repeating: "x", count: 65)])
    func aListNameOfAnotherShapeIsRefused(list: String) async throws {
        await #expect(throws: FleetError.self) {
            try await self.perform("DescribeAllowlist", list: list)
        }
    }
}
