package import Fleet
package import Policies

/// Whether the policies of a claim let a device go through the whole dialogue of a template: a
/// missing right shows on the line as a connection that is closed, or an answer that never comes.
package enum ClaimReach {
    private static let formats = ["json", "cbor"]

    private static func topics(of template: TemplateName) -> [String] {
        Self.formats.map { "$aws/provisioning-templates/\(template)/provision/\($0)" }
    }

    private static var creation: [String] {
        Self.formats.flatMap {
            ["$aws/certificates/create/\($0)", "$aws/certificates/create-from-csr/\($0)"]
        }
    }

    /// Whether a device may ask to be registered by the template at all.
    package static func reaches(
        _ template: TemplateName, with policies: [CompiledPolicy], in realm: Realm
    ) throws(FleetError) -> Bool {
        try Self.may("publish", one: Self.topics(of: template), policies, realm)
    }

    /// What is missing, as it follows the claim's name; empty where nothing is.
    package static func problems(
        of policies: [CompiledPolicy], for template: TemplateName, in realm: Realm
    ) throws(FleetError) -> [String] {
        let topics = Self.topics(of: template)
        let steps: [(verb: String, topics: [String], purpose: String)] = [
            ("publish", topics, "register by this template"),
            ("subscribe", topics.map { $0 + "/accepted" }, "hear that it is registered"),
            ("publish", Self.creation, "get its certificate"),
            ("subscribe", Self.creation.map { $0 + "/accepted" }, "hear of its certificate"),
        ]
        var problems: [String] = []
        for step in steps
        where try Self.may(step.verb, one: step.topics, policies, realm) == false {
            problems.append(
                "does not let a device \(step.purpose): it may \(step.verb) none of "
                    + step.topics.joined(separator: ", "))
        }
        return problems
    }

    /// One of the topics is enough.
    private static func may(
        _ verb: String, one topics: [String], _ policies: [CompiledPolicy], _ realm: Realm
    ) throws(FleetError) -> Bool {
        for topic in topics {
            let question = try PolicyQuestion(verb, topic, in: realm)
            let decision = PolicyEvaluator.decide(
                policies: policies, request: question.request,
                context: PolicyVariables(clientID: "claim"))
            if decision.isAllowed { return true }
        }
        return false
    }
}
