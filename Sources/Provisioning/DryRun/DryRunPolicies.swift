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

        var json: JSONValue {
            var object: JSONObject = [
                "action": .string(self.action), "resource": .string(self.resource),
                "decision": .string(self.decision),
            ]
            object["statement"] = self.statement.map { .string($0) }
            return .object(object)
        }
    }

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
    ///   - policies: all that count for the connection.
    ///   - context: the connection.
    ///   - isWhole: whether more is said than the answers.
    init(
        _ policies: [Policy], for context: PolicyVariables, questions: [Question], isWhole: Bool
    ) {
        let compiled = policies.map { CompiledPolicy($0) }
        let documents = (isWhole ? policies : []).compactMap { policy in
            policy.defaultVersion.flatMap {
                try? PolicyDocument.parse($0.document, dialect: .device)
            }
        }
        self.effective = PolicyMatrix.columns(of: documents).compactMap { column in
            Self.line(column, compiled, context)
        }
        self.answers = questions.map { asked in
            let request = asked.question.request
            let decision = PolicyEvaluator.decide(
                policies: compiled, request: request, context: context)
            return Answer(
                question: asked.text,
                about: asked.question.words == asked.text ? nil : asked.question.words,
                isAllowed: decision.isAllowed, decision: decision.word,
                statement: decision.statement?.description,
                explanation: Explanation(
                    principal: nil, request: request, decision: decision, policies: compiled,
                    context: context
                ).description)
        }
    }

    private static func line(
        _ column: PolicyMatrix.Column, _ policies: [CompiledPolicy], _ context: PolicyVariables
    ) -> Line? {
        guard case .pattern(let action, _) = column, let request = column.example(in: context),
            let resource = column.resolvedText(in: context)
        else { return nil }
        let decision = PolicyEvaluator.decide(
            policies: policies, request: request, context: context)
        return Line(
            action: Self.word(action), resource: Self.name(in: resource),
            decision: decision.word, statement: decision.statement?.description)
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
