import Fleet
import JSON
import Policies

/// The policies of a template, and the claim's by which devices come to it.
extension TemplateLint {
    mutating func lintPolicies() {
        let standIn = StandIn(document: self.document, realm: self.context.realm)
        for policy in self.document.policies {
            guard case .document(let tree) = policy.source else { continue }
            let place = policy.pointer.appending("PolicyDocument")
            let value = standIn.value(of: tree)
            let findings = PolicyLint.findings(
                of: JSONPrinter.print(value), realm: self.context.realm)
            for finding in findings {
                self.report(
                    .policy(finding.rule), finding.message,
                    at: JSONPointer(tokens: place.tokens + finding.place.tokens))
            }
            self.lintReach(of: value, standIn, at: place)
        }
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
        guard fields.count == 6, let slash = fields[5].firstIndex(of: "/") else { return }
        let kind = fields[5][..<slash]
        let name = String(fields[5][fields[5].index(after: slash)...])
        // What is open altogether is the policy lint's to say.
        guard name != "*", !name.isEmpty, !standIn.isOfOneThing(name) else { return }
        switch kind {
        case "topic", "topicfilter":
            let wildcards = kind == "topic" ? "*?" : "*?+#"
            guard name.contains(where: wildcards.contains) else { return }
            self.report(
                .reachesOtherThings,
                "nothing in '\(standIn.readable(name).clipped)' is the device's own: its "
                    + "wildcards reach other things' topics", at: place,
                expected: "a policy variable such as ${iot:Connection.Thing.ThingName}, or a "
                    + "parameter that is in the thing's name")
        case "client":
            self.report(
                .sharedClientID,
                "nothing in '\(standIn.readable(name).clipped)' is the device's own: whoever "
                    + "connects last under a client id throws the other out", at: place,
                expected: "${iot:Connection.Thing.ThingName}")
        default: break
        }
    }

    // MARK: The claim

    mutating func lintClaim() throws(FleetError) {
        guard let claim = self.context.claim else { return }
        let policy = CompiledPolicy(
            claim.policy, name: PolicyName(checked: "claim"), version: 1)
        let topics = "$aws/provisioning-templates/\(claim.template)/provision/"
        let create = "$aws/certificates/create"
        let formats = ["json", "cbor"]
        try self.require(
            policy, "publish", formats.map { topics + $0 }, "register by this template")
        try self.require(
            policy, "subscribe", formats.map { topics + $0 + "/accepted" },
            "hear that it is registered")
        try self.require(
            policy, "publish",
            formats.flatMap { ["\(create)/\($0)", "\(create)-from-csr/\($0)"] },
            "get its certificate")
        try self.require(
            policy, "subscribe",
            formats.flatMap {
                ["\(create)/\($0)/accepted", "\(create)-from-csr/\($0)/accepted"]
            }, "hear of its certificate")
    }

    /// One of the topics is enough.
    private mutating func require(
        _ policy: CompiledPolicy, _ verb: String, _ topics: [String], _ purpose: String
    ) throws(FleetError) {
        for topic in topics {
            let question = try PolicyQuestion(verb, topic, in: self.context.realm)
            let decision = PolicyEvaluator.decide(
                policies: [policy], request: question.request,
                context: PolicyVariables(clientID: "claim"))
            if decision.isAllowed { return }
        }
        self.report(
            .claimCannotReach,
            "the claim policy does not let a device \(purpose): it may \(verb) none of "
                + topics.joined(separator: ", "), at: .root)
    }
}
