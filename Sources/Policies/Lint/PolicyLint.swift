package import Fleet
import JSON

/// What is probably not meant, in a document that can be read: a statement that never does
/// anything, one that does more than it says, a name in the wrong place.
package struct PolicyLint {
    private let document: PolicyDocument
    private let statements: [LintedStatement]
    private let dialect: PolicyDialect
    /// The service's own, where it is known.
    private let realm: Realm?
    private var findings: [PolicyFinding] = []

    /// Everything there is to say about `text`, in the order of its places. A document that cannot
    /// be read has errors only.
    ///
    /// - Parameter realm: the region and account that ARNs should name; nil leaves that out.
    package static func findings(
        of text: String, dialect: PolicyDialect = .device, realm: Realm? = nil
    ) -> [PolicyFinding] {
        let reading = PolicyDocument.read(text, dialect: dialect)
        guard let document = reading.document else { return reading.findings }
        // It has been read once, so it can be parsed.
        let value = (try? JSONParser.parse(text)) ?? .null
        var lint = PolicyLint(document, value, dialect: dialect, realm: realm)
        lint.run(size: PolicyDocument.size(of: text))
        let map = JSONSourceMap(of: text, for: lint.findings.map(\.place))
        return lint.findings.map { $0.located(by: map) }.sorted { left, right in
            (left.position ?? .start, left.rule.rawValue)
                < (right.position ?? .start, right.rule.rawValue)
        }
    }

    private init(
        _ document: PolicyDocument, _ value: JSONValue, dialect: PolicyDialect, realm: Realm?
    ) {
        let places = StatementPlaces(value)
        self.document = document
        self.statements = document.statements.enumerated().map { index, statement in
            LintedStatement(statement, index: index, places: places)
        }
        self.dialect = dialect
        self.realm = realm
    }

    private mutating func run(size: Int) {
        for statement in self.statements {
            self.findings +=
                StatementLint(statement, dialect: self.dialect, realm: self.realm)
                .findings
        }
        self.findUnreachable()
        self.findIdleDenies()
        if self.dialect.plane == .device {
            self.findMissingCompanions()
            self.findSubscriptionGaps()
        }
        if size * 10 > self.dialect.charactersMax * 9 {
            self.report(
                .nearlyTooLong,
                "\(size) of at most \(self.dialect.charactersMax) characters are used", at: .root)
        }
    }

    private mutating func report(_ rule: PolicyRule, _ message: String, at place: JSONPointer) {
        self.findings.append(PolicyFinding(rule, message, at: place))
    }

    // MARK: Statements beside one another

    private mutating func findUnreachable() {
        for later in self.statements {
            // One that is denied whole is named once, by the Deny.
            let covering = self.statements.first { other in
                guard other.index != later.index, other.covers(later) else { return false }
                switch (other.statement.effect, later.statement.effect) {
                case (.deny, .allow): return other.statement.conditions.isEmpty
                case (.allow, .deny): return false
                case (.allow, .allow), (.deny, .deny):
                    guard
                        other.statement.conditions.isEmpty
                            || other.statement.conditions == later.statement.conditions
                    else { return false }
                    // Of two that say the same, the later one is too many.
                    return !later.covers(other) || other.index < later.index
                        || later.statement.conditions != other.statement.conditions
                }
            }
            guard let covering else { continue }
            let message =
                switch (covering.statement.effect, later.statement.effect) {
                case (.deny, .allow): "everything that this allows is denied by \(covering.place)"
                case (_, .allow): "everything that this allows is allowed by \(covering.place)"
                case (_, .deny): "everything that this denies is denied by \(covering.place)"
                }
            self.report(.unreachableStatement, message, at: later.place)
        }
    }

    private mutating func findIdleDenies() {
        let allows = self.statements.filter { $0.statement.effect == .allow }
        for deny in self.statements where deny.statement.effect == .deny {
            guard !allows.contains(where: { $0.meets(deny) }) else { continue }
            self.report(
                .idleDeny,
                "nothing in this document allows what this denies; it matters only beside another "
                    + "policy", at: deny.place)
        }
    }

    // MARK: What is usually needed together

    private mutating func findMissingCompanions() {
        let allows = self.statements.filter { $0.statement.effect == .allow }
        func first(_ action: PolicyActionSet) -> LintedStatement? {
            allows.first { !$0.actions.isDisjoint(with: action) }
        }
        if let subscribing = first(.action(.subscribe)), first(.action(.receive)) == nil {
            self.report(
                .subscribeWithoutReceive,
                "subscribing is allowed and receiving is not, so that every message is dropped; "
                    + "allow iot:Receive on topic/…", at: subscribing.place)
        }
        let talking: PolicyActionSet = [
            .action(.publish), .action(.subscribe), .action(.receive),
        ]
        if let speaking = first(talking), first(.action(.connect)) == nil {
            self.report(
                .noConnect,
                "nothing in this document allows iot:Connect, without which nothing else can be "
                    + "done; another policy has to", at: speaking.place)
        }
    }

    /// AWS: a filter is compared as text.
    private mutating func findSubscriptionGaps() {
        let denies = self.statements.filter { $0.statement.effect == .deny }
        guard !denies.contains(where: { $0.actions.contains(.action(.receive)) }) else { return }
        for deny in denies where deny.actions.contains(.action(.subscribe)) {
            let narrow = deny.resources.first { $0.kinds.contains(.topicFilter) && !$0.isOpen }
            guard let narrow else { continue }
            self.report(
                .denySubscribeGap,
                "a wider filter, such as '#', is another text than "
                    + "'\(narrow.pattern.text.clipped)' and reaches the same topics; deny "
                    + "iot:Receive on topic/… to keep them back", at: deny.place)
        }
    }
}
