import Fleet

/// The pattern of an Arn operator. Each of an ARN's six parts is compared by itself, so that a
/// wildcard in one never reaches into the next (IAM: ARN condition operators).
struct ARNPattern: Hashable, Sendable {
    private static let partsCount = 6

    private enum Form: Hashable, Sendable {
        case any
        case parts([TextPattern])
        /// Nothing but variables, such as `${iot:LastWillTopic}`.
        case whole(TextPattern)
    }
    private let form: Form

    init(_ text: String) throws(MalformedPattern) {
        let pattern = try TextPattern(text, wildcards: true)
        guard text != "*" else {
            self.form = .any
            return
        }
        let parts = pattern.split(at: UInt8(ascii: ":"), partsMax: Self.partsCount)
        if parts.count == 1, pattern.hasVariables {
            self.form = .whole(pattern)
            return
        }
        guard parts.count == Self.partsCount, parts[0].literalText == "arn" else {
            throw MalformedPattern(
                "'\(text.clipped)' is no ARN of six parts, arn:aws:SERVICE:REGION:ACCOUNT:NAME")
        }
        self.form = .parts(parts)
    }

    func matches(_ value: String, context: PolicyVariables) -> ConditionOperand.Match {
        let bytes = Array(value.utf8)
        switch self.form {
        case .any: return .yes
        case .whole(let pattern):
            guard let glob = pattern.resolved(in: context) else { return .undecidable }
            return .init(glob.matches(bytes))
        case .parts(let patterns):
            let parts = bytes.split(
                separator: UInt8(ascii: ":"), maxSplits: Self.partsCount - 1,
                omittingEmptySubsequences: false)
            guard parts.count == Self.partsCount else { return .no }
            var match = ConditionOperand.Match.yes
            for (part, pattern) in zip(parts, patterns) {
                guard
                    let glob = pattern.resolved(
                        context: context, place: .topic, unresolved: .matchesNothing)
                else {
                    match = .undecidable
                    continue
                }
                if !glob.matches(part) { return .no }
            }
            return match
        }
    }
}
