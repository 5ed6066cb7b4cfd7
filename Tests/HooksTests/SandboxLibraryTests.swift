import Fleet
import JSON
import Testing

@testable import Hooks

/// What scripts compute: the environment does what the Lua 5.4 manual says, where it is there.
@Suite struct SandboxLibraryTests {
    @Test(
        arguments: [
            // find, 6.4.1 and string.find
            (#"{("hello"):find("l")}"#, "[3,3]"),
            (#"{("hello"):find("xyz") == nil}"#, "[true]"),
            (#"{("hello"):find("")}"#, "[1,0]"),
            (#"{("hello"):find("", 6)}"#, "[6,5]"),
            (#"{("hello"):find("", 7) == nil}"#, "[true]"),
            (#"{("hello"):find("l", -2)}"#, "[4,4]"),
            (#"{("a.b"):find(".", 1, true)}"#, "[2,2]"),
            (#"{("a.b"):find("%.")}"#, "[2,2]"),
            (#"{("key = value"):find("(%w+)%s*=%s*(%w+)")}"#, #"[1,11,"key","value"]"#),
            (#"{("hello"):find("^h")}"#, "[1,1]"),
            (#"{("hello"):find("^e") == nil}"#, "[true]"),
            (#"{("hello"):find("o$")}"#, "[5,5]"),
            (#"{("a$b"):find("$b")}"#, "[2,3]"),
            // match
            (#"("2026-11-24"):match("(%d+)-(%d+)-(%d+)")"#, #""2026""#),
            (#"{("2026-11-24"):match("(%d+)-(%d+)-(%d+)")}"#, #"["2026","11","24"]"#),
            (#"{("hello"):match("()ll()")}"#, "[3,5]"),
            (#"("  trim  "):match("^%s*(.-)%s*$")"#, #""trim""#),
            (#"("f(a(b)c)d"):match("%b()")"#, #""(a(b)c)""#),
            (#"("THE (quick) fox"):match("%((%a+)%)")"#, #""quick""#),
            (#"("[[x]]"):match("%[%[(.*)%]%]")"#, #""x""#),
            (#"("abcabc"):match("(abc)%1")"#, #""abc""#),
            (#"("]"):match("[]]")"#, #""]""#),
            (#"("a-z"):match("[a%-z]+")"#, #""a-z""#),
            (#"("abc123"):match("[^%d]+")"#, #""abc""#),
            (#"("THE END"):match("%f[%a]%a+%f[%A]")"#, #""THE""#),
            (#"("x"):match("y?x")"#, #""x""#),
            (#"("0x1F"):match("^0[xX](%x+)$")"#, #""1F""#),
            (#"("aaa"):match("a-b") == nil"#, "true"),
            (#"("aaab"):match("a-b")"#, #""aaab""#),
            (#"("a\0b"):match("%z") == nil"#, "true"),
            (#"#("a\0b"):match(".-b")"#, "3"),
            // gsub
            (#"{("hello world"):gsub("o", "0")}"#, #"["hell0 w0rld",2]"#),
            (#"{("hello"):gsub("", "-")}"#, #"["-h-e-l-l-o-",6]"#),
            (#"{("abc"):gsub("%w", "%0%0")}"#, #"["aabbcc",3]"#),
            (#"{("abc"):gsub("%w", "%0%0", 2)}"#, #"["aabbc",2]"#),
            (#"{("hello world"):gsub("(%w+) (%w+)", "%2 %1")}"#, #"["world hello",1]"#),
            (#"{("$name is"):gsub("%$(%w+)", {name = "Lua"})}"#, #"["Lua is",1]"#),
            (#"{("abc"):gsub("b", function() return nil end)}"#, #"["abc",1]"#),
            (#"{("abc"):gsub("b", function(c) return c:upper() end)}"#, #"["aBc",1]"#),
            (#"{("abc"):gsub("^a", "x")}"#, #"["xbc",1]"#),
            (#"{("100%"):gsub("%%", "%%%%")}"#, #"["100%%",1]"#),
            (#"{("abc"):gsub("()", "%1")}"#, #"["1a2b3c4",4]"#),
            (#"{("abc def"):gsub("%f[%w]%w+", "X")}"#, #"["X X",2]"#),
            // other strings
            (#"{("abc"):byte(1, -1)}"#, "[97,98,99]"),
            (#"("abc"):byte(-1)"#, "99"),
            (#"("abc"):byte(10) == nil"#, "true"),
            (#"("ab"):rep(3, "-")"#, #""ab-ab-ab""#),
            (#"("ab"):rep(0)"#, #""""#),
            (#"("hello"):sub(-3, -2)"#, #""ll""#),
            (#"("Hi"):upper() .. ("Hi"):lower() .. ("Hi"):reverse() .. #"Hi""#, #""HIhiiH2""#),
            (
                #"string.format("%5d|%-5s|%05.1f|%x|%%", 42, "ab", 3.14159, 255)"#,
                #""   42|ab   |003.1|ff|%""#
            ),
            (#"string.format("%s %s %s", nil, true, 1.5)"#, #""nil true 1.5""#),
            (#"string.format("%.2s", "abc")"#, #""ab""#),
            (#"string.format("%c%c", 72, 105)"#, #""Hi""#),
            (#"string.char(72, 105)"#, #""Hi""#),
            (#"utf8.len("häß")"#, "3"),
            (#"utf8.char(228)"#, #""ä""#),
            // tables
            (#"table.concat({1, 2, 3}, ",")"#, #""1,2,3""#),
            (#"table.concat({}, ",")"#, #""""#),
            (#"table.concat({1, 2, 3}, ",", 2, 3)"#, #""2,3""#),
            ("(function() local t = {3, 1, 2} table.sort(t) return t end)()", "[1,2,3]"),
            (
                "(function() local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) "
                    + "return t end)()", "[3,2,1]"
            ),
            ("(function() local t = {1, 2} table.insert(t, 1, 0) return t end)()", "[0,1,2]"),
            ("(function() local t = {1, 2} table.insert(t, 3) return t end)()", "[1,2,3]"),
            ("(function() local t = {1, 2, 3} return {table.remove(t, 1), t} end)()", "[1,[2,3]]"),
            ("(function() local t = {1, 2, 3} table.remove(t) return t end)()", "[1,2]"),
            ("table.move({1, 2, 3}, 1, 3, 2)", "[1,1,2,3]"),
            ("table.move({1, 2, 3}, 2, 3, 1)", "[2,3,3]"),
            ("table.move({1, 2}, 1, 2, 1, {})", "[1,2]"),
            ("table.pack(1, nil, 3).n", "3"),
            ("{table.unpack({1, 2, 3}, 2)}", "[2,3]"),
            ("select('#', table.unpack({}, 1, 3))", "3"),
            // the rest
            (
                "{tostring({}), tostring(type), tostring(nil), tostring(12)}",
                #"["table","function","nil","12"]"#
            ),
            ("{pcall(error, 'x')}", #"[false,"x"]"#),
            ("{pcall(function() return 1, 2 end)}", "[true,1,2]"),
            ("{xpcall(error, function(m) return m .. '!' end, 'x')}", #"[false,"x!"]"#),
            ("{xpcall(function(a, b) return b, a end, type, 1, 2)}", "[true,2,1]"),
            ("tostring(setmetatable({}, {__tostring = function() return 'me' end}))", #""me""#),
            ("setmetatable({}, {__index = {a = 1}}).a", "1"),
            (
                "(function() local m = {} local o = setmetatable({}, m) "
                    + "return getmetatable(o) == m end)()", "true"
            ),
            ("getmetatable('') == false", "true"),
            ("getmetatable(setmetatable({}, {__metatable = 'mine'}))", #""mine""#),
            ("next({}) == nil", "true"),
            ("{('abc'):byte(0)}", "{}"),
            ("{('abc'):byte(-5)}", "{}"),
            ("{('abc'):byte(-5, -2)}", "[97,98]"),
            ("{next({b = 1, a = 2})}", #"["a",2]"#),
            ("{next({b = 1, a = 2}, 'a')}", #"["b",1]"#),
            ("math.max(1, 5, 3) + math.floor(2.5)", "7"),
            ("time.now()", "1800000000"),
            ("tonumber('0x10') + tonumber('z', 36)", "51"),
            (
                "json.decode('{\"a\":[1,2.5,null,true,\"\\\\u00e4\\\\ud83d\\\\ude00\"]}').a[5]",
                #""ä😀""#
            ),
            ("json.decode('[null]')[1] == json.null", "true"),
            (
                #"json.encode({b = 1, a = {1, 2}, c = {}, d = "x\n"})"#,
                #""{\"a\":[1,2],\"b\":1,\"c\":{},\"d\":\"x\\u000a\"}""#
            ),
        ] as [(String, String)])
    func expressionGivesWhatTheManualSays(expression: String, expected: String) throws {
        let result = try HookFixtures.evaluate("return \(expression)")
        #expect(result == expected, "\(expression)")
    }

    @Test(arguments: [
        ("os.time()", "unknown name 'os'"),
        ("io.open('/etc/passwd')", "unknown name 'io'"),
        ("require('os')", "unknown name 'require'"),
        ("load('return 1')()", "unknown name 'load'"),
        ("dofile('x')", "unknown name 'dofile'"),
        ("debug.sethook()", "unknown name 'debug'"),
        ("coroutine.wrap(type)", "unknown name 'coroutine'"),
        ("collectgarbage()", "unknown name 'collectgarbage'"),
        ("package.path", "unknown name 'package'"),
        ("print('x')", "unknown name 'print'"),
        ("math.random()", "field 'random'"),
        ("string.dump(type)", "field 'dump'"),
        ("setmetatable({}, {__gc = 1})", "may not have '__gc'"),
        ("setmetatable({}, {__close = 1})", "may not have '__close'"),
        ("setmetatable({}, {__len = 1})", "may not have '__len'"),
        ("setmetatable({}, {__mode = 'k'})", "may not have '__mode'"),
        ("setmetatable(setmetatable({}, {__metatable = 1}), {})", "protected metatable"),
        ("setmetatable(_G, {})", "protected metatable"),
        ("string.format('%p', {})", "no conversion '%p'"),
        ("string.format('%d', 1.5)", "number has no integer representation"),
        ("string.format('%d')", "no value"),
        ("string.format('%', 1)", "no conversion"),
        ("string.format('%123d', 1)", "too long"),
        ("('x'):find('(')", "unfinished capture"),
        ("('x'):find('%')", "ends with '%'"),
        ("('x'):find('[a')", "missing ']'"),
        ("('x'):find('%f')", "missing '['"),
        ("('x'):find('%b')", "missing arguments"),
        ("('x'):find('%1')", "invalid capture index"),
        ("('x'):match(')')", "invalid pattern capture"),
        ("('x'):gsub('x', '%2')", "invalid capture index"),
        ("('x'):gsub('x', '%a')", "invalid use of '%'"),
        ("('x'):gsub('x', function() return {} end)", "invalid replacement value"),
        ("('x'):rep(1e9)", "too large"),
        ("pairs({[{}] = 1})()", "fixed order"),
        ("table.unpack({}, 1, 1e8)", "at most 250"),
        ("table.insert({}, 5, 1)", "out of bounds"),
        ("table.insert({})", "wrong number of arguments"),
        ("table.concat({{}})", "invalid value (at index 1)"),
        ("table.sort({1, 'x'})", "attempt to compare"),
        ("json.encode(type)", "has no JSON form"),
        ("json.encode(1/0)", "no JSON form"),
        ("json.encode({[1] = 1, a = 2})", "must be all strings"),
        ("json.encode((function() local t = {} t.t = t return t end)())", "in a circle"),
        ("json.decode('[1,]')", "JSON:"),
        ("json.decode('0x10')", "unexpected text"),
        ("json.decode('\"\\\\ud800\"')", "lone surrogate"),
        ("json.decode(('['):rep(100))", "too deep"),
        ("'1' + 1", "arithmetic on a string"),
        ("undeclared", "unknown name 'undeclared'"),
        ("error({})", "not a string"),
    ])
    func refusalSaysWhatIsWrong(expression: String, message: String) throws {
        let result = try HookFixtures.evaluate("return \(expression)")
        #expect(result.hasPrefix("! "), "\(expression) gave \(result)")
        #expect(result.contains(message), "\(expression) gave \(result)")
    }

    @Test func errorsNameScriptAndLine() throws {
        let result = try HookFixtures.runHere("return function()\n\n  error('here')\nend")
        #expect(String(decoding: result.text, as: UTF8.self) == "probe:3: here")
    }

    @Test func syntaxErrorsNameScriptAndLine() throws {
        let result = try HookFixtures.runHere("return function()\n  local = 1\nend")
        #expect(result.status == .notLua)
        #expect(String(decoding: result.text, as: UTF8.self).hasPrefix("probe:2: "))
    }

    @Test(arguments: ["", "return 1", "return", "return {}", "x = 1"])
    func scriptMustReturnAFunction(source: String) throws {
        let result = try HookFixtures.runHere(source)
        #expect(result.status == .raised)
        #expect(String(decoding: result.text, as: UTF8.self).contains("must return a function"))
    }

    @Test func binaryChunksAreRefused() throws {
        let result = try HookFixtures.runHere("\u{1B}Lua\u{54}\u{00}")
        #expect(result.status == .notLua || result.status == .raised)
        #expect(String(decoding: result.text, as: UTF8.self).contains("binary"))
    }

    @Test func closeVariablesHaveNothingToClose() throws {
        // The metamethod added after the fact is not the object's.
        let result = try HookFixtures.evaluate(
            """
            local m = {} local o = setmetatable({}, m) m.__close = function() end
            local x <close> = o
            return 1
            """)
        #expect(result.contains("non-closable"))
    }
}
