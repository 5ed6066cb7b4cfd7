/// How far the name in a resource keeps to one thing. A value that is the thing's own holds it only
/// as far as something ends the value: `pumps/SN-1*` reaches `pumps/SN-10` too.
enum ResourceHold {
    /// No value of the thing's own is in it.
    case none
    /// There is one, and a wildcard stands beside it.
    case openEnded
    case closed

    private enum Token: Equatable {
        case literal, wildcard
        /// - Parameter isFixed: whether all such values have one length, so that none begins or
        ///   ends with another.
        case value(isOwn: Bool, isFixed: Bool)
    }

    /// What variables that many things share begin with, in lower case: their case does not count.
    private static let sharedVariables = [
        "aws:", "iot:domainname", "iot:connectattributes", "iot:lastwilltopic",
        "iot:connection.thing.thingtypename", "iot:connection.thing.isattached",
        "iot:certificate.availablekeys", "iot:certificate.issuer",
        "iot:certificate.subject.country", "iot:certificate.subject.organization",
        "iot:certificate.subject.state",
    ]

    /// - Parameters:
    ///   - name: what follows `KIND/`, with `words` in place of parameters.
    ///   - words: what stands for each value that no policy variable is, and whether it is the
    ///     thing's own.
    init(of name: String, words: [StandIn.Word]) {
        let tokens = Self.tokens(of: Substring(name), words)
        var hold = ResourceHold.none
        for (index, token) in tokens.enumerated() {
            guard case .value(isOwn: true, isFixed: let isFixed) = token else { continue }
            let isOpen =
                Self.meetsWildcard(tokens[(index + 1)...])
                || Self.meetsWildcard(tokens[..<index].reversed())
            guard isFixed || !isOpen else {
                hold = .openEnded
                continue
            }
            self = .closed
            return
        }
        self = hold
    }

    /// Values beside one another have nothing between them that would end the first.
    private static func meetsWildcard(_ tokens: some Sequence<Token>) -> Bool {
        for token in tokens {
            switch token {
            case .literal: return false
            case .wildcard: return true
            case .value: continue
            }
        }
        return false
    }

    private static func tokens(of name: Substring, _ words: [StandIn.Word]) -> [Token] {
        var tokens: [Token] = []
        var rest = name
        while let first = rest.first {
            if let word = words.first(where: { rest.hasPrefix($0.text) }) {
                tokens.append(.value(isOwn: word.isOwn, isFixed: word.isFixed))
                rest = rest.dropFirst(word.text.count)
            } else if rest.hasPrefix("${"), let close = rest.firstIndex(of: "}") {
                tokens.append(Self.token(ofVariable: rest[..<close].dropFirst(2)))
                rest = rest[rest.index(after: close)...]
            } else {
                tokens.append(first == "*" || first == "?" ? .wildcard : .literal)
                rest = rest.dropFirst()
            }
        }
        return tokens
    }

    /// AWS: `${*}`, `${?}` and `${$}` are those characters themselves.
    private static func token(ofVariable name: Substring) -> Token {
        guard name.count > 1 else { return .literal }
        let folded = name.lowercased()
        return .value(
            isOwn: !Self.sharedVariables.contains { folded.hasPrefix($0) }, isFixed: false)
    }
}
