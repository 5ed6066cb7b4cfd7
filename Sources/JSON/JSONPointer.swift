/// The place of a value inside a document (RFC 6901), built up while walking down. Errors about
/// documents carry one, so that an author is led to the very member.
///
/// Places share the way to what holds them: one for each of many values deep in a document costs no
/// more than the last step.
package struct JSONPointer: Hashable, Sendable, CustomStringConvertible {
    private final class Step: Sendable {
        let token: String
        let before: Step?

        init(_ token: String, after before: Step?) {
            self.token = token
            self.before = before
        }
    }

    private let last: Step?

    /// The whole document.
    package static let root = JSONPointer(last: nil)

    package init(tokens: [String]) {
        self.last = tokens.reduce(nil as Step?) { Step($1, after: $0) }
    }

    private init(last: Step?) { self.last = last }

    package var tokens: [String] {
        var tokens: [String] = []
        var step = self.last
        while let current = step {
            tokens.append(current.token)
            step = current.before
        }
        tokens.reverse()
        return tokens
    }

    package func appending(_ key: String) -> JSONPointer {
        JSONPointer(last: Step(key, after: self.last))
    }

    package func appending(_ index: Int) -> JSONPointer { self.appending(String(index)) }

    package static func == (left: JSONPointer, right: JSONPointer) -> Bool {
        var one = left.last
        var other = right.last
        while let first = one, let second = other {
            if first === second { return true }
            guard first.token == second.token else { return false }
            one = first.before
            other = second.before
        }
        return one === other
    }

    package func hash(into hasher: inout Hasher) {
        var step = self.last
        while let current = step {
            hasher.combine(current.token)
            step = current.before
        }
    }

    /// RFC 6901 section 3: `~` is written `~0` and `/` is written `~1`. The root is "".
    package var description: String {
        self.tokens.map { token in
            var text = "/"
            for character in token {
                switch character {
                case "~": text += "~0"
                case "/": text += "~1"
                default: text.append(character)
                }
            }
            return text
        }.joined()
    }

    /// The value at this place, nil where the document has none.
    package func value(in document: JSONValue) -> JSONValue? {
        var value = document
        for token in self.tokens {
            switch value {
            case .object(let object):
                guard let member = object[token] else { return nil }
                value = member
            case .array(let elements):
                guard let index = Int(token), elements.indices.contains(index) else { return nil }
                value = elements[index]
            case .null, .bool, .number, .string: return nil
            }
        }
        return value
    }
}
