import JSON

/// Lays a policy's tree out as a `PolicyProgram`.
struct PolicyCompiler {
    /// The tree, with its strings told apart by whether they are known already.
    indirect enum Node {
        /// JSON text, the same in either style.
        case text([UInt8])
        case value(JSONValue)
        /// An index into `leaves`.
        case leaf(Int)
        case array([Node])
        case object([(key: String, value: Node)])
    }

    /// A piece before what stands side by side is joined.
    private enum Rough {
        case literal(String)
        case reference(Int)
        case expression(TemplateExpression)
    }

    /// Of one document. A variable of `Fn::Sub` is laid out as often as it is used, and each use
    /// may hold others.
    private static let piecesMax = 2048
    /// Of literals in strings that functions make; a policy with more is refused in the end.
    private static let literalBytesMax = 4 * TemplateLimits.policyDocumentBytesMax

    private(set) var references: [String] = []
    private(set) var expressions: [TemplateExpression] = []
    private(set) var literals: [UInt8] = []
    private(set) var pieces: [PolicyProgram.Piece] = []
    private(set) var leaves: [Range<Int>] = []
    private var piecesCount = 0
    private var literalBytesCount = 0

    /// As JSON has it in a string, without the quotes.
    static func escaped(_ text: [UInt8]) -> ArraySlice<UInt8> {
        JSONPrinter.bytes(.string(String(decoding: text, as: UTF8.self))).dropFirst().dropLast()
    }

    /// nil where rendering has to walk the tree.
    mutating func node(_ tree: TemplateTree) -> Node? {
        switch tree {
        case .literal(let value): return .value(value)
        case .text(let expression): return self.leaf(expression)
        case .list: return nil
        case .array(let trees):
            var nodes: [Node] = []
            for tree in trees {
                guard let node = self.node(tree) else { return nil }
                nodes.append(node)
            }
            return .array(nodes)
        case .object(let members):
            var nodes: [(key: String, value: Node)] = []
            for member in members {
                guard let node = self.node(member.value) else { return nil }
                nodes.append((member.key, node))
            }
            return .object(nodes)
        }
    }

    private mutating func leaf(_ expression: TemplateExpression) -> Node? {
        var rough: [Rough] = []
        guard self.flatten(expression, into: &rough) else { return nil }
        let start = self.pieces.count
        var known = ""
        for piece in rough {
            switch piece {
            case .literal(let text): known += text
            case .reference(let index):
                self.settle(&known)
                self.pieces.append(.reference(index))
            case .expression(let expression):
                self.settle(&known)
                self.pieces.append(.expression(self.expressions.count))
                self.expressions.append(expression)
            }
        }
        if self.pieces.count == start {
            guard known.utf8.count <= TemplateLimits.renderedBytesMax else { return nil }
            return .text(JSONPrinter.bytes(.string(known)))
        }
        self.settle(&known)
        self.leaves.append(start..<self.pieces.count)
        return .leaf(self.leaves.count - 1)
    }

    /// What is known so far becomes a piece.
    private mutating func settle(_ known: inout String) {
        guard !known.isEmpty else { return }
        let start = self.literals.count
        self.literals += Self.escaped(Array(known.utf8))
        self.pieces.append(
            .literal(
                PolicyProgram.Literal(
                    escaped: start..<self.literals.count, bytesCount: known.utf8.count,
                    hasVariables: known.utf8.contains {
                        $0 == PolicyBytes.open || $0 == PolicyBytes.close
                    })))
        known = ""
    }

    /// False where there is too much of it.
    private mutating func flatten(
        _ expression: TemplateExpression, into pieces: inout [Rough]
    ) -> Bool {
        self.piecesCount += 1
        guard self.piecesCount <= Self.piecesMax else { return false }
        switch expression.form {
        case .literal(let text): return self.add(text, to: &pieces)
        case .reference(let name):
            if let index = self.references.firstIndex(of: name) {
                pieces.append(.reference(index))
            } else {
                pieces.append(.reference(self.references.count))
                self.references.append(name)
            }
        case .substitution(let inner):
            for piece in inner where !self.flatten(piece, into: &pieces) { return false }
        case .join(let separator, .items(let items)):
            for (index, item) in items.enumerated() {
                if index > 0, !self.add(separator, to: &pieces) { return false }
                guard self.flatten(item, into: &pieces) else { return false }
            }
        case .join(_, .split), .select, .findInMap: pieces.append(.expression(expression))
        }
        return true
    }

    private mutating func add(_ text: String, to pieces: inout [Rough]) -> Bool {
        self.literalBytesCount += text.utf8.count
        guard self.literalBytesCount <= Self.literalBytesMax else { return false }
        pieces.append(.literal(text))
        return true
    }

    // MARK: The text

    /// The document's text as `JSONPrinter` writes it, cut where a leaf goes.
    static func form(of node: Node, style: JSONPrinter.Style) -> PolicyProgram.Form {
        var form = PolicyProgram.Form()
        var start = 0
        Self.write(node, style, &form, &start)
        form.stretches.append(.init(known: start..<form.bytes.count, leaf: nil))
        return form
    }

    /// - Parameter start: of the stretch that is being written.
    private static func write(
        _ node: Node, _ style: JSONPrinter.Style, _ form: inout PolicyProgram.Form,
        _ start: inout Int
    ) {
        switch node {
        case .text(let bytes): form.bytes += bytes
        case .value(let value): form.bytes += JSONPrinter.bytes(value, style: style)
        case .leaf(let index):
            form.stretches.append(.init(known: start..<form.bytes.count, leaf: index))
            start = form.bytes.count
        case .array(let nodes):
            form.bytes.append(UInt8(ascii: "["))
            for (index, node) in nodes.enumerated() {
                if index > 0 { form.bytes.append(UInt8(ascii: ",")) }
                Self.write(node, style, &form, &start)
            }
            form.bytes.append(UInt8(ascii: "]"))
        case .object(var members):
            if style == .canonical {
                members.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            }
            form.bytes.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { form.bytes.append(UInt8(ascii: ",")) }
                form.bytes += JSONPrinter.bytes(.string(member.key))
                form.bytes.append(UInt8(ascii: ":"))
                Self.write(member.value, style, &form, &start)
            }
            form.bytes.append(UInt8(ascii: "}"))
        }
    }
}
