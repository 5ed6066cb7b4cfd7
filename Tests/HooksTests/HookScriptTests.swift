import Fleet
import JSON
import Testing

@testable import Hooks

/// Determinism, limits and the scripts that ship.
@Suite struct HookScriptTests {
    @Test func pairsGoesInOrderWhateverTheOrderOfWriting() throws {
        let write = [
            "t.b = 1", "t.a = 2", "t[2] = 3", "t[1] = 4", "t[1.5] = 5", "t[true] = 6",
            "t[-1] = 7", "t[''] = 8", "t.aa = 9", "t[math.maxinteger] = 10", "t[1e300] = 11",
            "t[false] = 12",
        ]
        let read =
            " local out = {} for k in pairs(t) do out[#out + 1] = tostring(k) end return out"
        let expected =
            #"["-1","1","1.5","2","9223372036854775807","1e+300","","a","aa","b","false","true"]"#
        #expect(
            try HookFixtures.evaluate("local t = {} " + write.joined(separator: " ") + read)
                == expected)
        #expect(
            try HookFixtures.evaluate(
                "local t = {} " + write.reversed().joined(separator: " ") + read) == expected)
    }

    @Test func pairsAllowsRemovalOnTheWay() throws {
        #expect(
            try HookFixtures.evaluate(
                """
                local t, seen = {a = 1, b = 2, c = 3}, {}
                for k in pairs(t) do t.b = nil t[k] = nil seen[#seen + 1] = k end
                return {seen, next(t) == nil}
                """) == #"[["a","c"],true]"#)
    }

    /// As Lua's own loader of files, which editors that write one rely on.
    @Test func aByteOrderMarkIsPassedOver() throws {
        let run = try HookFixtures.runHere("\u{FEFF}return function() return {} end\r\n")
        #expect(run.status == .returned)
    }

    @Test func sameRequestGivesSameAnswerAndCost() throws {
        let source = """
            return function(request)
                local t = {}
                for i = 1, 200 do t["k" .. i * 7919 % 1000] = tostring({}) .. i end
                local parts = {}
                for k, v in pairs(t) do parts[#parts + 1] = k .. "=" .. v end
                table.sort(parts, function(a, b) return #a < #b end)
                log(parts[1])
                return {allowProvisioning = true,
                    parameterOverrides = {all = table.concat(parts, ","):sub(1, 4000)}}
            end
            """
        let first = try HookFixtures.runHere(source)
        #expect(first.status == .returned)
        for _ in 0..<20 {
            let again = try HookFixtures.runHere(source)
            #expect(again.text == first.text)
            #expect(again.log == first.log)
            #expect(again.cost.instructions == first.cost.instructions)
            #expect(again.cost.bytes == first.cost.bytes)
        }
    }

    @Test func budgetsEndWithTheirName() throws {
        let loop = try HookFixtures.runHere("return function() while true do end end")
        #expect(loop.status == .outOfInstructions)
        #expect(loop.cost.instructions >= HookFixtures.settings.instructionsMax)
        let growth = try HookFixtures.runHere(
            "return function() local s = 'x' while true do s = s .. s end end")
        #expect(growth.status == .outOfMemory)
        #expect(growth.cost.bytes <= HookFixtures.settings.memoryBytesMax)
    }

    @Test func garbageAloneIsNotMemorySpent() throws {
        let result = try HookFixtures.runHere(
            "return function() for i = 1, 40 do local s = ('x'):rep(999):rep(999) end return 1 end")
        #expect(result.status == .returned)
    }

    @Test func logIsBoundedInLinesAndBytes() throws {
        let lines = try HookFixtures.runHere(
            "return function() for i = 1, 100 do log('line', i) end return 1 end")
        #expect(lines.log.count == HookLimits.logLinesMax + 1)
        #expect(lines.log.first == "line 1")
        #expect(lines.log.last == "(36 more lines dropped)")
        let bytes = try HookFixtures.runHere(
            "return function() for i = 1, 10 do log(('x'):rep(3000)) end return 1 end")
        #expect(bytes.log.count == 3)
        #expect(bytes.log.reduce(0) { $0 + $1.utf8.count } <= HookLimits.logBytesMax + 64)
        let control = try HookFixtures.runHere(
            "return function() log('a\\nb\\0c') log() return 1 end")
        #expect(control.log == ["a b c", ""])
    }

    @Test func lookupsAreBounded() throws {
        var asked = 0
        let result = try HookFixtures.runHere(
            "return function() for i = 1, 1000 do allowlist.contains('demo', 'x') end end",
            lookup: { _ in
                asked += 1
                return true
            })
        #expect(result.status == .raised)
        #expect(asked == HookLimits.lookupsMax)
    }

    @Test func requestArrivesWhole() throws {
        let parameters: JSONObject = [
            "quote": "\",\"x\":\"", "text": "ä\u{0}\n\\😀", "number": 12, "list": [1, nil, true],
        ]
        let result = try HookFixtures.runHere(
            "return function(request) return request.parameters end", parameters: parameters)
        #expect(
            try JSONParser.parse(String(decoding: result.text, as: UTF8.self))
                == .object(parameters))
    }

    @Test(
        arguments: [
            (["SerialNumber": "unit-1"], .allowed(parameterOverrides: [:])),
            (
                ["SerialNumber": "unit-2"],
                .denied(reason: "serial number unit-2 is not on the allowlist")
            ),
            ([:], .denied(reason: "the parameter SerialNumber is missing")),
            (["SerialNumber": ""], .denied(reason: "the parameter SerialNumber is missing")),
            (["SerialNumber": 1], .denied(reason: "the parameter SerialNumber is missing")),
            (["SerialNumber": nil], .denied(reason: "the parameter SerialNumber is missing")),
            (
                ["SerialNumber": ["unit-1"]],
                .denied(reason: "the parameter SerialNumber is missing")
            ),
        ] as [(JSONObject, HookOutcome.Verdict)])
    func shippedAllowlistHookDecides(
        parameters: JSONObject, verdict: HookOutcome.Verdict
    ) async throws {
        var path = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3)
        path += ["Hooks", "serial-allowlist.lua"]
        let source = try #require(ProcessFiles.text(path.joined(separator: "/")))
        let pool = HookFixtures.pool()
        let outcome = await pool.run(
            try HookFixtures.script(source, name: "serial-allowlist"),
            request: try HookFixtures.request(parameters: parameters))
        #expect(outcome.verdict == verdict)
        await pool.shutdown()
    }

    @Test func respawnsKeepTheirPace() {
        let start = ContinuousClock.now
        var pace = RespawnPace(atOnceMax: 3, perSecondMax: 10, now: start)
        let waits = (0..<5).map { _ in pace.take(at: start) }
        #expect(
            waits == [.zero, .zero, .zero, .milliseconds(100), .milliseconds(200)])
        #expect(pace.take(at: start + .seconds(10)) == .zero)
    }
}

@Suite struct WorkerFrameTests {
    private let frame = WorkerFrame(head: ["a": 1], attachments: [[1, 2, 3], [], [0]])

    private func body(_ frame: WorkerFrame) throws -> ArraySlice<UInt8> {
        try #require(frame.encoded()).dropFirst(WorkerFrame.lengthBytes)
    }

    @Test func framesSurviveTheWay() throws {
        let encoded = try #require(self.frame.encoded())
        #expect(WorkerFrame.length(encoded[...]) == encoded.count - WorkerFrame.lengthBytes)
        #expect(WorkerFrame(body: try self.body(self.frame)) == self.frame)
    }

    @Test func everyTruncationIsNoFrameOrAnotherOne() throws {
        let body = try self.body(self.frame)
        for count in 0..<body.count {
            #expect(WorkerFrame(body: body.prefix(count)) != self.frame)
        }
    }

    @Test(
        arguments: [
            [], [0], [0, 0, 0, 0], [0, 0, 0, 2, 0x7B], [255, 255, 255, 255, 0x7B, 0x7D],
            [0, 0, 0, 2, 0x5B, 0x5D], [0, 0, 0, 2, 0x7B, 0x7D, 0],
            [0, 0, 0, 2, 0x7B, 0x7D, 0, 0, 0, 9],
        ] as [[UInt8]])
    func garbageIsNoFrame(bytes: [UInt8]) {
        #expect(WorkerFrame(body: bytes[...]) == nil)
    }

    @Test func framesAreBounded() {
        let bytes = [UInt8](repeating: 0, count: HookLimits.frameBytesMax)
        #expect(WorkerFrame(head: [:], attachments: [bytes]).encoded() == nil)
    }

    @Test(arguments: [
        #"{}"#, #"{"ready":1}"#, #"{"ready":{"process":1,"systemCalls":true}}"#,
        #"{"question":"a"}"#, #"{"question":"registry.thing","arguments":[1]}"#,
        #"{"ended":"well"}"#,
        #"{"ended":"returned","log":[],"instructions":1,"bytes":1,"microseconds":1}"#,
        #"{"ended":"returned","log":1,"instructions":1,"bytes":1,"microseconds":1}"#,
    ])
    func unknownReportsAreNone(head: String) throws {
        let members = try #require(try JSONParser.parse(head).objectValue)
        #expect(WorkerReport(WorkerFrame(head: members)) == nil)
    }

    @Test func messagesSurviveTheWay() throws {
        let call = WorkerCall(
            script: try HookFixtures.script("return 1"), request: try HookFixtures.request(),
            settings: HookFixtures.settings)
        #expect(WorkerCall(call.frame) == call)
        let result = SandboxResult(
            status: .raised, text: [1], log: ["a"],
            cost: .init(instructions: 1, bytes: 2, microseconds: 3))
        for report in [
            WorkerReport.ready(.init(process: true, systemCalls: false)),
            .question(.allowlistGet(list: "a", serial: "b")), .ended(result),
        ] {
            #expect(WorkerReport(report.frame) == report)
        }
        for value in [true, ["serial": "x"], JSONValue.null, nil] {
            #expect(WorkerAnswer(WorkerAnswer(value).frame)?.value == value)
        }
    }
}
