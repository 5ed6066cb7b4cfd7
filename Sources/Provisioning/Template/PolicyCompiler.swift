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
        case pseudo(PseudoParameter)
        case expression(TemplateExpression)
    }

    /// Of one document. A variable of `Fn::Sub` is laid out as often as it is used, and each use
    /// may hold others.
    private static let piecesMax = 2048
    /// Of literals in strings that functions make; a policy with more is refused in the end.
    private static let literalBytesMax = 4 * TemplateLimits.policyDocumentBytesMax

    private(set) var references: [String] = []
    private(set) var leaves: [[PolicyProgram.Piece]] = []
    private var piecesCount = 0
    private var literalBytesCount = 0

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
        var pieces: [PolicyProgram.Piece] = []
        var known = ""
        var isKnown = true
        for piece in rough {
            if case .literal(let text) = piece {
                known += text
                continue
            }
            isKnown = false
            if !known.isEmpty { pieces.append(.literal(PolicyProgram.Literal(known))) }
            known = ""
            switch piece {
            case .literal: break
            case .reference(let index): pieces.append(.reference(index))
            case .pseudo(let name): pieces.append(.pseudo(name))
            case .expression(let expression): pieces.append(.expression(expression))
            }
        }
        if isKnown {
            guard known.utf8.count <= TemplateLimits.renderedBytesMax else { return nil }
            return .text(JSONPrinter.bytes(.string(known)))
        }
        if !known.isEmpty { pieces.append(.literal(PolicyProgram.Literal(known))) }
        self.leaves.append(pieces)
        return .leaf(self.leaves.count - 1)
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
            if let pseudo = PseudoParameter(rawValue: name) {
                pieces.append(.pseudo(pseudo))
            } else if let index = self.references.firstIndex(of: name) {
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
    static func segments(
        of node: Node, style: JSONPrinter.Style
    ) -> [PolicyProgram.Segment] {
        var segments: [PolicyProgram.Segment] = []
        var pending: [UInt8] = []
        Self.write(node, style, &segments, &pending)
        if !pending.isEmpty { segments.append(.constant(pending)) }
        return segments
    }

    private static func write(
        _ node: Node, _ style: JSONPrinter.Style, _ segments: inout [PolicyProgram.Segment],
        _ pending: inout [UInt8]
    ) {
        switch node {
        case .text(let bytes): pending += bytes
        case .value(let value): pending += JSONPrinter.bytes(value, style: style)
        case .leaf(let index):
            if !pending.isEmpty { segments.append(.constant(pending)) }
            pending = []
            segments.append(.leaf(index))
        case .array(let nodes):
            pending.append(UInt8(ascii: "["))
            for (index, node) in nodes.enumerated() {
                if index > 0 { pending.append(UInt8(ascii: ",")) }
                Self.write(node, style, &segments, &pending)
            }
            pending.append(UInt8(ascii: "]"))
        case .object(var members):
            if style == .canonical {
                members.sort { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            }
            pending.append(UInt8(ascii: "{"))
            for (index, member) in members.enumerated() {
                if index > 0 { pending.append(UInt8(ascii: ",")) }
                pending += JSONPrinter.bytes(.string(member.key))
                pending.append(UInt8(ascii: ":"))
                Self.write(member.value, style, &segments, &pending)
            }
            pending.append(UInt8(ascii: "}"))
        }
    }
}
