import Fleet
import JSON

/// The rules that look at one statement by itself.
struct StatementLint {
    private let linted: LintedStatement
    private let dialect: PolicyDialect
    private(set) var findings: [PolicyFinding] = []

    private var statement: PolicyStatement { self.linted.statement }
    private var allows: Bool { self.statement.effect == .allow }
    private var verb: String { self.allows ? "allows" : "denies" }

    init(_ linted: LintedStatement, dialect: PolicyDialect, realm: Realm?) {
        self.linted = linted
        self.dialect = dialect
        self.lintActions()
        self.lintResources(realm: realm)
        if dialect.plane == .device { self.lintKinds() }
        for condition in linted.statement.conditions { self.lint(condition) }
    }

    private mutating func report(
        _ rule: PolicyRule, _ message: String, at place: JSONPointer, isAboutKey: Bool = false
    ) {
        self.findings.append(PolicyFinding(rule, message, at: place, isAboutKey: isAboutKey))
    }

    // MARK: Actions

    private mutating func lintActions() {
        switch self.statement.actions {
        case .allExcept:
            if self.allows {
                self.report(
                    .allowAllBut,
                    "allows every action but these, those of later releases too; say what is "
                        + "allowed with Action", at: self.linted.place.appending("NotAction"),
                    isAboutKey: true)
            }
        case .only(let patterns):
            for (index, pattern) in patterns.enumerated() {
                self.lint(pattern, at: self.linted.actionPlace(index))
            }
        }
    }

    private mutating func lint(_ pattern: ActionPattern, at place: JSONPointer) {
        if self.allows, pattern.text == "*" || pattern.text.hasSuffix(":*") {
            self.report(
                .wildcardAction,
                "allows every action that there is, those of later releases too", at: place)
        }
        guard pattern.actions.isEmpty else { return }
        switch self.dialect.plane {
        case .device:
            self.report(
                .actionCoversNothing,
                "'\(pattern.text.clipped)' is nothing that a device can do, so this \(self.verb) "
                    + "nothing", at: place)
        case .control:
            guard !self.dialect.operations.isEmpty, !self.dialect.knows(pattern) else { return }
            self.report(
                .actionCoversNothing,
                "this service has no operation '\(pattern.text.clipped)', so this \(self.verb) "
                    + "nothing", at: place)
        }
    }

    // MARK: Resources

    private mutating func lintResources(realm: Realm?) {
        let patterns: [TextPattern]
        switch self.statement.resources {
        case .only(let only): patterns = only
        case .allExcept(let except):
            patterns = except
            if self.allows {
                self.report(
                    .allowAllBut,
                    "allows everything but these; say what is allowed with Resource",
                    at: self.linted.place.appending("NotResource"), isAboutKey: true)
            }
        }
        for (index, pattern) in patterns.enumerated() {
            let place = self.linted.resourcePlace(index)
            self.lintVariables(of: pattern, at: place)
            if let realm { self.lintRealm(of: ResourceShape(pattern), realm, at: place) }
        }
        guard self.allows else { return }
        for (index, resource) in self.linted.resources.enumerated() where resource.isOpen {
            self.lintOpen(resource, at: self.linted.resourcePlace(index))
        }
    }

    private mutating func lintVariables(of pattern: TextPattern, at place: JSONPointer) {
        for variable in pattern.variables where variable.neverSubstituted(in: self.dialect) {
            self.report(
                .unresolvedVariable,
                "${\(variable.spelling(in: pattern.text))} never has one value here, so that this "
                    + (self.allows ? "matches nothing" : "matches anything"), at: place)
        }
    }

    private mutating func lintRealm(
        of resource: ResourceShape, _ realm: Realm, at place: JSONPointer
    ) {
        let foreign =
            resource.region.map { $0 != realm.region } ?? false
            || resource.account.map { $0 != realm.account } ?? false
        guard foreign else { return }
        self.report(
            .foreignARN,
            "this service is region \(realm.region), account \(realm.account): an ARN with another "
                + "never matches", at: place)
    }

    /// What an Allow with an open resource really says.
    private mutating func lintOpen(_ resource: ResourceShape, at place: JSONPointer) {
        guard self.dialect.plane == .device else {
            if resource.pattern.text == "*" {
                self.report(.wildcardResource, "allows this upon everything", at: place)
            }
            return
        }
        let open = self.linted.allActions.filter { resource.fits($0) }
        let talking: Set<PolicyAction> = [.publish, .retainPublish, .receive, .subscribe]
        let words = open.filter(talking.contains).map(\.rawValue)
        if !words.isEmpty {
            self.report(
                .wildcardResource,
                "allows \(words.joined(separator: ", ")) on every topic, those of other devices "
                    + "and of the service ($aws/…) too", at: place)
        }
        if open.contains(.connect) {
            self.report(
                .anyClientID,
                "any client id may be taken, another device's too, which then loses its "
                    + "connection", at: place)
        }
    }

    // MARK: Actions against resources

    /// An action is checked against one kind of resource, and never meets the others.
    private mutating func lintKinds() {
        guard case .only(let patterns) = self.statement.actions, !self.linted.resources.isEmpty
        else { return }
        var lost = PolicyActionSet()
        for (index, pattern) in patterns.enumerated() {
            let actions = PolicyAction.allCases.filter { pattern.actions.contains(.action($0)) }
            guard !actions.isEmpty,
                !actions.contains(where: { action in
                    self.linted.resources.contains { $0.fits(action) }
                })
            else { continue }
            lost.formUnion(pattern.actions)
            let kinds = self.linted.resources.reduce(into: Set()) { $0.formUnion($1.kinds) }
            let (rule, message) = self.slip(actions[0], kinds)
            self.report(rule, message, at: self.linted.actionPlace(index))
        }
        let rest = self.linted.allActions.filter { !lost.contains(.action($0)) }
        for (index, resource) in self.linted.resources.enumerated() {
            let place = self.linted.resourcePlace(index)
            if !rest.isEmpty, !rest.contains(where: { resource.fits($0) }) {
                let (rule, message) = self.slip(rest[0], resource.kinds)
                self.report(rule, message, at: place)
            } else {
                self.lintMQTTWildcards(of: resource, rest, at: place)
            }
        }
    }

    private func slip(
        _ action: PolicyAction, _ kinds: Set<ResourceKind>
    ) -> (PolicyRule, String) {
        let name = action.rawValue
        switch (ResourceKind(of: action), kinds) {
        case (.topicFilter, [.topic]):
            return (
                .subscribeOnTopic,
                "\(name) is checked against topicfilter/…, never against topic/…, so this "
                    + "\(self.verb) no subscription"
            )
        case (.topic, [.topicFilter]):
            return (
                .publishOnTopicFilter,
                "\(name) is checked against topic/…, never against topicfilter/…, so this "
                    + "\(self.verb) nothing"
            )
        case (let kind?, _):
            return (
                .resourceKind,
                "\(name) is checked against \(kind.rawValue)/…, which no resource here names"
            )
        case (nil, _):
            return (.resourceKind, "\(name) is checked against *, which no resource here names")
        }
    }

    private mutating func lintMQTTWildcards(
        of resource: ResourceShape, _ actions: [PolicyAction], at place: JSONPointer
    ) {
        guard resource.kinds == [.topic], let name = resource.name,
            actions.contains(where: { ResourceKind(of: $0) == .topic }),
            name.pieces.contains(where: { piece in
                guard case .glob(let glob) = piece else { return false }
                return glob.units.contains { "+#".utf8.map(Glob.Unit.init).contains($0) }
            })
        else { return }
        self.report(
            .mqttWildcardInTopic,
            "'+' and '#' are plain characters in a policy, and no topic holds them, so that this "
                + "matches nothing; the policy's own wildcard is '*'", at: place)
    }

    // MARK: Conditions

    private mutating func lint(_ condition: PolicyCondition) {
        let place = self.linted.conditionPlace(condition)
        let operation = condition.operation
        if condition.key.neverHasValue(in: self.dialect) {
            self.report(
                .unresolvedVariable,
                "the key '\(condition.keyText.clipped)' means nothing here, so that the condition "
                    + (self.allows ? "never holds" : "always holds"), at: place, isAboutKey: true)
        }
        if condition.key.isSet, operation.quantifier == nil, operation.name != .null {
            self.report(
                .setWithoutQuantifier,
                "'\(condition.keyText.clipped)' is a set: say ForAllValues: or ForAnyValue:, since "
                    + "a set of two or more cannot be judged without", at: place, isAboutKey: true)
        }
        if self.allows, operation.quantifier == .forAllValues, !operation.negated,
            condition.key != .connectAttributes
        {
            self.report(
                .forAllValuesAllow,
                "ForAllValues: holds as well where '\(condition.keyText.clipped)' has no value at "
                    + "all; add \"Null\": {…: \"false\"} if it must have one", at: place,
                isAboutKey: true)
        }
        if condition.key == .connectAttributes || condition.key == .lastWillTopic,
            self.dialect.plane == .device, !self.linted.actions.contains(.action(.connect))
        {
            self.report(
                .keyAtConnectOnly,
                "'\(condition.keyText.clipped)' has a value at iot:Connect only, and this "
                    + "statement is not about that", at: place, isAboutKey: true)
        }
        for (index, text) in condition.operandTexts.enumerated() {
            let variables = (try? TextPattern(text, wildcards: true))?.variables ?? []
            for variable in variables where variable.neverSubstituted(in: self.dialect) {
                self.report(
                    .unresolvedVariable,
                    "${\(variable.spelling(in: text))} never has one value, so that this compares "
                        + "with nothing",
                    at: condition.operandTexts.count == 1 ? place : place.appending(index))
            }
        }
    }
}

extension PolicyVariable {
    /// Whether it may have several values at once.
    var isSet: Bool {
        switch self {
        case .connectAttributes, .certificateAvailableKeys, .certificateField(_, .list): true
        case .clientID, .sourceIP, .domainName, .lastWillTopic, .thingName, .thingTypeName,
            .thingAttribute, .isAttached, .certificateSerialNumber, .certificateField(_, .value),
            .currentTime, .epochTime, .other:
            false
        }
    }

    /// A key that this release gives no meaning. What the control plane knows of a caller is not
    /// known here.
    fileprivate func neverHasValue(in dialect: PolicyDialect) -> Bool {
        guard case .other = self else { return false }
        return dialect.plane == .device
    }

    fileprivate func neverSubstituted(in dialect: PolicyDialect) -> Bool {
        self.isSet || self.neverHasValue(in: dialect)
    }
}
