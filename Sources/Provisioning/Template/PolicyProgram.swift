import Crypto
import Fleet
import JSON

/// A policy document of a template, laid out when the template is read, so that rendering copies
/// bytes instead of walking the tree.
///
/// Everything that no parameter reaches is JSON text already, quotes and escapes included; a
/// document that no parameter reaches at all has its digest as well. It never refuses anything:
/// wherever a value does not fit, `document` is nil and the tree is rendered as before, which knows
/// what to say about it.
///
/// It is one object with flat tables, so that a rendering counts no references on its way through.
final class PolicyProgram: Sendable {
    /// What a string that is made at rendering consists of.
    enum Piece {
        case literal(Literal)
        /// An index into `references`.
        case reference(Int)
        /// An index into `expressions`: a function whose outcome hangs on values.
        case expression(Int)
    }

    /// The author's own text.
    struct Literal {
        /// In `literals`: as JSON, without the quotes.
        let escaped: Range<Int>
        /// Of the text itself.
        let bytesCount: Int
        /// Whether a policy variable may begin or end in it.
        let hasVariables: Bool
    }

    /// A stretch of the document's text that is known, and the string that comes after it.
    struct Stretch {
        /// In the form's `bytes`.
        let known: Range<Int>
        /// An index into `leaves`; nil at the document's end.
        let leaf: Int?
    }

    /// The document's text in one of its two forms.
    struct Form {
        var bytes: [UInt8] = []
        var stretches: [Stretch] = []
    }

    struct Document: Hashable {
        let name: PolicyName
        let text: String
    }

    /// Parameters and pseudo parameters, each once.
    private let references: [String]
    private let expressions: [TemplateExpression]
    private let literals: [UInt8]
    private let pieces: [Piece]
    /// The strings that are made at rendering, in the document's order: where each has its pieces.
    private let leaves: [Range<Int>]
    /// Members in the author's order: the document.
    private let compact: Form
    /// Members sorted: what the digest is of.
    private let canonical: Form
    /// The digest's state after the first known stretch of the canonical form.
    private let hashed: SHA256
    /// The outcome, where no parameter has a part in it.
    private let constant: Document?

    /// nil where the document has a list that is cut at rendering, or is larger than a policy can
    /// ever be.
    init?(_ tree: TemplateTree) {
        var compiler = PolicyCompiler()
        guard let node = compiler.node(tree) else { return nil }
        let compact = PolicyCompiler.form(of: node, style: .compact)
        let canonical = PolicyCompiler.form(of: node, style: .canonical)
        guard compact.bytes.count <= TemplateLimits.policyDocumentBytesMax else { return nil }
        self.references = compiler.references
        self.expressions = compiler.expressions
        self.literals = compiler.literals
        self.pieces = compiler.pieces
        self.leaves = compiler.leaves
        self.compact = compact
        self.canonical = canonical
        var hashed = SHA256()
        if let first = canonical.stretches.first {
            hashed.update(data: canonical.bytes[first.known])
        }
        self.hashed = hashed
        self.constant =
            compiler.leaves.isEmpty
            ? Document(
                name: Self.name(hashed.finalize()),
                text: String(decoding: compact.bytes, as: UTF8.self)) : nil
    }

    /// AWS calls an unnamed policy by a hash of its document, 40 upper-case hex digits. Ours is
    /// the head of the SHA-256 over the canonical document, so that the order of members is
    /// no difference.
    static func name(ofCanonical document: [UInt8]) -> PolicyName {
        Self.name(SHA256.hash(data: document))
    }

    private static func name(_ digest: SHA256.Digest) -> PolicyName {
        PolicyName(
            checked: String(unsafeUninitializedCapacity: 40) { digits in
                digest.withUnsafeBytes { bytes in
                    for index in 0..<20 {
                        digits[2 * index] = Self.hexDigit(bytes[index] >> 4)
                        digits[2 * index + 1] = Self.hexDigit(bytes[index] & 0x0F)
                    }
                }
                return 40
            })
    }

    private static func hexDigit(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? UInt8(ascii: "0") + nibble : UInt8(ascii: "A") + nibble - 10
    }

    /// nil where a value is missing, too long, or stands inside a policy variable.
    /// - Parameters:
    ///   - desk: the same for all policies of one rendering.
    ///   - render: of a function, nil where that fails.
    func document(
        with parameters: ResolvedParameters, on desk: inout PolicyDesk,
        _ render: (TemplateExpression) -> RenderedText?
    ) -> Document? {
        if let constant = self.constant { return constant }
        guard desk.lookUp(self.references, in: parameters) else { return nil }
        desk.strings.clear()
        for leaf in self.leaves {
            desk.strings.begin()
            for piece in self.pieces[leaf] {
                switch piece {
                case .literal(let literal): desk.strings.append(literal, of: self.literals)
                case .reference(let index): desk.appendValue(index)
                case .expression(let index):
                    guard let rendered = render(self.expressions[index]) else { return nil }
                    for part in rendered.parts {
                        desk.strings.append(
                            PolicyStrings.Value(part.text, isForeign: part.isForeign))
                    }
                }
            }
            guard desk.strings.end() else { return nil }
        }
        let count = self.compact.bytes.count + desk.strings.bytes.count
        guard count <= TemplateLimits.policyDocumentBytesMax else { return nil }
        return Document(name: self.name(&desk), text: self.text(desk.strings, count))
    }

    /// The first known stretch is in the digest already.
    private func name(_ desk: inout PolicyDesk) -> PolicyName {
        desk.rest.removeAll(keepingCapacity: true)
        for (index, stretch) in self.canonical.stretches.enumerated() {
            if index > 0 { desk.rest.append(contentsOf: self.canonical.bytes[stretch.known]) }
            if let leaf = stretch.leaf { desk.rest.append(contentsOf: desk.strings.leaf(leaf)) }
        }
        var hash = self.hashed
        desk.rest.withUnsafeBytes { hash.update(bufferPointer: $0) }
        return Self.name(hash.finalize())
    }

    /// - Parameter count: its bytes.
    private func text(_ strings: PolicyStrings, _ count: Int) -> String {
        String(unsafeUninitializedCapacity: count) { output in
            var end = 0
            func write(_ source: UnsafeBufferPointer<UInt8>, _ range: Range<Int>) {
                // Initialises what lies after `end`: the strings and the known stretches have
                // `count` bytes together.
                let room = UnsafeMutableBufferPointer(rebasing: output[end...])
                end += room.initialize(fromContentsOf: source[range])
            }
            self.compact.bytes.withUnsafeBufferPointer { known in
                strings.bytes.withUnsafeBufferPointer { made in
                    for stretch in self.compact.stretches {
                        write(known, stretch.known)
                        if let leaf = stretch.leaf { write(made, strings.range(leaf)) }
                    }
                }
            }
            return end
        }
    }
}
