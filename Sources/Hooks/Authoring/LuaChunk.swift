import CLuaShims
import Fleet

/// A compiled script, taken apart: what names it uses, which lines it has, and where it can end.
///
/// Lua's own compiler reads the source, so that what is found is what would run. The form is that
/// of `ldump.c` in Lua 5.4, whose every version 5.4.x writes the same.
struct LuaChunk {
    struct Function {
        /// Counted through the chunk.
        var number = 0
        /// Whether the function around it is the main one.
        var isDefinedInMain = false
        var lineDefined = 0
        var code: [UInt32] = []
        var constants: [String?] = []
        var upvalues: [String] = []
        /// Where each upvalue comes from: a register of the function around, or an upvalue of it.
        var upvalueSources: [(isRegister: Bool, index: Int)] = []
        var functions: [Function] = []
        var lines: [Int] = []
    }

    let main: Function

    enum Failure: Error, Hashable {
        /// The compiler's words, with the line.
        case notLua(String)
        /// The compiler wrote what this does not read.
        case unreadable
    }

    /// Compiles in this process: for the machine of who wrote the script.
    init(name: String, source: String) throws(Failure) {
        var result = slipway_hook_result()
        defer { slipway_hook_result_free(&result) }
        let bytes = source.isEmpty ? [UInt8(ascii: " ")] : Array(source.utf8)
        bytes.withUnsafeBufferPointer { bytes in
            bytes.withMemoryRebound(to: CChar.self) { bytes in
                slipway_hook_compile(
                    name, bytes.baseAddress, bytes.count, Self.memoryBytesMax, &result)
            }
        }
        let text = Array(UnsafeRawBufferPointer(start: result.text, count: result.text_bytes))
        guard result.status == SLIPWAY_HOOK_RETURNED else {
            throw .notLua(String(decoding: text, as: UTF8.self))
        }
        var reader = ChunkReader(bytes: text)
        guard let main = reader.chunk() else { throw .unreadable }
        self.main = main
    }

    private static let memoryBytesMax = 64 << 20

    /// Every function of the chunk, the outermost first.
    var functions: [Function] {
        var all: [Function] = []
        var rest = [self.main]
        while let next = rest.popLast() {
            all.append(next)
            rest += next.functions.reversed()
        }
        return all
    }

    /// The lines on which something can run, ascending.
    ///
    /// Taking a main function's arguments counts as no line, though the compiler gives it one.
    var executableLines: [Int] {
        var lines: Set<Int> = []
        for function in self.functions {
            for (word, line) in zip(function.code, function.lines)
            where line > 0 && word.operation != LuaOperation.prepareArguments {
                lines.insert(line)
            }
        }
        return lines.sorted()
    }
}

/// Reads what `lua_dump` writes.
private struct ChunkReader {
    let bytes: [UInt8]
    var place = 0
    var functions = 0
    private static let depthMax = 200

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func chunk() -> LuaChunk.Function? {
        // Signature, version, format, data check, three sizes, an integer and a number.
        let head: [UInt8] = [0x1B, 0x4C, 0x75, 0x61, 0x54, 0]
        guard self.bytes.starts(with: head) else { return nil }
        self.place = head.count + 6 + 3 + 8 + 8
        // How many upvalues the main function has.
        guard self.byte() != nil else { return nil }
        return self.function(depth: 0)
    }

    private mutating func byte() -> UInt8? {
        guard self.place < self.bytes.count else { return nil }
        defer { self.place += 1 }
        return self.bytes[self.place]
    }

    /// Seven bits a byte, the most significant first; the last byte has its top bit set.
    private mutating func size() -> Int? {
        var value = 0
        while let byte = self.byte() {
            guard value <= Int.max >> 7 else { return nil }
            value = value << 7 | Int(byte & 0x7F)
            if byte & 0x80 != 0 { return value }
        }
        return nil
    }

    private mutating func count(of bytesEach: Int) -> Int? {
        guard let count = self.size(), count <= (self.bytes.count - self.place) / bytesEach
        else { return nil }
        return count
    }

    private mutating func skip(_ count: Int) -> Bool {
        guard count >= 0, count <= self.bytes.count - self.place else { return false }
        self.place += count
        return true
    }

    /// The length is one more than the text's; none is no text.
    private mutating func text() -> String? {
        guard let length = self.size() else { return nil }
        guard length > 0 else { return "" }
        let start = self.place
        guard self.skip(length - 1) else { return nil }
        return String(decoding: self.bytes[start..<self.place], as: UTF8.self)
    }

    private mutating func function(depth: Int) -> LuaChunk.Function? {
        var function = LuaChunk.Function()
        guard depth < Self.depthMax, self.text() != nil, let first = self.size(),
            self.size() != nil, self.skip(3), let instructions = self.count(of: 4)
        else { return nil }
        function.lineDefined = first
        function.number = self.functions
        function.isDefinedInMain = depth == 1
        self.functions += 1
        for _ in 0..<instructions {
            let word = self.bytes[self.place..<self.place + 4]
            function.code.append(word.reversed().reduce(0) { $0 << 8 | UInt32($1) })
            self.place += 4
        }
        guard self.readConstants(into: &function), let upvalues = self.count(of: 3)
        else { return nil }
        for _ in 0..<upvalues {
            // Whether it is a register, which one, and its kind.
            function.upvalueSources.append(
                (self.bytes[self.place] != 0, Int(self.bytes[self.place + 1])))
            self.place += 3
        }
        guard let functions = self.count(of: 1) else { return nil }
        for _ in 0..<functions {
            guard let inner = self.function(depth: depth + 1) else { return nil }
            function.functions.append(inner)
        }
        guard self.readDebug(into: &function) else { return nil }
        return function
    }

    private mutating func readConstants(into function: inout LuaChunk.Function) -> Bool {
        guard let count = self.count(of: 1) else { return false }
        for _ in 0..<count {
            switch self.byte() {
            // nil, false and true.
            case 0x00?, 0x01?, 0x11?: function.constants.append(nil)
            // Integers and floats.
            case 0x03?, 0x13?:
                guard self.skip(8) else { return false }
                function.constants.append(nil)
            // Short and long strings.
            case 0x04?, 0x14?:
                guard let text = self.text() else { return false }
                function.constants.append(text)
            default: return false
            }
        }
        return true
    }

    /// Lines are kept as differences, with a whole number where one does not fit.
    private mutating func readDebug(into function: inout LuaChunk.Function) -> Bool {
        guard let count = self.count(of: 1) else { return false }
        let differences = self.bytes[self.place..<self.place + count].map { Int8(bitPattern: $0) }
        self.place += count
        guard let wholes = self.count(of: 2) else { return false }
        var whole: [Int: Int] = [:]
        for _ in 0..<wholes {
            guard let instruction = self.size(), let line = self.size() else { return false }
            whole[instruction] = line
        }
        var line = function.lineDefined
        for (instruction, difference) in differences.enumerated() {
            line = difference == Int8.min ? whole[instruction] ?? line : line + Int(difference)
            function.lines.append(line)
        }
        guard let locals = self.count(of: 3) else { return false }
        for _ in 0..<locals {
            guard self.text() != nil, self.size() != nil, self.size() != nil else { return false }
        }
        guard let names = self.count(of: 1) else { return false }
        for _ in 0..<names {
            guard let name = self.text() else { return false }
            function.upvalues.append(name)
        }
        return true
    }
}

extension UInt32 {
    // Fields of an instruction (lopcodes.h, Lua 5.4).
    var operation: Int { Int(self & 0x7F) }
    var argumentA: Int { Int(self >> 7 & 0xFF) }
    var argumentB: Int { Int(self >> 16 & 0xFF) }
    var argumentC: Int { Int(self >> 24 & 0xFF) }
    var argumentBx: Int { Int(self >> 15) }
    var argumentAx: Int { Int(self >> 7) }
    var jump: Int { Int(self >> 7) - 0xFF_FFFF }
}

/// The operations that a check looks at (lopcodes.h, Lua 5.4).
enum LuaOperation {
    static let move = 0
    static let loadConstant = 3
    static let loadConstantExtra = 4
    static let falseAndSkip = 6
    static let loadNil = 8
    /// Registers and constants that are loaded, and nothing else happens.
    static let loads = 0...8
    static let getUpvalue = 9
    static let setUpvalue = 10
    static let getGlobal = 11
    static let getIndexed = 12
    static let getField = 14
    static let setGlobal = 15
    static let setIndexed = 16
    /// Those whose first argument is no register that they write.
    static let readsOnly: Set<Int> = Set([10, 54, 55, 56, 78]).union(15...18).union(46...48)
        .union(57...66).union(70...72)
    static let toBeClosed = 55
    static let jump = 56
    static let tests = 57...67
    static let call = 68
    static let tailCall = 69
    static let returns = 70...72
    /// Loaded constants, a new table, arithmetic, `not`, `#` and `..`.
    static let makesPlainValues: Set<Int> = Set(1...8).union([19]).union(21...45)
        .union(49...53)
    static let forLoop = 73
    static let forPrepare = 74
    static let genericPrepare = 75
    static let genericLoop = 77
    static let closure = 79
    static let prepareArguments = 81
    static let extraArgument = 82
}
