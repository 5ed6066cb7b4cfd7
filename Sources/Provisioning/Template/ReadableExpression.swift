import Fleet

/// A value as its template says it, for refusals: what a device sent stays out of replies, logs and
/// the audit record, which name the parameter instead.
extension TemplateExpression {
    /// `sensor-${SerialNumber}`: texts as they are, and names in place of values.
    var readable: String {
        switch self.form {
        case .literal(let text): text
        case .reference(let name): "${\(name)}"
        case .join(let separator, let list): list.readable.joined(separator: separator)
        case .substitution(let pieces): pieces.map(\.readable).joined()
        // What is picked hangs on values, and may be one.
        case .select, .findInMap: "${\(self.references.joined(separator: ", "))}"
        }
    }

    /// The parameters that it is made of, which is what its sender can change.
    var parameters: [String] {
        self.references.filter { PseudoParameter(rawValue: $0) == nil }
    }

    /// ` (from SerialNumber at /Resources/…)`; nothing of a value that no parameter is part of.
    var origin: String {
        let names = self.parameters.map(\.clipped).joined(separator: ", ")
        return names.isEmpty ? "" : " (from \(names) at \(self.pointer))"
    }
}

extension TemplateListExpression {
    fileprivate var readable: [String] {
        switch self {
        case .items(let items): items.map(\.readable)
        case .split(_, let source): [source.readable]
        }
    }
}
