import Fleet
import JSON

/// An answer as a table: one row a leaf, named by its path.
enum Details {
    /// Certificates and keys, which a table cannot show.
    private static let unshown: Set<String> = ["certificatePem"]

    static func say(_ answer: JSONValue) {
        for line in Terminal.table(Self.rows(answer, prefix: "")) { Terminal.say(line) }
    }

    static func rows(_ value: JSONValue, prefix: String) -> [[String]] {
        (value.objectValue?.members ?? []).flatMap { member -> [[String]] in
            let name = prefix.isEmpty ? member.key : "\(prefix).\(member.key)"
            if case .object = member.value { return Self.rows(member.value, prefix: name) }
            return Self.unshown.contains(member.key) ? [] : [[name, Self.leaf(member)]]
        }
    }

    private static func leaf(_ member: (key: String, value: JSONValue)) -> String {
        // AWS writes times as seconds since 1970, which nobody reads.
        if member.key.hasSuffix("Date") || member.key.hasPrefix("not"),
            case .number(let number) = member.value, let seconds = number.doubleValue
        {
            return UnixTime(milliseconds: Int64(seconds * 1000)).description
        }
        return Self.text(member.value)
    }

    /// A value in one cell; `-` where there is none.
    static func text(_ value: JSONValue?) -> String {
        switch value {
        case nil, .null?: "-"
        case .string(let text)?: text.isEmpty ? "-" : text
        case .array(let elements)?:
            elements.isEmpty ? "-" : elements.map { Self.text($0) }.joined(separator: ",")
        case .object(let object)?:
            object.isEmpty
                ? "-"
                : object.members.map { "\($0.key)=\(Self.text($0.value))" }.joined(separator: " ")
        case .bool, .number: value?.description ?? "-"
        }
    }
}
