import Fleet
import JSON
import Policies
import Registry

/// What a device may do once it is registered, decided by the engine that the broker asks.
package struct DryRunPolicies: Sendable {
    struct Question: Sendable {
        /// As it was asked.
        let text: String
        let question: PolicyQuestion

        /// The question about one device: `${SerialNumber}` stands for its parameter's value, as
        /// in a template's `Fn::Sub`.
        func about(_ values: [String: String], in realm: Realm) -> Question {
            guard self.text.contains("${") else { return self }
            var text = ""
            var rest = self.text[...]
            while let open = rest.firstRange(of: "${") {
                text += rest[..<open.lowerBound]
                let tail = rest[open.upperBound...]
                guard let close = tail.firstIndex(of: "}"),
                    let value = values[String(tail[..<close])]
                else {
                    text += rest[open]
                    rest = tail
                    continue
                }
                text += value
                rest = tail[tail.index(after: close)...]
            }
            text += rest
            // A value that is empty leaves nothing to ask about.
            guard let question = try? PolicyQuestion(text, in: realm) else { return self }
            return Question(text: self.text, question: question)
        }
    }

    /// One thing that the policies speak of, and whether the device may.
    package struct Line: Hashable, Sendable {
        /// `connect`, `publish`, `subscribe`, `receive`, or an action's name.
        package let action: String
        /// What the action is about, wildcards and all, without the ARN before it.
        package let resource: String
        package let decision: String
        package let statement: String?
        /// Why the gateway refuses it whatever policies say.
        package let refusal: String?

        var json: JSONValue {
            var object: JSONObject = [
                "action": .string(self.action), "resource": .string(self.resource),
                "decision": .string(self.decision),
            ]
            object["statement"] = self.statement.map { .string($0) }
            object["refusal"] = self.refusal.map { .string($0) }
            return .object(object)
        }
    }

    /// The decision where no policy is asked.
    static let refused = "REFUSED"

    /// The answer to one question.
    package struct Answer: Hashable, Sendable {
        package let question: String
        /// With the device's values in it; nil where that is the same.
        package let about: String?
        package let isAllowed: Bool
        package let decision: String
        package let statement: String?
        package let explanation: String

        var json: JSONValue {
            var object: JSONObject = [
                "question": .string(self.question), "allowed": .bool(self.isAllowed),
                "decision": .string(self.decision), "explanation": .string(self.explanation),
            ]
            object["about"] = self.about.map { .string($0) }
            object["statement"] = self.statement.map { .string($0) }
            return .object(object)
        }
    }

    package let effective: [Line]
    package let answers: [Answer]

    /// - Throws: `FleetError.invalidRequest` for a text that is no question.
    static func questions(
        _ texts: [String], in realm: Realm
    ) throws(FleetError) -> [Question] {
        try texts.map { text throws(FleetError) in
            Question(text: text, question: try PolicyQuestion(text, in: realm))
        }
    }

    /// - Parameters:
    ///   - connections: those of the device.
    ///   - rules: what the gateway refuses before any policy is asked.
    ///   - isWhole: whether more is said than the answers.
    init(
        _ connections: DryRunConnections, as clientID: String, questions: [Question],
        under rules: GatewayRules, isWhole: Bool
    ) {
        let documents = (isWhole ? connections.policies(as: clientID) : []).compactMap { policy in
            policy.defaultVersion.flatMap {
                try? PolicyDocument.parse($0.document, dialect: .device)
            }
        }
        let usual = connections.connection(as: clientID)
        self.effective = PolicyMatrix.columns(of: documents).compactMap { column in
            Self.line(column, usual, rules)
        }
        self.answers = questions.map { asked in
            let request = asked.question.request
            // Whoever connects under another name is asked about as that one.
            let connection =
                rules.client(in: request).map { connections.connection(as: $0) } ?? usual
            return Self.answer(asked, connection, rules.refusal(of: request))
        }
    }

    private static func answer(
        _ asked: Question, _ connection: DryRunConnections.Connection, _ refusal: String?
    ) -> Answer {
        let request = asked.question.request
        let about = asked.question.words == asked.text ? nil : asked.question.words
        if let refusal {
            return Answer(
                question: asked.text, about: about, isAllowed: false, decision: Self.refused,
                statement: nil, explanation: "refused whatever policies say: \(refusal)")
        }
        let decision = connection.decide(request)
        return Answer(
            question: asked.text, about: about, isAllowed: decision.isAllowed,
            decision: decision.word, statement: decision.statement?.description,
            explanation: Explanation(
                principal: nil, request: request, decision: decision,
                policies: connection.policies, context: connection.variables
            ).description)
    }

    private static func line(
        _ column: PolicyMatrix.Column, _ connection: DryRunConnections.Connection,
        _ rules: GatewayRules
    ) -> Line? {
        guard case .pattern(let action, _) = column,
            let request = column.example(in: connection.variables),
            let resource = column.resolvedText(in: connection.variables)
        else { return nil }
        // Of a pattern the gateway may refuse some, and not others.
        let isPattern = resource.contains("*") || resource.contains("?")
        let refusal = isPattern ? rules.refusal : rules.refusal(of: request)
        let decision = connection.decide(request)
        return Line(
            action: Self.word(action), resource: Self.name(in: resource),
            decision: refusal == nil ? decision.word : Self.refused,
            statement: refusal == nil ? decision.statement?.description : nil, refusal: refusal)
    }

    private static func word(_ action: PolicyAction) -> String {
        switch action {
        case .connect: "connect"
        case .publish: "publish"
        case .retainPublish: "retain-publish"
        case .subscribe: "subscribe"
        case .receive: "receive"
        default: action.rawValue
        }
    }

    /// `arn:aws:iot:R:A:topic/a/b` is about `a/b`.
    private static func name(in resource: String) -> String {
        let parts = resource.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false)
        guard parts.count == 6, let slash = parts[5].firstIndex(of: "/") else { return resource }
        return String(parts[5][parts[5].index(after: slash)...])
    }
}
