package import Fleet
package import JSON

/// What a gateway refuses whatever policies say. Policies know nothing of MQTT, so whoever asks
/// what a connection may do hands these in.
package protocol GatewayRefusals: Sendable {
    /// Why the connection's certificate may do nothing at all; nil where it depends.
    var refusal: String? { get }
    /// Why the request is refused; nil where policies decide.
    func refusal(of request: AuthorizationRequest) -> String?
    /// Why there is no last will on the topic; nil where policies decide.
    func refusal(ofWill topic: ARN) -> String?
}

/// What would become of a request: what policies say of it, and why it comes to nothing all the
/// same, if it does.
package struct SimulatedAnswer: Hashable, Sendable {
    package let request: AuthorizationRequest
    package let context: PolicyVariables
    package let decision: Decision
    package let refusal: String?

    package var isAllowed: Bool { self.refusal == nil && self.decision.isAllowed }

    /// The word for both.
    var cell: String { self.refusal == nil ? self.decision.cell : "REFUSED" }

    /// Beside a refusal, `policyDecision` says what policies alone would have.
    package var json: JSONValue {
        guard let refusal, var object = self.decision.json.objectValue else {
            return self.decision.json
        }
        object["decision"] = "REFUSED"
        object["policyDecision"] = .string(self.decision.word)
        object["refusal"] = .string(refusal)
        return .object(object)
    }
}

extension SimulatedConnection {
    /// - Parameter rules: nil where no device asks.
    package func answer(
        _ question: PolicyQuestion, policies: [CompiledPolicy], rules: (any GatewayRefusals)?
    ) -> SimulatedAnswer {
        let request = question.request
        let context = self.variables(for: request, asNamed: true)
        return SimulatedAnswer(
            request: request, context: context,
            decision: PolicyEvaluator.decide(
                policies: policies, request: request, context: context),
            refusal: rules.flatMap {
                $0.refusal(of: request) ?? self.willRefusal(request, context, policies, $0)
            })
    }

    /// - Returns: nil where a variable of the column has no value.
    func answer(
        _ column: PolicyMatrix.Column, policies: [CompiledPolicy], rules: (any GatewayRefusals)?
    ) -> SimulatedAnswer? {
        switch column {
        case .question(let question):
            return self.answer(question, policies: policies, rules: rules)
        case .pattern(_, let pattern):
            guard let request = column.request(in: self.variables) else { return nil }
            let context = self.variables(for: request, asNamed: false)
            // Of what a wildcard stands for the gateway may refuse some, and not the rest.
            let refusal =
                pattern.hasWildcards ? rules?.refusal : rules?.refusal(of: request)
            return SimulatedAnswer(
                request: request, context: context,
                decision: PolicyEvaluator.decide(
                    policies: policies, request: request, context: context),
                refusal: refusal)
        }
    }

    /// The values that the broker would have. What only a CONNECT says is known at no other time;
    /// and it is the name in the CONNECT that is the client's.
    ///
    /// - Parameter asNamed: whether the connection is the one that the request names.
    func variables(for request: AuthorizationRequest, asNamed: Bool) -> PolicyVariables {
        var variables = self.variables
        guard request.action == .connect else {
            variables.connectAttributes = []
            variables.lastWillTopic = nil
            return variables
        }
        if variables.lastWillTopic != nil { variables.connectAttributes.insert(.lastWill) }
        guard asNamed, let name = Self.client(of: request.resource), name != variables.clientID
        else { return variables }
        variables.clientID = name
        guard let thing = variables.thing?.name.rawValue, thing != name else { return variables }
        // A connection that speaks for a thing under another name than the thing's has it to
        // itself, and so under any name; of others nobody can tell, and the usual attachment
        // holds under the thing's name alone.
        let isExclusive = self.variables.clientID.map { $0 != thing } ?? false
        if !isExclusive { variables.thing = nil }
        return variables
    }

    private static func client(of resource: ARN) -> String? {
        let parts = resource.rawValue.split(
            separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, parts[5].hasPrefix("client/") else { return nil }
        return String(parts[5].dropFirst("client/".count))
    }

    /// A CONNECT with a last will asks for the right to publish it too (provisioning
    /// specification, 5.2).
    private func willRefusal(
        _ request: AuthorizationRequest, _ context: PolicyVariables, _ policies: [CompiledPolicy],
        _ rules: any GatewayRefusals
    ) -> String? {
        guard request.action == .connect, let topic = context.lastWillTopic else { return nil }
        if let refusal = rules.refusal(ofWill: topic) { return refusal }
        var published = context
        published.connectAttributes = []
        published.lastWillTopic = nil
        let will = AuthorizationRequest(.publish, topic)
        let decision = PolicyEvaluator.decide(
            policies: policies, request: will, context: published)
        guard !decision.isAllowed else { return nil }
        let explanation = Explanation(
            principal: nil, request: will, decision: decision, policies: policies,
            context: published)
        return "its last will is not allowed: \(explanation)"
    }
}
