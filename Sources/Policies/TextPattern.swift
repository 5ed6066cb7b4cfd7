/// Why a pattern cannot be read. The parser adds where.
struct MalformedPattern: Error, Hashable, Sendable {
    let message: String
    init(_ message: String) { self.message = message }
}

/// What a variable that has no usable value stands for.
///
/// AWS says that it never matches. That fails closed in an `Allow` with `Resource`, but opens the
/// door in a `Deny`, or in an `Allow` with `NotResource`: a device that leaves the variable
/// without a value would slip out of the statement. Here it always tips the decision towards
/// refusing: in those two places the variable matches anything.
enum Unresolved: Sendable {
    case matchesNothing, matchesAnything
}

/// What a substituted value becomes part of, and hence what it may not hold.
enum SubstitutionPlace: Sendable {
    case text
    /// A topic or topic filter: a value must not bring in `+`, `#` or `$`.
    case topic
}

/// A pattern of a policy, split once: runs of text and wildcards, and variables between them.
/// `${*}`, `${?}` and `${$}` are the plain characters (AWS: policy variables).
package struct TextPattern: Hashable, Sendable {
    enum Piece: Hashable, Sendable {
        case glob(Glob)
        case variable(PolicyVariable)
    }

    /// As the document has it.
    package let text: String
    let pieces: [Piece]

    /// - Parameter wildcards: whether a bare `*` or `?` is a wildcard; a plain character otherwise.
    init(_ text: String, wildcards: Bool) throws(MalformedPattern) {
        self.text = text
        self.pieces = try Self.split(Array(text.utf8), wildcards: wildcards)
    }

    init(text: String, pieces: [Piece]) {
        self.text = text
        self.pieces = pieces
    }

    var hasVariables: Bool {
        self.pieces.contains { piece in
            if case .variable = piece { true } else { false }
        }
    }

    var variables: [PolicyVariable] {
        self.pieces.compactMap { piece in
            if case .variable(let variable) = piece { variable } else { nil }
        }
    }

    private static func split(
        _ bytes: [UInt8], wildcards: Bool
    ) throws(MalformedPattern) -> [Piece] {
        var pieces: [Piece] = []
        var glob = Glob()
        var index = 0
        while index < bytes.count {
            let byte = bytes[index]
            let next = index + 1
            guard byte == UInt8(ascii: "$"), next < bytes.count, bytes[next] == UInt8(ascii: "{")
            else {
                glob.append(byte, wildcards: wildcards)
                index = next
                continue
            }
            guard let end = bytes[next...].firstIndex(of: UInt8(ascii: "}")) else {
                throw MalformedPattern("a '${' without its '}'")
            }
            let name = String(decoding: bytes[(next + 1)..<end], as: UTF8.self)
            index = end + 1
            switch name {
            case "*", "?", "$": glob.append(literal: name)
            default:
                if !glob.units.isEmpty { pieces.append(.glob(glob)) }
                glob = Glob()
                pieces.append(.variable(try PolicyVariable(checked: name)))
            }
        }
        if !glob.units.isEmpty { pieces.append(.glob(glob)) }
        return pieces
    }

    // MARK: Matching

    func matches(
        _ text: ArraySlice<UInt8>, context: PolicyVariables, place: SubstitutionPlace,
        unresolved: Unresolved
    ) -> Bool {
        switch self.pieces.first {
        case nil: return text.isEmpty
        case .glob(let glob)? where self.pieces.count == 1: return glob.matches(text)
        // What stands before the first variable turns most candidates away without a lookup.
        case .glob(let glob)? where !glob.mayBeginMatch(of: text): return false
        case .glob?, .variable?: break
        }
        return self.resolved(context: context, place: place, unresolved: unresolved)?
            .matches(text) ?? false
    }

    /// The pattern with its variables replaced by plain bytes; nil where one has no usable value
    /// and so matches nothing.
    func resolved(
        context: PolicyVariables, place: SubstitutionPlace, unresolved: Unresolved
    ) -> Glob? {
        var glob = Glob()
        for piece in self.pieces {
            switch piece {
            case .glob(let part): glob.append(part)
            case .variable(let variable):
                if let value = context.substitution(for: variable, in: place) {
                    glob.append(literal: value)
                    continue
                }
                switch unresolved {
                case .matchesNothing: return nil
                case .matchesAnything: glob.append(UInt8(ascii: "*"), wildcards: true)
                }
            }
        }
        return glob
    }

    /// The value as text, for conditions that compare numbers, dates and the like; nil where a
    /// variable has no usable value.
    func resolvedText(context: PolicyVariables) -> String? {
        guard self.hasVariables else { return self.text }
        return self.resolved(context: context, place: .text, unresolved: .matchesNothing)?
            .literalText
    }
}

extension TextPattern {
    /// `text` itself, every character plain.
    init(literal text: String) {
        var glob = Glob()
        glob.append(literal: text)
        self.init(text: text, pieces: [.glob(glob)])
    }

    /// What the pattern says where it has neither wildcards nor variables; its source otherwise.
    var literalText: String {
        guard !self.hasVariables else { return self.text }
        var glob = Glob()
        for case .glob(let part) in self.pieces { glob.append(part) }
        return glob.literalText ?? self.text
    }

    /// The pattern as the value of a condition.
    func resolved(in context: PolicyVariables) -> Glob? {
        self.resolved(context: context, place: .text, unresolved: .matchesNothing)
    }

    /// The parts between separators that the pattern itself spells out: a variable's value never
    /// adds one. The last part keeps the separators that remain.
    func split(at separator: UInt8, partsMax: Int) -> [TextPattern] {
        var parts: [[Piece]] = [[]]
        for piece in self.pieces {
            guard case .glob(let glob) = piece else {
                parts[parts.count - 1].append(piece)
                continue
            }
            var part = Glob()
            for unit in glob.units {
                if unit == Glob.Unit(separator), parts.count < partsMax {
                    if !part.units.isEmpty { parts[parts.count - 1].append(.glob(part)) }
                    part = Glob()
                    parts.append([])
                } else {
                    part.units.append(unit)
                }
            }
            if !part.units.isEmpty { parts[parts.count - 1].append(.glob(part)) }
        }
        return parts.map { TextPattern(text: self.text, pieces: $0) }
    }
}
