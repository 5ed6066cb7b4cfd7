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
                // Where the text hangs on a value, the stand-in's says nothing for sure.
                let isGuess =
                    finding.rule.severity == .error
                    && tree.inner(finding.place.tokens).descendants.contains(where: \.hangsOnValues)
                guard !isGuess else { continue }
                self.report(
                    TemplateFinding(finding, ofDocumentAt: place, in: self.root))
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
            guard name.contains(where: wildcards.contains), !Self.isServices(name) else { return }
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
    }
}
