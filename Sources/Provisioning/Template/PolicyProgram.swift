import Crypto
import Fleet
import JSON

/// A policy document of a template, laid out when the template is read, so that rendering copies
/// bytes instead of walking the tree.
///
/// Everything that no parameter reaches is JSON text already, quotes and escapes included; a
/// document that no parameter reaches at all has its digest as well. It never refuses anything:
/// wherever a value does not fit, `choice` is nil and the tree is rendered as before, which knows
/// what to say about it.
struct PolicyProgram: Hashable, Sendable {
    /// What a string that is made at rendering consists of.
    enum Piece: Hashable, Sendable {
        case literal(Literal)
        /// An index into `references`.
        case reference(Int)
        case pseudo(PseudoParameter)
        /// A function whose outcome hangs on values.
        case expression(TemplateExpression)
    }

    /// The author's own text.
    struct Literal: Hashable, Sendable {
        /// As JSON, without the quotes.
        let escaped: [UInt8]
        /// Of the text itself.
        let bytesCount: Int
        /// Whether a policy variable may begin or end in it.
        let hasVariables: Bool

        init(_ text: String) {
            self.escaped = Array(JSONPrinter.bytes(.string(text)).dropFirst().dropLast())
            self.bytesCount = text.utf8.count
            self.hasVariables = text.utf8.contains {
                $0 == PolicyBytes.open || $0 == PolicyBytes.close
            }
        }
    }

    /// A stretch of the document's text.
    enum Segment: Hashable, Sendable {
        case constant([UInt8])
        /// An index into `leaves`.
        case leaf(Int)
    }

    struct Document: Hashable, Sendable {
        let name: PolicyName
        let text: String
    }

    /// Parameters, each once.
    private let references: [String]
    /// The strings that are made at rendering, in the document's order.
    private let leaves: [[Piece]]
    /// Members in the author's order: the document.
    private let compact: [Segment]
    /// Members sorted: what the digest is of.
    private let canonical: [Segment]
    /// Of all constant segments of one of the two.
    private let constantBytes: Int
    /// The outcome, where no parameter has a part in it.
    private let constant: Document?

    /// nil where the document has a list that is cut at rendering, or is larger than a policy can
    /// ever be.
    init?(_ tree: TemplateTree) {
        var compiler = PolicyCompiler()
        guard let node = compiler.node(tree) else { return nil }
        self.references = compiler.references
        self.leaves = compiler.leaves
        self.compact = PolicyCompiler.segments(of: node, style: .compact)
        self.canonical = PolicyCompiler.segments(of: node, style: .canonical)
        var count = 0
        for case .constant(let bytes) in self.compact { count += bytes.count }
        self.constantBytes = count
        guard count <= TemplateLimits.policyDocumentBytesMax else { return nil }
        guard self.leaves.isEmpty else {
            self.constant = nil
            return
        }
        let none = PolicyText()
        self.constant = Document(
            name: Self.name(ofCanonical: Self.bytes(self.canonical, none, count)),
            text: String(decoding: Self.bytes(self.compact, none, count), as: UTF8.self))
    }

    /// AWS calls an unnamed policy by a hash of its document, 40 upper-case hex digits. Ours is
    /// the head of the SHA-256 over the canonical document, so that the order of members is
    /// no difference.
    static func name(ofCanonical document: [UInt8]) -> PolicyName {
        var digits: [UInt8] = []
        digits.reserveCapacity(40)
        for byte in SHA256.hash(data: document).prefix(20) {
            digits.append(Self.hexDigits[Int(byte >> 4)])
            digits.append(Self.hexDigits[Int(byte & 0x0F)])
        }
        return PolicyName(checked: String(decoding: digits, as: UTF8.self))
    }

    private static let hexDigits = Array("0123456789ABCDEF".utf8)

    /// nil where a value is missing, too long, or stands inside a policy variable.
    /// - Parameter render: of a function, nil where that fails.
    func document(
        with parameters: ResolvedParameters, _ render: (TemplateExpression) -> RenderedText?
    ) -> Document? {
        if let constant = self.constant { return constant }
        var values: [PolicyText.Value] = []
        values.reserveCapacity(self.references.count)
        for name in self.references {
            guard let value = parameters.values[name] else { return nil }
            values.append(
                PolicyText.Value(value.text, isForeign: value.origin != .templateDefault))
        }
        var text = PolicyText()
        text.reserve(leaves: self.leaves.count)
        for leaf in self.leaves {
            text.begin()
            for piece in leaf {
                switch piece {
                case .literal(let literal): text.append(literal)
                case .reference(let index): text.append(values[index])
                case .pseudo(let name):
                    guard let value = parameters.text(of: name) else { return nil }
                    text.append(PolicyText.Value(value, isForeign: false))
                case .expression(let expression):
                    guard let rendered = render(expression) else { return nil }
                    for part in rendered.parts {
                        text.append(PolicyText.Value(part.text, isForeign: part.isForeign))
                    }
                }
            }
            guard text.end() else { return nil }
        }
        let count = self.constantBytes + text.bytes.count
        guard count <= TemplateLimits.policyDocumentBytesMax else { return nil }
        return Document(
            name: Self.name(ofCanonical: Self.bytes(self.canonical, text, count)),
            text: String(decoding: Self.bytes(self.compact, text, count), as: UTF8.self))
    }

    private static func bytes(_ segments: [Segment], _ text: PolicyText, _ count: Int) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(count)
        for segment in segments {
            switch segment {
            case .constant(let bytes): output.append(contentsOf: bytes)
            case .leaf(let index): output.append(contentsOf: text.leaf(index))
            }
        }
        return output
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
struct PolicyText {
    struct Value {
        let text: String
        /// Whether a device or a hook chose it.
        let isForeign: Bool
        /// Whether it is copied as it is.
        let isPlain: Bool

        init(_ text: String, isForeign: Bool) {
            self.text = text
            self.isForeign = isForeign
            self.isPlain = text.utf8.allSatisfy(PolicyBytes.isPlain)
        }
    }

    private(set) var bytes: [UInt8] = []
    private var ends: [Int] = []
    /// Of the current string, before anything is escaped.
    private var plainCount = 0
    private var isInsideVariable = false
    private var isRefused = false

    /// Room for strings of common length.
    mutating func reserve(leaves: Int) {
        self.ends.reserveCapacity(leaves)
        self.bytes.reserveCapacity(leaves * 128)
    }

    func leaf(_ index: Int) -> ArraySlice<UInt8> {
        self.bytes[(index == 0 ? 0 : self.ends[index - 1])..<self.ends[index]]
    }

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

    mutating func append(_ literal: PolicyProgram.Literal) {
        guard self.hasRoom(for: literal.bytesCount) else { return }
        if literal.hasVariables {
            // No escape of JSON holds a brace or a dollar.
            var previous = self.bytes.last
            for byte in literal.escaped {
                if byte == PolicyBytes.open, previous == PolicyBytes.dollar {
                    self.isInsideVariable = true
                }
                if byte == PolicyBytes.close { self.isInsideVariable = false }
                previous = byte
            }
        }
        self.bytes.append(contentsOf: literal.escaped)
    }

    mutating func append(_ value: Value) {
        guard !value.text.isEmpty else { return }
        guard value.isForeign || value.isPlain else {
            self.append(PolicyProgram.Literal(value.text))
            return
        }
        if value.isForeign, self.isInsideVariable { self.isRefused = true }
        guard self.hasRoom(for: value.text.utf8.count) else { return }
        if value.isPlain {
            self.bytes.append(contentsOf: value.text.utf8)
        } else {
            self.appendLiterally(value.text)
        }
    }

    /// What came from outside, with AWS's own escapes.
    private mutating func appendLiterally(_ text: String) {
        // A template's own `$` before a foreign `{` would open a variable.
        if self.bytes.last == PolicyBytes.dollar, text.utf8.first == PolicyBytes.open {
            self.bytes.removeLast()
            self.bytes.append(contentsOf: "${$}".utf8)
        }
        var escaped: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "*"), UInt8(ascii: "?"), PolicyBytes.dollar:
                escaped += [PolicyBytes.dollar, PolicyBytes.open, byte, PolicyBytes.close]
            default: escaped.append(byte)
            }
        }
        let written = JSONPrinter.bytes(.string(String(decoding: escaped, as: UTF8.self)))
        self.bytes.append(contentsOf: written.dropFirst().dropLast())
    }
}
