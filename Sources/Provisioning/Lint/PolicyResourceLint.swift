import Fleet
import JSON
import Policies

/// The policies of a template, and the claim's by which devices come to it.
extension TemplateLint {
    mutating func lintPolicies() {
        let thing = self.document.thing
        if self.document.policies.isEmpty, thing.groups.isEmpty, thing.groupList == nil {
            self.report(
                .noPolicy,
                "no policy and no group is given to a device: it may not even connect until "
                    + "somebody attaches one", at: JSONPointer(tokens: ["Resources"]),
                isAboutKey: true)
        }
        var standIn = StandIn(words: self.document, realm: self.context.realm)
        for policy in self.document.policies {
            guard case .document(let tree) = policy.source else { continue }
            let place = policy.pointer.appending("PolicyDocument")
            for choice in 0..<standIn.choicesCount(in: tree) {
                standIn.choice = choice
                self.lintPolicy(tree, standIn, at: place)
            }
        }
    }

    private mutating func lintPolicy(
        _ tree: TemplateTree, _ standIn: StandIn, at place: JSONPointer
    ) {
        let found = PolicyLint.findings(
            of: JSONPrinter.print(standIn.value(of: tree)), realm: self.context.realm)
        // Its faults were told when the template was checked, but for those of entries that a value
        // chooses: some devices would be refused, and others not.
        for fault in found where fault.rule.severity == .error {
            guard standIn.isOfChoice(fault, in: tree) else { continue }
            let told = TemplateFinding(fault, ofDocumentAt: place, in: self.root)
            self.reportOnce(
                TemplateFinding(
                    "an entry that a value may choose makes no policy: \(told.message)",
                    at: told.pointer, rule: .unreadableChoice))
        }
        let (value, findings) = self.reading(of: tree, standIn, found)
        for finding in findings where finding.rule.severity != .error {
            self.reportOnce(
                TemplateFinding(
                    finding.saying(standIn.readable(finding.fault)), ofDocumentAt: place,
                    in: self.root))
        }
        self.lintReach(of: value, standIn, at: place)
    }

    /// What a parameter may be in a condition, or an entry that it chooses as a resource: no word.
    private var readable: [String] {
        let realm = self.context.realm
        return [
            "0", "true", "192.0.2.1/32", "2026-01-01T00:00:00Z",
            "arn:aws:iot:\(realm.region):\(realm.account):topic/x",
        ]
    }

    /// The document with words in place of its parameters, and what is said of it: with other
    /// texts where it cannot be read so.
    private func reading(
        of tree: TemplateTree, _ standIn: StandIn, _ found: [PolicyFinding]
    ) -> (value: JSONValue, findings: [PolicyFinding]) {
        var replaced: [JSONPointer: String] = [:]
        var value = standIn.value(of: tree)
        var findings = found
        for text in self.readable {
            let faults = findings.filter { $0.rule.severity == .error }
            guard !faults.isEmpty else { break }
            for fault in faults { replaced[fault.place] = text }
            value = standIn.value(of: tree, replaced: replaced)
            findings = PolicyLint.findings(
                of: JSONPrinter.print(value), realm: self.context.realm)
        }
        return (value, findings.filter { !Self.isAboutStandIn($0, replaced) })
    }

    /// Nothing is known of a resource that stands in these places, nor for which actions it would
    /// do. An operand that stands in one says nothing of its key.
    private static func isAboutStandIn(
        _ finding: PolicyFinding, _ replaced: [JSONPointer: String]
    ) -> Bool {
        let elements = ["Resource", "NotResource"]
        if replaced[finding.place] != nil,
            finding.place.tokens.contains(where: { elements.contains($0) })
        {
            return true
        }
        guard [.resourceKind, .subscribeOnTopic, .publishOnTopicFilter].contains(finding.rule)
        else { return false }
        let tokens = finding.place.tokens
        guard let action = tokens.lastIndex(where: { $0 == "Action" || $0 == "Resource" }) else {
            return false
        }
        let statement = tokens.prefix(action) + ["Resource"]
        return replaced.keys.contains { $0.tokens.starts(with: statement) }
    }

    // MARK: Reach

    private mutating func lintReach(
        of document: JSONValue, _ standIn: StandIn, at place: JSONPointer
    ) {
        let inside = place.appending("Statement")
        switch document["Statement"] {
        case .array(let statements)?:
            for (index, statement) in statements.enumerated() {
                self.lintReach(ofStatement: statement, standIn, at: inside.appending(index))
            }
        case let statement?: self.lintReach(ofStatement: statement, standIn, at: inside)
        case nil: break
        }
    }

    private mutating func lintReach(
        ofStatement statement: JSONValue, _ standIn: StandIn, at place: JSONPointer
    ) {
        guard statement["Effect"] == "Allow" else { return }
        let inside = place.appending("Resource")
        switch statement["Resource"] {
        case .string(let text)?: self.lintReach(ofResource: text, standIn, at: inside)
        case .array(let elements)?:
            for (index, element) in elements.enumerated() {
                guard let text = element.stringValue else { continue }
                self.lintReach(ofResource: text, standIn, at: inside.appending(index))
            }
        default: break
        }
    }

    private mutating func lintReach(
        ofResource text: String, _ standIn: StandIn, at place: JSONPointer
    ) {
        let fields = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard fields.count == 6, let slash = fields[5].firstIndex(of: "/"),
            let kind = ReachedKind(rawValue: String(fields[5][..<slash]))
        else { return }
        let name = String(fields[5][fields[5].index(after: slash)...])
        // What is open altogether is the policy lint's to say, of all but things.
        guard !name.isEmpty, kind == .thing || name != "*" else { return }
        let readable = standIn.readable(name).clipped
        switch ResourceHold(of: name, words: standIn.words) {
        case .closed: break
        case .openEnded:
            self.reportOnce(
                .wildcardBesideValue,
                "in '\(readable)' a wildcard stands beside the device's own value: where that is "
                    + "'SN-1', the \(kind.reached) of 'SN-10' are reached too", at: place,
                expected: "a '/' or another end between value and wildcard")
        case .none: self.reportOpen(kind, name, readable, at: place)
        }
    }

    private mutating func reportOpen(
        _ kind: ReachedKind, _ name: String, _ readable: String, at place: JSONPointer
    ) {
        switch kind {
        case .topic, .topicFilter, .thing:
            let wildcards = kind == .topicFilter ? "*?+#" : "*?"
            guard name.contains(where: wildcards.contains), !Self.isServices(name) else { return }
            self.reportOnce(
                .reachesOtherThings,
                "nothing in '\(readable)' is the device's own: its wildcards reach other things' "
                    + kind.reached, at: place,
                expected: "a policy variable such as ${iot:Connection.Thing.ThingName}, or a "
                    + "parameter that is in the thing's name")
        case .client:
            self.reportOnce(
                .sharedClientID,
                "nothing in '\(readable)' is the device's own: whoever connects last under a "
                    + "client id throws the other out", at: place,
                expected: "${iot:Connection.Thing.ThingName}")
        }
    }

    /// What a resource of a policy can name that other things have too.
    private enum ReachedKind: String {
        case topic, topicFilter = "topicfilter", client, thing

        var reached: String {
            switch self {
            case .topic, .topicFilter: "topics"
            case .client: "client ids"
            case .thing: "shadows and jobs"
            }
        }
    }

    /// Topics on which the service itself answers, and nobody but the connection that asked: no
    /// other thing hears or says anything there.
    private static let servicesTopics = [
        "$aws/certificates/", "$aws/provisioning-templates/", "$slipway/",
    ]

    private static func isServices(_ name: String) -> Bool {
        Self.servicesTopics.contains { name.hasPrefix($0) }
    }

    // MARK: The claim

    mutating func lintClaim() throws(FleetError) {
        guard let claim = self.context.claim else { return }
        let problems = try ClaimReach.problems(
            of: claim.policies, for: claim.template, in: self.context.realm)
        for problem in problems {
            self.report(.claimCannotReach, "the claim policy \(problem)", at: .root)
        }
        guard problems.isEmpty,
            try ClaimReach.lacksRequests(claim.policies, in: self.context.realm)
        else { return }
        self.report(
            .claimWithoutRequests,
            "the claim policy lets no device bring its own key: it may not publish "
                + "$aws/certificates/create-from-csr/json, which some clients do", at: .root)
    }
}
