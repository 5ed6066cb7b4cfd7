import Fleet
import JSON
import Testing

@testable import Hooks

/// What a script can read, and the helpers beside it.
@Suite struct SandboxReadTests {
    @Test(arguments: [
        (#"return text.trim("  a b\t\n")"#, #""a b""#), (#"return text.trim("")"#, #""""#),
        (#"return text.split("a,b,,c", ",")"#, #"["a","b","","c"]"#),
        (#"return text.split("", ",")"#, #"[""]"#),
        (#"return text.split("a--b", "--")"#, #"["a","b"]"#),
        (#"return text.starts("abc", "ab")"#, "true"), (#"return text.starts("a", "ab")"#, "false"),
        (#"return text.ends("abc", "bc")"#, "true"), (#"return text.ends("c", "bc")"#, "false"),
        (#"return text.isDigits("0123")"#, "true"), (#"return text.isDigits("")"#, "false"),
        (#"return text.isDigits("12a")"#, "false"),
        (#"return text.luhn("79927398713")"#, "true"),
        (#"return text.luhn("79927398710")"#, "false"),
        (#"return text.luhn("7992739871x")"#, "false"), (#"return text.luhn("0")"#, "false"),
        (#"return text.mod97("3214282912345698765432161182")"#, "1"),
        (#"return text.mod97("a") == nil"#, "true"), (#"return text.mod97("") == nil"#, "true"),
        (
            #"local t = time.utc(951782399) return {t.month, t.day, t.hour, t.second, t.weekday}"#,
            "[2,28,23,59,1]"
        ),
        (#"local t = time.utc(951782400) return {t.year, t.month, t.day}"#, "[2000,2,29]"),
        (#"local t = time.utc(0) return {t.year, t.month, t.day, t.weekday}"#, "[1970,1,1,4]"),
        (
            #"local t = time.utc(253402300799) return {t.year, t.month, t.day}"#,
            "[9999,12,31]"
        ),
        (#"return pcall(time.utc, -1)"#, "false"), (#"return pcall(text.split, "a", "")"#, "false"),
        (#"return pcall(text.trim, 1)"#, "false"), (#"return type(claim)"#, #""table""#),
        (#"return pcall(registry.count, "*", 0)"#, "false"),
        (#"return pcall(registry.count, "*", 100001)"#, "false"),
    ])
    func helpersGiveTheseAnswers(body: String, expected: String) throws {
        #expect(try HookFixtures.evaluate(body) == expected)
    }

    @Test func questionsReachTheServiceAndItsAnswersTheScript() throws {
        var asked: [HookQuestion] = []
        let result = try HookFixtures.runHere(
            """
            return function()
                return {
                    allowlist.contains("l", "s"), allowlist.get("l", "s").lot,
                    registry.thing("t").attributes.a, registry.count("q", 5),
                    registry.thing("none") == nil,
                }
            end
            """,
            lookup: { question in
                asked.append(question)
                switch question {
                case .allowlistContains: return true
                case .allowlistGet: return ["lot": "L1"]
                case .registryThing(let name):
                    return name == "none" ? .null : ["attributes": ["a": "b"]]
                case .registryCount(_, let most): return .int(most)
                }
            })
        #expect(String(decoding: result.text, as: UTF8.self) == #"[true,"L1","b",5,true]"#)
        #expect(
            asked == [
                .allowlistContains(list: "l", serial: "s"), .allowlistGet(list: "l", serial: "s"),
                .registryThing(name: "t"), .registryCount(query: "q", most: 5),
                .registryThing(name: "none"),
            ])
    }

    @Test(arguments: [
        "allowlist.get = nil", "registry.thing = print", "text.luhn = nil", "time.now = nil",
        "claim.station = 'mine'", "string.find = nil", "table.concat = nil", "math.floor = nil",
        "json.null = 1", "log = nil", "pairs = nil", "_G.type = nil", "_ENV.error = nil",
        "rawset(_G, 'assert', nil)",
    ])
    func nothingAScriptAltersIsThereForTheNext(alteration: String) async throws {
        let pool = HookFixtures.pool()
        _ = await pool.run(
            try HookFixtures.script("return function() pcall(function() \(alteration) end) end"),
            request: try HookFixtures.request())
        let next = await pool.run(
            try HookFixtures.script(
                """
                return function()
                    return {
                        allowProvisioning = type(allowlist.get) == "function"
                            and type(registry.thing) == "function" and text.luhn("18")
                            and time.now() > 0 and claim.station == nil
                            and ("a"):find("a") == 1 and table.concat({}) == ""
                            and math.floor(1.5) == 1 and json.null ~= 1 and type(log) == "function"
                            and type(pairs) == "function" and type(error) == "function"
                            and type(assert) == "function",
                    }
                end
                """), request: try HookFixtures.request())
        #expect(next.verdict == .allowed(parameterOverrides: [:]))
        await pool.shutdown()
    }

    @Test(arguments: [
        (#"{"allowProvisioning":false,"reasonCode":"lot-held"}"#, "lot-held"),
        (#"{"allowProvisioning":true,"reasonCode":"A.b_1"}"#, "A.b_1"),
    ])
    func reasonCodeIsKept(text: String, code: String) throws {
        #expect(HookContract.answer(try JSONParser.parse(text)).reasonCode == code)
    }

    @Test(arguments: [
        #"{"allowProvisioning":false,"reasonCode":""}"#,
        #"{"allowProvisioning":false,"reasonCode":"a b"}"#,
        #"{"allowProvisioning":false,"reasonCode":1}"#,
        #"{"allowProvisioning":true,"attributes":[]}"#,
        #"{"allowProvisioning":true,"attributes":{"station":1}}"#,
        #"{"allowProvisioning":true,"attributes":{"":"x"}}"#,
    ])
    func whatIsNotUnderstoodFails(text: String) throws {
        guard case .failed = HookContract.answer(try JSONParser.parse(text)).verdict else {
            Issue.record("was understood")
            return
        }
    }
}
