/// What the policies of one rendering share: the values of its parameters, looked up once, and
/// buffers that keep their room.
struct PolicyDesk {
    private var names: [String] = []
    private var values: [PolicyStrings.Value] = []
    /// For the policy at hand: which value each of its references has.
    private var places: [Int] = []
    var strings = PolicyStrings()
    /// Of the document that is being hashed.
    var rest: [UInt8] = []

    /// False where a parameter has no value.
    mutating func lookUp(_ references: [String], in parameters: ResolvedParameters) -> Bool {
        self.places.removeAll(keepingCapacity: true)
        for name in references {
            if let place = self.names.firstIndex(of: name) {
                self.places.append(place)
                continue
            }
            guard let value = parameters.value(of: name) else { return false }
            self.places.append(self.names.count)
            self.names.append(name)
            self.values.append(PolicyStrings.Value(value.text, isForeign: value.isForeign))
        }
        return true
    }

    mutating func appendValue(_ reference: Int) {
        self.strings.append(self.values[self.places[reference]])
    }
}

/// The characters that mean something in a policy's strings.
enum PolicyBytes {
    static let dollar = UInt8(ascii: "$")
    static let open = UInt8(ascii: "{")
    static let close = UInt8(ascii: "}")
    static let quote = UInt8(ascii: "\"")

    /// Whether the byte is written in JSON as in the value, and has no meaning in a policy.
    static func isPlain(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), 0..<0x20, 0x7F: false
        case UInt8(ascii: "*"), UInt8(ascii: "?"), self.dollar, self.open, self.close: false
        default: true
        }
    }
}

/// The strings of a policy that are made at rendering, one after the other in one buffer, as JSON.
/// Says byte for byte what `RenderedText.escapedForPolicy` and `JSONPrinter` say together.
struct PolicyStrings {
    struct Value {
        let bytes: [UInt8]
        /// Whether a device or a hook chose it.
        let isForeign: Bool
        /// Whether it is copied as it is.
        let isPlain: Bool

        init(_ text: String, isForeign: Bool) {
            self.bytes = Array(text.utf8)
            self.isForeign = isForeign
            self.isPlain = self.bytes.allSatisfy(PolicyBytes.isPlain)
        }
    }

    private(set) var bytes: [UInt8] = []
    private var ends: [Int] = []
    /// Of the current string, before anything is escaped.
    private var plainCount = 0
    private var isInsideVariable = false
    private var isRefused = false

    mutating func clear() {
        self.bytes.removeAll(keepingCapacity: true)
        self.ends.removeAll(keepingCapacity: true)
        self.isRefused = false
    }

    func range(_ leaf: Int) -> Range<Int> {
        (leaf == 0 ? 0 : self.ends[leaf - 1])..<self.ends[leaf]
    }

    func leaf(_ index: Int) -> ArraySlice<UInt8> { self.bytes[self.range(index)] }

    mutating func begin() {
        self.plainCount = 0
        self.isInsideVariable = false
        self.bytes.append(PolicyBytes.quote)
    }

    /// False where a value in it has no place there.
    mutating func end() -> Bool {
        self.bytes.append(PolicyBytes.quote)
        self.ends.append(self.bytes.count)
        return !self.isRefused
    }

    /// False, and the string refused, where it becomes too long.
    private mutating func hasRoom(for count: Int) -> Bool {
        self.plainCount += count
        if self.plainCount > TemplateLimits.renderedBytesMax { self.isRefused = true }
        return !self.isRefused
    }

    mutating func append(_ literal: PolicyProgram.Literal, of literals: [UInt8]) {
        guard self.hasRoom(for: literal.bytesCount) else { return }
        let escaped = literals[literal.escaped]
        if literal.hasVariables { self.followVariables(in: escaped) }
        self.bytes.append(contentsOf: escaped)
    }

    /// Whether the string is inside a policy variable after `escaped`. No escape of JSON holds a
    /// brace or a dollar.
    private mutating func followVariables(in escaped: ArraySlice<UInt8>) {
        var previous = self.bytes.last
        for byte in escaped {
            if byte == PolicyBytes.open, previous == PolicyBytes.dollar {
                self.isInsideVariable = true
            }
            if byte == PolicyBytes.close { self.isInsideVariable = false }
            previous = byte
        }
    }

    mutating func append(_ value: Value) {
        guard !value.bytes.isEmpty else { return }
        if value.isForeign, self.isInsideVariable { self.isRefused = true }
        guard self.hasRoom(for: value.bytes.count) else { return }
        if value.isPlain {
            self.bytes.append(contentsOf: value.bytes)
        } else if value.isForeign {
            self.appendLiterally(value.bytes)
        } else {
            let escaped = PolicyCompiler.escaped(value.bytes)
            self.followVariables(in: escaped[...])
            self.bytes.append(contentsOf: escaped)
        }
    }

    /// What came from outside, with AWS's own escapes.
    private mutating func appendLiterally(_ value: [UInt8]) {
        // A template's own `$` before a foreign `{` would open a variable.
        if self.bytes.last == PolicyBytes.dollar, value.first == PolicyBytes.open {
            self.bytes.removeLast()
            self.bytes.append(contentsOf: "${$}".utf8)
        }
        var literal: [UInt8] = []
        for byte in value {
            switch byte {
            case UInt8(ascii: "*"), UInt8(ascii: "?"), PolicyBytes.dollar:
                literal += [PolicyBytes.dollar, PolicyBytes.open, byte, PolicyBytes.close]
            default: literal.append(byte)
            }
        }
        self.bytes.append(contentsOf: PolicyCompiler.escaped(literal))
    }
}
