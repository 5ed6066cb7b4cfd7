/// The place of a value inside a document (RFC 6901), built up while walking down. Errors about
/// documents carry one, so that an author is led to the very member.
package struct JSONPointer: Hashable, Sendable, CustomStringConvertible {
    package private(set) var tokens: [String]

    /// The whole document.
    package static let root = JSONPointer(tokens: [])

    package init(tokens: [String]) { self.tokens = tokens }

    package func appending(_ key: String) -> JSONPointer {
        JSONPointer(tokens: self.tokens + [key])
    }

    package func appending(_ index: Int) -> JSONPointer { self.appending(String(index)) }

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
