import Fleet
import JSON
import Testing

@testable import Hooks

/// Scripts that try to stay, to grow, to get out or to leave something behind. Each runs in a real
/// worker; whatever it does, its call ends as a refusal, and the call after it is served.
@Suite struct HostileScriptTests {
    struct Probe: CustomTestStringConvertible, Sendable {
        let name: String
        let source: String
        var testDescription: String { self.name }

        init(_ name: String, _ body: String) {
            self.name = name
            self.source = "return function(request)\n\(body)\nend"
        }

        init(_ name: String, source: String) {
            self.name = name
            self.source = source
        }
    }

    static let probes = Self.scripts + Self.dearInstructions

    static let scripts: [Probe] = [
        // Loops in Lua.
        Probe("endless loop", "while true do end"),
        Probe("endless goto", "::again:: goto again"),
        Probe("endless repeat", "repeat until false"),
        Probe("endless for", "for i = 1, math.huge do end"),
        Probe("endless recursion", "local function f() return f() + 1 end return f()"),
        Probe("endless tail call", "local function f() return f() end return f()"),
        Probe("loop while loading", source: "while true do end"),
        // Catching what stops them.
        Probe("pcall around a loop", "while true do pcall(function() while true do end end) end"),
        Probe("nested pcall", "local function f() pcall(f) while true do end end f()"),
        Probe(
            "xpcall with a looping handler",
            "xpcall(function() error('x') end, function() while true do end end)"),
        Probe(
            "xpcall with a raising handler",
            "while true do xpcall(error, function() error('y') end, 'x') end"),
        Probe("pcall of errors", "while true do pcall(error, 'x') end"),
        Probe(
            "pcall of memory errors",
            "while true do pcall(function() local s = 'x' while true do s = s .. s end end) end"),
        Probe(
            "error object with a looping __tostring",
            "error(setmetatable({}, {__tostring = function() while true do end end}))"),
        // Memory.
        // What the interpreter does without a function to charge for it.
        Probe(
            "comparing long strings",
            "local a = ('x'):rep(1e6) .. 'a' local b = ('x'):rep(1e6) .. 'b' "
                + "while true do local c = a < b end"),
        Probe(
            "equality of long strings",
            "local a = ('x'):rep(1e6) .. 'a' local b = ('x'):rep(1e6) .. 'b' "
                + "while true do local c = a == b end"),
        Probe("growing table", "local t = {} for i = 1, 1e9 do t[i] = i end"),
        Probe("growing string", "local s = 'x' while true do s = s .. s end"),
        Probe("one huge string", "return ('x'):rep(1e9)"),
        Probe("huge strings again and again", "while true do local s = ('x'):rep(1e6) end"),
        Probe("empty string repeated", "while true do local s = (''):rep(1e9, '') end"),
        Probe(
            "concat again and again",
            "local t = {} for i = 1, 1000 do t[i] = ('x'):rep(1000) end "
                + "while true do local s = table.concat(t) end"),
        Probe(
            "many closures", "local t = {} while true do t[#t + 1] = function() return t end end"),
        Probe("deep tables", "local t = {} while true do t = {t} end"),
        // Library loops, out of the count hook's sight.
        Probe("find .-.-b", "while true do ('a'):rep(256):find('.-.-b') end"),
        Probe("find .-.-.-b", "return ('a'):rep(256):find('.-.-.-b')"),
        Probe("find .-b on much", "while true do ('a'):rep(65536):find('.-b') end"),
        Probe("gsub a*a*b", "return ('a'):rep(200000):gsub('a*a*b', '')"),
        Probe("find with 28 .-", "return ('a'):rep(3000):find(('.-'):rep(28) .. 'b')"),
        Probe("match with nested captures", "return ('a'):rep(300):match('(.-)(.-)(.-)(.-)b')"),
        Probe("gmatch that backtracks", "for x in ('a'):rep(5000):gmatch('.-.-.-b') do end"),
        Probe("balance again and again", "while true do ('('):rep(100000):match('%b()') end"),
        Probe(
            "set of a megabyte",
            "local set = '[' .. ('b'):rep(1000000) .. ']*c' "
                + "while true do ('a'):rep(10000):find(set) end"),
        Probe(
            "plain find of a long needle",
            "local hay = ('a'):rep(2000000) local needle = ('a'):rep(1000000) .. 'b' "
                + "while true do hay:find(needle, 1, true) end"),
        Probe("table.move of a billion", "table.move({}, 1, 1e9, 2)"),
        Probe("table.move to another", "table.move({}, 1, 2e9, 2, {})"),
        Probe("table.concat of a billion", "return table.concat({}, '', 1, 1e9)"),
        Probe("table.unpack of a billion", "return table.unpack({}, 1, 1e9)"),
        Probe(
            "table.insert with __len",
            "table.insert(setmetatable({}, {__len = function() return 1e9 end}), 1, 2)"),
        Probe(
            "insert at the front",
            "local t = {} while true do table.insert(t, 1, 1) end"),
        Probe(
            "sort with a comparator that lies",
            "local t = {} for i = 1, 5000 do t[i] = i end "
                + "while true do table.sort(t, function() return true end) end"),
        Probe(
            "sort with a comparator that loops",
            "table.sort({1, 2, 3}, function() while true do end end)"),
        Probe("format again and again", "while true do string.format('%99.99f', 1e308) end"),
        Probe("tonumber of much", "local s = (' '):rep(1000000) while true do tonumber(s) end"),
        Probe("lower of much", "local s = ('A'):rep(1000000) while true do s:len() s:lower() end"),
        Probe("utf8.len of much", "local s = ('a'):rep(1000000) while true do utf8.len(s) end"),
        Probe(
            "pairs of much",
            "local t = {} for i = 1, 9999 do t['k' .. i] = i end "
                + "while true do for k in pairs(t) do end end"),
        Probe(
            "next of much",
            "local t = {} for i = 1, 9999 do t['k' .. i] = i end "
                + "while true do next(t) end"),
        Probe(
            "json in a loop",
            "local t = {} for i = 1, 999 do t[i] = i end while true do json.encode(t) end"),
        Probe("json of a circle", "local t = {} t.t = t return t"),
        Probe("json nested too deep", "return json.decode(('['):rep(1e6))"),
        // Metatables.
        Probe(
            "finaliser that loops",
            "setmetatable({}, {__gc = function() while true do end end}) "
                + "while true do local t = {} end"),
        Probe(
            "finaliser added later",
            "local m = {} setmetatable({}, m) m.__gc = function() while true do end end "
                + "while true do local t = {} end"),
        Probe(
            "__index that loops",
            "return setmetatable({}, {__index = function(t, k) return t[k] end}).x"),
        Probe(
            "__concat that grows",
            "local t t = setmetatable({}, {__concat = function(a, b) return a .. t end}) "
                + "return t .. t"
        ),
        Probe(
            "__eq that loops",
            "local m = {__eq = function() while true do end end} "
                + "return setmetatable({}, m) == setmetatable({}, m)"
        ),
        Probe(
            "__call chain",
            "local t = setmetatable({}, {}) t = setmetatable({}, {__call = t}) return t()"),
        Probe("strings' metatable", "getmetatable('').__index = nil"),
        Probe("protected globals", "setmetatable(_G, nil)"),
        // Ways out.
        Probe("debug.sethook", "debug.sethook() while true do end"),
        Probe("bytecode", "return load(string.dump(function() end))"),
        Probe("binary chunk", source: "\u{1B}LuaT"),
        Probe("coroutines", "while true do coroutine.wrap(function() while true do end end)() end"),
        Probe("io.open", "return io.open('/etc/passwd'):read('a')"),
        Probe("os.execute", "return os.execute('true')"),
        Probe("require", "return require('os')"),
        Probe("_G by another name", "return _ENV.os.getenv('HOME')"),
        Probe("address by format", "return string.format('%p', {})"),
        // The compiler.
        Probe("nested parentheses", source: "return " + String(repeating: "(", count: 30_000)),
        Probe("nested tables", source: "return " + String(repeating: "{", count: 30_000)),
        Probe("nested functions", source: String(repeating: "return function() ", count: 3000)),
        Probe("const _ENV", source: "local _ENV <const> = {} return function() x = 1 end"),
        Probe("many locals", source: String(repeating: "local a ", count: 8000)),
        Probe("many gotos", source: String(repeating: "goto x ", count: 9000)),
        Probe("long concat", source: "return " + String(repeating: "'a'..", count: 10_000) + "1"),
        Probe("unfinished string", source: "return [==["),
        Probe("zeros", source: "return \u{0}\u{0}"),
        // Nonsense.
        Probe("nothing", "return"),
        Probe("truth", "return true"),
        Probe("text", "return 'allow'"),
        Probe("a function", "return function() end"),
        Probe("allow with text", "return {allowProvisioning = 'true'}"),
        Probe(
            "overrides that are functions",
            "return {allowProvisioning = true, parameterOverrides = {a = type}}"),
        Probe(
            "overrides not UTF-8",
            "return {allowProvisioning = true, parameterOverrides = {a = '\\xFF'}}"),
        Probe("a huge answer", "return {allowProvisioning = true, denyReason = ('x'):rep(1e6)}"),
        Probe("a huge error", "error(('x'):rep(1e6))"),
        Probe("look-ups without end", "while true do allowlist.contains('demo', 'x') end"),
        Probe("log without end", "while true do log(('x'):rep(1000)) end"),
        Probe("things without end", "while true do pcall(registry.thing, 'x') end"),
        Probe("counts without end", "while true do pcall(registry.count, '*', 9) end"),
        Probe("entries without end", "while true do pcall(allowlist.get, 'demo', 'x') end"),
        Probe(
            "split of much again and again",
            "local s = ('a,'):rep(50000) while true do text.split(s, ',') end"),
        Probe(
            "split by a long separator",
            "local s = ('a'):rep(400000) while true do text.split(s, s:sub(2) .. 'b') end"),
        Probe("trim of much", "local s = (' '):rep(1000000) while true do text.trim(s) end"),
        Probe("luhn of much", "local s = ('1'):rep(1000000) while true do text.luhn(s) end"),
        Probe("mod97 of much", "local s = ('A'):rep(1000000) while true do text.mod97(s) end"),
        Probe(
            "starts with much",
            "local s = ('A'):rep(1000000) while true do text.starts(s, s) end"),
        Probe("dates without end", "while true do time.utc(time.now()) end"),
        Probe("a date of another age", "return time.utc(math.maxinteger)"),
        Probe("a question with zeros in it", "return allowlist.get('demo\\0', 'x')"),
        Probe("a question that is no text", "return registry.thing('\\xFF\\xFE')"),
        Probe("a question as long as memory", "return registry.thing(('x'):rep(1500000))"),
        Probe("claim that loops", "while true do claim = {claim} end"),
        Probe(
            "reason code of another kind",
            "return {allowProvisioning = false, reasonCode = {'a'}}"),
        Probe(
            "attributes without end",
            "local t = {} for i = 1, 99 do t['k' .. i] = 'v' end "
                + "return {allowProvisioning = true, attributes = t}"),
        Probe("no such list name", "return allowlist.contains('no such list!', 'x')"),
        Probe("an argument of another type", "return allowlist.contains({}, 1)"),
    ]

    /// Anchors A5: every probe that was measured there, and more.
    @Test(arguments: Self.probes)
    func isRefusedInTimeAndHarmsNobody(probe: Probe) async throws {
        // A tight budget, so that the table is quick; the deadline is there for what escapes it.
        let settings = HookSettings(
            workers: 1, deadlineMilliseconds: HookFixtures.deadlineMilliseconds,
            waitMillisecondsMax: HookFixtures.deadlineMilliseconds, instructionsMax: 200_000,
            memoryBytesMax: 4 << 20)
        let pool = HookFixtures.pool(settings)
        let outcome = await pool.run(
            try HookFixtures.script(probe.source), request: try HookFixtures.request())
        guard case .failed(let cause) = outcome.verdict else {
            Issue.record("ended as \(outcome.verdict)")
            await pool.shutdown()
            return
        }
        #expect(!cause.contains("worker"), "the sandbox let it through: \(cause)")
        let next = await pool.run(
            try HookFixtures.script("return function() return {allowProvisioning = true} end"),
            request: try HookFixtures.request())
        #expect(next.verdict == .allowed(parameterOverrides: [:]))
        await pool.shutdown()
    }

    /// With the service's own budget: what a probe costs is what its worker measured, and no clock
    /// that a busy machine could stretch.
    @Test(arguments: Self.probes)
    func endsWithinTwiceTheDeadlineBesideAnHonestCall(probe: Probe) async throws {
        let service = HookSettings.standard(cores: 1)
        var settings = service
        settings.workers = 2
        settings.deadlineMilliseconds = HookFixtures.deadlineMilliseconds
        settings.waitMillisecondsMax = HookFixtures.deadlineMilliseconds
        let pool = HookFixtures.pool(settings)
        let cost = try #require(try await self.run(probe, on: pool).cost)
        #expect(cost.microseconds <= 2 * service.deadlineMilliseconds * 1000)
        #expect(cost.bytes <= service.memoryBytesMax)
        await pool.shutdown()
    }

    /// What no budget ends is killed.
    @Test func isKilledAtTheDeadline() async throws {
        let probe = Probe("a loop", "while true do end")
        let settings = HookSettings(
            workers: 2, deadlineMilliseconds: 500,
            waitMillisecondsMax: HookFixtures.deadlineMilliseconds, instructionsMax: Int.max)
        let pool = HookFixtures.pool(settings)
        #expect(try await self.run(probe, on: pool, honestly: false).verdict == .timedOut)
        await pool.shutdown()
    }

    /// - Parameter honestly: whether an honest call beside it has to be served, whose own deadline
    ///   no busy machine reaches.
    private func run(
        _ probe: Probe, on pool: HookPool, honestly: Bool = true
    ) async throws -> HookOutcome {
        let (script, request) = (
            try HookFixtures.script(probe.source), try HookFixtures.request()
        )
        let honest = try HookFixtures.script(
            "return function() return {allowProvisioning = true} end", name: "honest")
        async let ended = pool.run(script, request: request)
        if honestly {
            let served = await pool.run(honest, request: request)
            #expect(served.verdict == .allowed(parameterOverrides: [:]))
        }
        return await ended
    }
}
