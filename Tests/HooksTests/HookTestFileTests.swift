import Fleet
import JSON
import Testing

@testable import Hooks

/// Test files of hooks: what is not understood in one is refused, since it would pass unlooked at.
@Suite struct HookTestFileTests {
    private static let request = #"{"parameters":{}}"#

    private static func file(
        request: String = Self.request, expect: String = #"{"allow":true}"#, world: String = "{}",
        name: String = #""one""#
    ) -> String {
        "{\"world\":\(world),\"cases\":[" + Self.one(request, expect, name) + "]}"
    }

    private static func one(_ request: String, _ expect: String, _ name: String) -> String {
        "{\"name\":\(name),\"request\":\(request),\"expect\":\(expect)}"
    }

    @Test func whatIsUnderstoodIsTaken() throws {
        let test = try HookTestFile(json: try JSONParser.parse(Self.file()))
        #expect(test.cases.map(\.name) == ["one"])
    }

    @Test(arguments: [#"{}"#, #"{"cases":[]}"#, #"{"cases":[{}]}"#, #"{"cases":[{"request":{}}]}"#])
    func filesAreRefused(text: String) throws { try self.refused(text) }

    @Test(arguments: [
        #"{}"#, #"{"allow":1}"#, #"{"allow":true,"alow":1}"#, #"{"allow":false,"denyReason":5}"#,
        #"{"allow":false,"log":["x"]}"#, #"{"allow":true,"attributes":"x"}"#,
        #"{"allow":true,"reasonCode":{}}"#, #"{"allow":true,"parameterOverrides":[]}"#,
        #"{"allow":false,"cause":true}"#,
    ])
    func expectationsAreRefused(expect: String) throws {
        try self.refused(Self.file(expect: expect))
    }

    @Test(arguments: [
        #""time":9223372036854775807"#, #""time":1.5"#, #""clientId":5"#,
        #""certificatePem":[]"#, #""claim":{"staton":"x"}"#, #""claim":{"station":3}"#,
        #""certificateId":7"#, #""x":1"#,
    ])
    func requestsAreRefused(member: String) throws {
        try self.refused(Self.file(request: "{\"parameters\":{}," + member + "}"))
    }

    @Test(arguments: [
        #"{"lists":{}}"#, #"{"counts":{"*":-1}}"#, #"{"reads":{}}"#,
        #"{"things":{"a":{"attributes":{"b":1}}}}"#, #"{"things":{"a":{"type":1}}}"#,
        #"{"things":{"a":{"version":0}}}"#,
    ])
    func worldsAreRefused(world: String) throws { try self.refused(Self.file(world: world)) }

    @Test func namesAreTextsAndDiffer() throws {
        try self.refused(Self.file(name: "1"))
        let one = Self.one(Self.request, #"{"allow":true}"#, #""a""#)
        try self.refused("{\"cases\":[" + one + "," + one + "]}")
    }

    private func refused(_ text: String) throws {
        let json = try JSONParser.parse(text)
        #expect(throws: FleetError.self, "\(text)") { try HookTestFile(json: json) }
    }

    /// A script that fails denies, but no test means that when it expects a refusal.
    @Test func aHookThatFailsPassesNoCaseThatDoesNotSaySo() async throws {
        func expecting(_ expected: JSONObject) -> JSONValue {
            ["request": ["parameters": [:]], "expect": .object(expected)]
        }
        let test = try HookTestFile(
            json: [
                "cases": [
                    expecting(["allow": false]),
                    expecting(["allow": false, "cause": "attempt to index"]),
                ]
            ])
        let pool = HookFixtures.pool()
        let results = await test.run(
            try HookFixtures.script("return function(r) return r.none.at.all end"), in: pool)
        #expect(results.first?.failures.count == 1)
        #expect(results.first?.failures.first?.hasPrefix("the hook failed: ") == true)
        #expect(results.last?.failures == [])
        await pool.shutdown()
    }
}
