import Fleet
import JSON
import Testing

@testable import Hooks

/// What a hook says and costs depends on its request, its reads and its time: not on addresses, nor
/// on the seed that Lua takes for each state.
@Suite struct SandboxDeterminismTests {
    @Test(arguments: [
        // Which of several faults is told first.
        "return {pcall(setmetatable, {}, {__gc = 1, __len = 1, __mode = 1, __close = 1})}",
        "return {pcall(pairs, {[{}] = 1, [type] = 2, [function() end] = 3})}",
        "return {pcall(next, {[{}] = 1, [type] = 2, [function() end] = 3})}",
        "return {pcall(json.encode, {[{}] = 1, [type] = 2, a = function() end, b = {[1.5] = 1}})}",
        // In what order keys are met.
        "local t = {} for i = 1, 300 do t[('k'):rep(i % 17 * 16) .. i] = i end return {next(t)}",
        """
        local t, seen = {}, {} for i = 1, 99 do t['k' .. i * 7919 % 101] = i t[i / 3] = i end
        for key, value in pairs(t) do seen[#seen + 1] = tostring(key) .. '=' .. value end
        return seen
        """,
        "local m = {} for i = 1, 60 do m['__x' .. i] = i end setmetatable({}, m) return m",
        """
        local t = {} for i = 1, 200 do t[i] = {key = i * 31 % 17} end
        table.sort(t, function(a, b) return a.key < b.key end) return t
        """,
        // What addresses could show.
        "return {tostring({}), tostring(type), tostring(nil), string.format('%s', {})}",
        "return {pcall(function() return {} .. 'x' end)}",
        "return {pcall(error, {})}",
        "local u = setmetatable({}, {__name = 'mine'}) return {tostring(u), pcall(string.rep, u)}",
        // What ends with the memory or the budget.
        "local t = {} while true do t[#t + 1] = {#t} end",
        "local s = 'x' while true do s = s .. s end",
        "while true do local x = ('a'):rep(100):find('.-.-b') end",
    ])
    func theSameAgain(body: String) throws {
        let source = "return function(request) \(body) end"
        let first = try HookFixtures.runHere(source)
        for _ in 0..<5 {
            let again = try HookFixtures.runHere(source)
            #expect(again.status == first.status)
            #expect(again.text == first.text)
            #expect(again.cost.instructions == first.cost.instructions)
            #expect(again.cost.bytes == first.cost.bytes)
        }
    }

    /// A walk over a table's keys is paid for whatever place its keys have.
    @Test func emptyPlacesAreNotFree() throws {
        func cost(_ size: Int) throws -> Int {
            try HookFixtures.runHere(
                """
                return function()
                    local t = {}
                    for i = 1, \(size) do t[i] = i end
                    for i = 1, \(size) do t[i] = nil end
                    for i = 1, 100 do next(t) end
                    return {}
                end
                """
            ).cost.instructions
        }
        let (few, many) = (try cost(100), try cost(10_000))
        // A hundred times the places; what filling them costs is no more than 40 for each.
        #expect(many > few + 100 * 10_000 / 4)
    }

    /// Each instruction of a script that takes remainders may be one of floats that are far apart.
    @Test(arguments: [
        ("local x = i % 7", true), ("local x = 'a' .. i % 7", true),
        ("local t = {{1}} local x = t[t[1][1]] and i % 7", true),
        ("local x = [==[ ]=] ]==] .. i % 7", true), ("-- 'no\n local x = i % 7", true),
        ("-- no\r local x = i % 7", true), ("--[[ \" ]] local x = i % 7", true),
        ("--[=no\n local x = i % 7", true), ("local x = '\\\\' .. i % 7", true),
        ("local x = i // 7", false), ("local x = '%d' .. \"%'\"", false),
        ("local x = '\\'%' .. '\\z\n %'", false), ("--[==[ ]] % \n % ]==] local x = i", false),
        ("local x = [=[ ]] % ]=]", false), ("-- % of it", false),
    ])
    func aRemainderIsPaidFor(line: String, isDear: Bool) throws {
        let run = try HookFixtures.runHere(
            "return function() for i = 1, 300 do \(line)\n end return {} end")
        #expect(run.status == .returned)
        #expect((run.cost.instructions > 30 * 300) == isDear)
    }

    @Test func chainsOfMetatablesWork() throws {
        let result = try HookFixtures.evaluate(
            """
            local Animal = {} Animal.__index = Animal
            function Animal.legs() return 4 end
            local Dog = setmetatable({}, Animal) Dog.__index = Dog
            function Dog.says() return 'woof' end
            setmetatable(Animal, {__call = function(self, name) return name end})
            local dog = setmetatable({}, Dog)
            return {dog.says(), dog.legs(), Animal('rex')}
            """)
        #expect(result == #"["woof",4,"rex"]"#)
    }

    @Test func errorsNameTheirPlaceAtAnyLevelThatIsNear() throws {
        let near = try HookFixtures.evaluate(
            "local function f() error('x', 2) end return {pcall(function() f() end)}")
        #expect(near == #"[false,"probe:1: x"]"#)
        let far = try HookFixtures.evaluate("return {pcall(error, 'x', 100)}")
        #expect(far == #"[false,"x"]"#)
    }
}
