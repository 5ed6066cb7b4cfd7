/// Scripts that look for the instruction, or the library function, that costs more than it pays
/// for. Before each was priced, it ran for seconds upon a budget meant for a tenth of one.
extension HostileScriptTests {
    static let dearInstructions: [Probe] = [
        // Values that one instruction copies.
        Probe("select of much", "local function f(...) return f(1, ...) end return f()"),
        Probe(
            "arguments that are copied and dropped",
            "local function h() end local function f(...) while true do h(...) end end "
                + "local function g(n, ...) if n == 0 then return f(...) end "
                + "return g(n - 1, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, ...) end g(500)"),
        Probe(
            "unpack again and again",
            "local t = {} for i = 1, 250 do t[i] = i end "
                + "while true do local a = table.unpack(t) end"),
        Probe(
            "the largest of many",
            "local t = {} for i = 1, 250 do t[i] = i end "
                + "while true do math.max(table.unpack(t)) end"),
        Probe(
            "characters of many",
            "local t = {} for i = 1, 250 do t[i] = 65 end "
                + "while true do utf8.char(table.unpack(t)) string.char(table.unpack(t)) end"),
        Probe("bytes of much", "local s = ('x'):rep(250) while true do s:byte(1, 250) end"),
        // Tables with more room than entries.
        Probe(
            "pairs of an emptied table",
            "local t = {} for i = 1, 20000 do t['k' .. i] = i end "
                + "for i = 1, 19999 do t['k' .. i] = nil end "
                + "while true do for k in pairs(t) do end end"),
        Probe(
            "next of an emptied table",
            "local t = {} for i = 1, 100000 do t[i] = i end "
                + "for i = 1, 100000 do t[i] = nil end while true do next(t) end"),
        Probe(
            "json of an emptied table",
            "local t = {} for i = 1, 100000 do t[i] = i end "
                + "for i = 1, 100000 do t[i] = nil end while true do json.encode(t) end"),
        Probe(
            "setmetatable with an emptied table",
            "local t = {} for i = 1, 100000 do t[i] = i end "
                + "for i = 1, 100000 do t[i] = nil end while true do setmetatable({}, t) end"),
        Probe(
            "a table that is counted with every entry",
            "local t = {} for i = 1, 100000 do t[i] = i end t.x = 1 t.y = 1 local i = 0 "
                + "while true do i = i + 1 t[-i] = 1 t[-i - 3] = 1 t[-i] = nil "
                + "t[-i - 3] = nil end"),
        // Entries that share a place: whole numbers are spread by a remainder that all know.
        Probe(
            "entries behind all others",
            "local t = {} for i = 1, 40000 do t[i * 65535] = i end "
                + "while true do local x = t[65535] end"),
        Probe(
            "pairs of entries behind each other",
            "local t = {} for i = 1, 16000 do t[i * 16383] = i end "
                + "while true do for k in pairs(t) do end end"),
        Probe(
            "moves of entries behind each other",
            "local t, u = {}, {} for i = 1, 3000 do t[i * 4095] = i end "
                + "while true do table.move(t, 4095, 4095 * 20, 1, u) end"),
        Probe(
            "unpack of entries behind each other",
            "local t = {} for i = 1, 3000 do t[i * 4095] = i end "
                + "while true do table.unpack(t, 4096, 4300) end"),
        Probe(
            "concat of entries behind each other",
            "local t = {} for i = 1, 3000 do t[i * 4095] = 'x' end "
                + "for i = 4096, 4300 do t[i] = 'x' end "
                + "while true do table.concat(t, '', 4095, 4300) end"),
        // Chains.
        Probe("__call in a circle", "local t = {} setmetatable(t, {__call = t}) return t()"),
        Probe(
            "__index of 1,900 tables",
            "local t = {} for i = 1, 1900 do t = setmetatable({}, {__index = t}) end "
                + "while true do local x = t.a end"),
        Probe(
            "__index of 1,900 tables, the last first",
            "local first = {} local last = first for i = 1, 1900 do local n = {} "
                + "setmetatable(last, {__index = n}) last = n end "
                + "while true do local x = first.a end"),
        Probe(
            "__newindex of 1,900 tables, the last first",
            "local first = {} local last = first for i = 1, 1900 do local n = {} "
                + "setmetatable(last, {__newindex = n}) last = n end "
                + "while true do first.a = nil end"),
        Probe(
            "__index in a circle, caught",
            "local t = {} setmetatable(t, {__index = t}) "
                + "while true do pcall(function() return t.a end) end"),
        Probe(
            "gsub by a chain",
            "local t = {} for i = 1, 1900 do t = setmetatable({}, {__index = t}) end "
                + "while true do ('a'):rep(1000):gsub('.', t) end"),
        // Comparisons.
        Probe(
            "comparing zeros",
            "local s = ('\\0'):rep(2000) local a, b = s .. 'a', s .. 'b' "
                + "while true do local c = a < b end"),
        Probe(
            "comparing zeros that were made",
            "local s = string.char(0):rep(100000) local a, b = s .. 'a', s .. 'b' "
                + "while true do local c = a < b end"),
        Probe(
            "sorting two long texts, many times over",
            "local s = ('x'):rep(1000000) local a, b = s .. 'a', s .. 'b' local t = {} "
                + "for i = 1, 50000 do t[i] = i % 2 == 0 and a or b end table.sort(t)"),
        // Errors.
        Probe(
            "an error's place a hundred million calls up",
            "local function d(n) if n == 0 then while true do pcall(error, 'x', 1e8) end end "
                + "d(n - 1) return 1 end d(50000)"),
        Probe(
            "errors caught below many calls",
            "local function d(n) if n == 0 then while true do pcall(error) end end "
                + "d(n - 1) return 1 end d(50000)"),
        Probe(
            "errors at the end of much code",
            "local function f(x) if not x then local a, b = 1, 2 "
                + String(repeating: "a=b ", count: 12_000)
                + "end local y y.z = 1 end while true do pcall(f, true) end"),
        // Numbers, and memory that is almost full.
        Probe(
            "200 long floats",
            "local t = {} for i = 1, 200 do t[i] = 1e308 end "
                + "local f = ('%99.99f'):rep(200) "
                + "while true do string.format(f, table.unpack(t)) end"),
        Probe("fmod of floats far apart", "while true do math.fmod(1e308, 3e-308) end"),
        Probe(
            "remainders of floats far apart",
            "local a, b = 1e308, 3e-308 while true do local c = a % b end"),
        Probe("floats as text", "while true do local s = 1.1e-300 .. 2.2 tostring(s) end"),
        Probe(
            "a million digits as a number",
            "local s = ('1'):rep(1000000) while true do math.floor(s) end"),
        Probe(
            "json of control characters",
            "local s = ('\\1'):rep(100000) while true do json.encode(s) end"),
        Probe(
            "a collection for every text",
            "local t = {} for i = 1, 110000 do t[i] = {} end local s = ('x'):rep(50000) "
                + "while true do local u = s .. 'a' end"),
    ]
}
