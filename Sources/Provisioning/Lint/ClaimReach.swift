package import Fleet
package import Policies

/// Whether the policies of a claim let a device go through the whole dialogue of a template: a
/// missing right shows on the line as a connection that is closed, or an answer that never comes.
package enum ClaimReach {
    private static func topics(of request: ProvisioningTopic.Request) -> [String] {
        ProvisioningTopic.Format.allCases.map { ProvisioningTopic(request, $0).text }
    }

    private static func topics(of template: TemplateName) -> [String] {
        Self.topics(of: .registerThing(template: template.rawValue))
    }

    private static var creation: [String] {
        Self.topics(of: .createKeysAndCertificate) + Self.requests
    }

    private static var requests: [String] { Self.topics(of: .createCertificateFromCSR) }

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
        var problems: [String] = []
        if !ConnectingClients.exist(for: policies, in: realm) {
            problems.append("does not let a device connect: it allows iot:Connect as no client")
        }
        let steps = [
            (Self.topics(of: template), "register by this template", "that it is registered"),
            (Self.creation, "get its certificate", "of its certificate"),
        ]
        for (topics, purpose, answer) in steps {
            problems += try Self.problems(
                of: policies, asking: topics, to: purpose, hearing: answer, in: realm)
        }
        return problems
    }

    /// An answer comes to the topic of its own request, in the form that the request has.
    private static func problems(
        of policies: [CompiledPolicy], asking topics: [String], to purpose: String,
        hearing answer: String, in realm: Realm
    ) throws(FleetError) -> [String] {
        var asked: [String] = []
        var heard: [String] = []
        for topic in topics {
            if try Self.may("publish", one: [topic], policies, realm) { asked.append(topic) }
            if try Self.may("subscribe", one: [topic + "/accepted"], policies, realm) {
                heard.append(topic)
            }
        }
        var problems: [String] = []
        if asked.isEmpty {
            problems.append(
                "does not let a device \(purpose): it may publish none of "
                    + topics.joined(separator: ", "))
        }
        if heard.isEmpty {
            problems.append(
                "does not let a device hear \(answer): it may subscribe none of "
                    + topics.map { $0 + "/accepted" }.joined(separator: ", "))
        }
        guard problems.isEmpty, !asked.contains(where: heard.contains) else { return problems }
        return [
            "does not let a device hear \(answer): it may publish "
                + asked.joined(separator: ", ") + ", and subscribe only "
                + heard.map { $0 + "/accepted" }.joined(separator: ", ")
        ]
    }

    /// Whether a device that brings its own signing request is left outside, though another gets
    /// in: which of the two a device does is decided by its software, not by its operator.
    package static func lacksRequests(
        _ policies: [CompiledPolicy], in realm: Realm
    ) throws(FleetError) -> Bool {
        guard try Self.may("publish", one: Self.creation, policies, realm) else { return false }
        return try !Self.may("publish", one: Self.requests, policies, realm)
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
