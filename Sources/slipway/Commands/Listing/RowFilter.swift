import Fleet
import JSON

/// What `--where` takes on listings that have no index: `status:ACTIVE policyName:pump-*`. Each
/// term names a member, with dots to reach inside, and what it must be; all of them must hold.
struct RowFilter: Sendable {
    private struct Term: Sendable {
        let member: String
        let pattern: [Substring]
    }

    private let terms: [Term]

    /// - Throws: `FleetError.invalidQuery` for a term without a member and a value.
    init(_ text: String) throws(FleetError) {
        var terms: [Term] = []
        for word in text.split(separator: " ") {
            guard let colon = word.firstIndex(of: ":"), colon > word.startIndex,
                word.index(after: colon) < word.endIndex
            else {
                throw FleetError(
                    .invalidQuery,
                    "'\(String(word).clipped)' in --where is no MEMBER:VALUE, such as "
                        + "status:ACTIVE or policyName:pump-*")
            }
            terms.append(
                Term(
                    member: String(word[..<colon]),
                    pattern: word[word.index(after: colon)...].split(
                        separator: "*", omittingEmptySubsequences: false)))
        }
        self.terms = terms
    }

    init?(_ text: String?) throws(FleetError) {
        guard let text else { return nil }
        try self.init(text)
    }

    /// Members that it asks for and that none of `items` has: a slip of the pen, it may be.
    func members(absentFrom items: [JSONValue]) -> Set<String> {
        Set(self.terms.map(\.member)).filter { member in
            !items.contains { $0.member(at: member) != nil }
        }
    }

    func matches(_ item: JSONValue) -> Bool {
        self.terms.allSatisfy { term in
            let value = item.member(at: term.member)
            let texts = value?.arrayValue.map { $0.map { Details.text($0) } }
            return (texts ?? [value.map { Details.text($0) } ?? ""])
                .contains { Self.matches($0, term.pattern) }
        }
    }

    /// - Parameter pattern: what stands between the stars.
    private static func matches(_ text: String, _ pattern: [Substring]) -> Bool {
        guard let first = pattern.first, let last = pattern.last, pattern.count > 1 else {
            return text == pattern.first ?? ""
        }
        guard text.hasPrefix(first), text.hasSuffix(last), text.count >= first.count + last.count
        else { return false }
        var rest = text.dropFirst(first.count).dropLast(last.count)
        for piece in pattern.dropFirst().dropLast() where !piece.isEmpty {
            guard let found = rest.firstRange(of: piece) else { return false }
            rest = rest[found.upperBound...]
        }
        return true
    }
}
