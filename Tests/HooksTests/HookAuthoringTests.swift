import Fleet
import Foundation
import JSON
import Testing

@testable import Hooks

/// What an author has before a hook judges a device: the check, and the tests beside the hook.
@Suite struct HookAuthoringTests {
    private func kinds(_ source: String) -> [String] {
        HookLint.findings(name: "probe", source: source).map { "\($0.line) \($0.kind.rawValue)" }
    }

    @Test(arguments: [
        ("return function() return {allowProvisioning = true} end", []),
        ("return function(r)\n  x(", ["2 syntax"]),
        ("local t = 1\nreturn function() return os.time() end", ["2 forbiddenName"]),
        ("return function() return string.dump end", ["1 forbiddenName"]),
        ("return function()\n  return wrong\nend", ["2 undeclaredGlobal"]),
        ("count = 0\nreturn function() return {count} end", ["1 globalAssignment"]),
        ("string = nil\nreturn function() return {} end", ["1 globalAssignment"]),
        ("local x = 1", ["1 missingReturn"]),
        ("return 5", ["1 missingReturn"]), ("\nreturn {}", ["2 missingReturn"]),
        ("return 'hook'", ["1 missingReturn"]), ("return nil", ["1 missingReturn"]),
        ("local x = 1\nreturn -x", ["2 missingReturn"]), ("return", ["1 missingReturn"]),
        ("local made = ipairs\nreturn made", []),
        ("return function(r)\n  if r.a then return {} end\nend", ["3 missingReturn"]),
        ("local f = function() end\nreturn f", ["1 missingReturn"]),
        ("return function() while true do if time.now() then return {} end end end", []),
        ("return function(r)\n  if r then return {} end\n  error('no')\nend", []),
        ("return function(r)\n  for i = 1, 3 do return {} end\nend", ["3 missingReturn"]),
        ("return function(r)\n  for k in pairs(r) do return {} end\n  return {}\nend", []),
        ("return function(r)\n  return\nend", ["2 missingReturn"]),
        ("return function(r)\n  return nil\nend", ["2 missingReturn"]),
        ("return function(r)\n  return nil, 'no'\nend", ["2 missingReturn"]),
        ("return function(r)\n  if r then return end\n  return {}\nend", ["2 missingReturn"]),
        ("return function(r)\n  if r then return true end\n  return {}\nend", ["2 missingReturn"]),
        ("return function(...)\n  return\nend", ["2 missingReturn"]),
        ("return function(r) end", ["1 missingReturn"]),
        ("return function(r)\n  log('x')\nend", ["3 missingReturn"]),
        (
            "local function deny()\n  log('x')\nend\nreturn function(r)\n  return deny()\nend",
            ["3 missingReturn"]
        ),
        (
            "local function deny(r)\n  if r then return {} end\n  return deny(1)\nend\n"
                + "return function(r) return deny(r) end", []
        ),
        (
            "local judge = function() end\n"
                + "local function set() judge = function() return {} end end"
                + "\nset()\nreturn function(r) return judge() end", []
        ),
        ("local function note() log('x') end\nreturn function(r) note() return {} end", []),
        (
            "return function(r)\n  local a\n  local function set() a = {} end\n  set()\n"
                + "  return a\nend", []
        ),
        ("return function(r)\n  local a\n  if r then a = {} end\n  return a\nend", []),
        ("return function(r) return r and {} or nil end", []),
        ("return function(r) return r.a == nil and {a = 1} or {} end", []),
        ("return function(r)\n  local x <close> = nil\n  return {}\nend", ["2 closeVariable"]),
        ("-- os.time()\nreturn function() return {'os'} end", []),
        ("local os = 1\nreturn function() return os end", []),
        ("\u{1B}Lua", ["1 syntax"]),
    ])
    func findsWhatIsWrongWithItsLine(source: String, expected: [String]) {
        #expect(self.kinds(source) == expected)
    }

    /// A function with more constants than an instruction can number reaches its globals by way
    /// of registers, and so does a long name in any function.
    @Test(arguments: [
        ("return os.time()", ["301 forbiddenName"]),
        ("return wrong", ["301 undeclaredGlobal"]),
        ("count = t", ["301 globalAssignment", "302 missingReturn"]),
        ("string = nil return {}", ["301 globalAssignment"]),
        ("return string.dump", ["301 forbiddenName"]),
        ("return string.format(t)", []), ("error('no')", []),
        (
            "return " + String(repeating: "n", count: 50), ["301 undeclaredGlobal"]
        ),
    ])
    func globalsBehindManyConstantsAreFound(last: String, expected: [String]) {
        var lines = ["return function(t)"]
        lines += (1..<300).map { "t[\($0)] = 'constant \($0)'" }
        let source = (lines + [last, "end"]).joined(separator: "\n")
        #expect(self.kinds(source) == expected)
    }

    @Test func longNamesAreFound() {
        let name = String(repeating: "n", count: 50)
        #expect(self.kinds("return function() return \(name) end") == ["1 undeclaredGlobal"])
        #expect(
            self.kinds("\(name) = 1\nreturn function() return {\(name)} end")
                == ["1 globalAssignment"])
    }

    @Test func tooMuchIsNotCompiled() {
        let source = String(repeating: " ", count: Limits.hookSourceBytesMax + 1)
        #expect(self.kinds(source) == ["1 tooLarge"])
    }

    @Test func linesOfAllFunctionsAreExecutable() {
        let source = "local a = 1\n\n-- nothing\nreturn function()\n  return a\nend\n"
        #expect(HookLint.executableLines(name: "p", source: source) == [1, 5, 6])
    }

    private static let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("Hooks")

    static let shipped: [String] = {
        let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
        return (names ?? []).filter { $0.hasSuffix(".lua") }.map { String($0.dropLast(4)) }.sorted()
    }()

    @Test(arguments: Self.shipped)
    func shippedHookPassesItsTestsAndTheyRunEveryLine(name: String) async throws {
        let source = try String(
            contentsOf: Self.folder.appendingPathComponent("\(name).lua"), encoding: .utf8)
        let json = try JSONParser.parse(
            String(
                contentsOf: Self.folder.appendingPathComponent("\(name).test.json"),
                encoding: .utf8))
        #expect(HookLint.findings(name: name, source: source).isEmpty)
        let pool = HookFixtures.pool()
        let results = try await HookTestFile(json: json).run(
            try HookFixtures.script(source, name: name), in: pool)
        for result in results { #expect(result.failures.isEmpty, "\(result.name)") }
        let ran = Set(results.flatMap(\.lines))
        let lines = HookLint.executableLines(name: name, source: source)
        let missed = lines.filter { !ran.contains($0) }
        #expect(missed.isEmpty, "no case runs these lines")
        await pool.shutdown()
    }

    @Test func aCaseThatFailsSaysInWhat() async throws {
        let test = try HookTestFile(
            json: [
                "cases": [
                    [
                        "request": ["parameters": [:]],
                        "expect": [
                            "allow": true, "reasonCode": "none", "denyReason": "never",
                            "attributes": ["a": "b"],
                        ],
                    ]
                ]
            ])
        let pool = HookFixtures.pool()
        let results = await test.run(
            try HookFixtures.script(
                "return function() return {allowProvisioning = false, denyReason = 'so'} end"),
            in: pool)
        let failures = try #require(results.first?.failures)
        #expect(failures.count == 4)
        #expect(failures.first == "allow is false, not true: so")
        await pool.shutdown()
    }

    /// The same request, reads and time: the same answer and the same cost in instructions.
    @Test func aRecordedRunIsReplayed() async throws {
        let script = try HookFixtures.script(
            """
            return function(request)
                local entry = allowlist.get("demo", request.parameters.SerialNumber)
                local thing = registry.thing("unit-1")
                local count = registry.count("attributes.a:b", 10)
                local order = {}
                for key in pairs({c = 1, a = 2, b = 3}) do order[#order + 1] = key end
                return {
                    allowProvisioning = true,
                    attributes = {lot = entry.lot, station = claim.station},
                    parameterOverrides = {
                        Found = thing.attributes.site .. count, Now = tostring(time.now()),
                        Order = table.concat(order),
                    },
                }
            end
            """)
        let world = try HookSketch(
            json: [
                "allowlists": ["demo": ["unit-1": ["lot": "L1"]]],
                "things": ["unit-1": ["attributes": ["site": "berlin"]]],
                "counts": ["attributes.a:b": 12],
            ])
        let request = try HookRequestFile.request([
            "parameters": ["SerialNumber": "unit-1"], "time": 1_800_000_000,
            "claim": ["station": "line-3"],
        ])
        let pool = HookFixtures.pool()
        let (first, _) = await pool.trace(script, request: request, in: world)
        #expect(
            first.verdict
                == .allowed(parameterOverrides: [
                    "Found": "berlin10", "Now": "1800000000", "Order": "abc",
                ]))
        #expect(first.attributes == ["lot": "L1", "station": "line-3"])
        #expect(first.questions.map(\.question.function).count == 3)
        let trace = HookTrace(script: script, request: request, outcome: first).json
        let recorded = try HookSketch(json: ["reads": try #require(trace["reads"])])
        for _ in 0..<3 {
            let (again, _) = await pool.trace(script, request: request, in: recorded)
            #expect(again.verdict == first.verdict)
            #expect(again.questions == first.questions)
            #expect(again.cost?.instructions == first.cost?.instructions)
            #expect(again.cost?.bytes == first.cost?.bytes)
        }
        let (unrecorded, _) = await pool.trace(
            script, request: request, in: try HookSketch(json: ["reads": []]))
        #expect(unrecorded.verdict.cause?.contains("not among the recorded reads") == true)
        await pool.shutdown()
    }

    /// Lists and recorded reads tell serial numbers apart by their bytes, as the service does.
    @Test func aSketchTellsEquivalentSerialsApart() async throws {
        let (composed, decomposed) = ("caf\u{E9}", "cafe\u{301}")
        let list = AllowlistName(checked: "demo")
        let world = try HookSketch(json: ["allowlists": ["demo": [.string(composed)]]])
        #expect(try await world.contains(list, composed).found)
        #expect(try await !world.contains(list, decomposed).found)
        let reads = [(composed, false), (decomposed, true)].map { serial, found in
            HookRead(
                question: .allowlistContains(list: "demo", serial: serial), answer: .bool(found),
                version: 1)
        }
        let recorded = try HookSketch(json: ["reads": .array(reads.map(\.json))])
        #expect(try await !recorded.contains(list, composed).found)
        #expect(try await recorded.contains(list, decomposed).found)
    }

    /// A hook that is right in its tests is right at the service.
    @Test func aSketchedUnitThatIsHeldIsNotContained() async throws {
        let world = try HookSketch(
            json: [
                "allowlists": [
                    "demo": [
                        "A": ["state": "held"], "B": ["state": "blocked"],
                        "C": ["state": "released"], "D": [:],
                    ]
                ]
            ])
        let list = AllowlistName(checked: "demo")
        var found: [Bool] = []
        for serial in ["A", "B", "C", "D", "E"] {
            found.append(try await world.contains(list, serial).found)
        }
        #expect(found == [false, false, true, true, false])
        #expect(try await world.entry(list, "A").fields?["state"] == "held")
    }

    @Test func aStateThatIsNoneIsRefused() {
        let error = #expect(throws: FleetError.self) {
            try HookSketch(json: ["allowlists": ["demo": ["A": ["state": "hold"]]]])
        }
        #expect(error?.message.contains("/world/allowlists/demo/A/state") == true)
    }
}
