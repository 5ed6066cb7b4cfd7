import Fleet

/// Why a request was decided as it was, on one line for the log: who, what, on what, and the
/// statement that decided. A refusal that looks like a known slip says so.
package struct Explanation: Hashable, Sendable, CustomStringConvertible {
    package let description: String

    /// - Parameter principal: the certificate id, or whatever the caller's logs know it by; nil
    ///   where nobody in particular asks.
    package init(
        principal: String?, request: AuthorizationRequest, decision: Decision,
        policies: [CompiledPolicy], context: PolicyVariables
    ) {
        let subject =
            (principal.map { "principal \($0.clipped) " } ?? "")
            + "\(request.operation) on \(request.resource.rawValue.onOneLine)"
        switch decision {
        case .allowed(let statement): self.description = "allowed: \(subject), by \(statement)"
        case .explicitlyDenied(let statement):
            let defect = policies.first {
                $0.name == statement.policy && $0.version == statement.version
            }?.defect
            self.description =
                defect.map {
                    "denied: \(subject), since policy \(statement.policy) version "
                        + "\(statement.version) cannot be read: \($0.message.onOneLine)"
                } ?? "denied: \(subject), by \(statement)"
        case .implicitlyDenied:
            let names = policies.map { "\($0.name) version \($0.version)" }
            let reason =
                names.isEmpty
                ? "no policy applies to this principal"
                : "no statement allows it in policy \(names.joined(separator: ", "))"
            let hint = Self.hint(request: request, policies: policies, context: context)
            self.description = "denied: \(subject), \(reason)" + (hint.map { "; \($0)" } ?? "")
        }
    }

    /// The slip that AWS's own samples shipped: `topic/` where Subscribe wants `topicfilter/`, or
    /// the other way round.
    private static func hint(
        request: AuthorizationRequest, policies: [CompiledPolicy], context: PolicyVariables
    ) -> String? {
        guard let action = request.action else { return nil }
        let wrong: (wanted: String, written: String)
        switch action {
        case .subscribe: wrong = (":topicfilter/", ":topic/")
        case .publish, .retainPublish, .receive: wrong = (":topic/", ":topicfilter/")
        case .connect, .deleteConnection, .getConnection, .listSubscriptions, .sendDirectMessage,
            .getRetainedMessage, .listRetainedMessages, .getThingShadow, .updateThingShadow,
            .deleteThingShadow, .listNamedShadowsForThing, .assumeRoleWithCertificate,
            .describeJobExecution, .getPendingJobExecutions, .updateJobExecution,
            .startNextPendingJobExecution:
            return nil
        }
        let arn = request.resource.rawValue
        guard let range = arn.firstRange(of: wrong.wanted) else { return nil }
        let other = AuthorizationRequest(
            action,
            ARN(rawValue: arn[..<range.lowerBound] + wrong.written + arn[range.upperBound...]))
        guard
            case .allowed(let statement) = PolicyEvaluator.decide(
                policies: policies, request: other, context: context)
        else { return nil }
        return "\(statement) would, had it '\(wrong.wanted.dropFirst())' in place of "
            + "'\(wrong.written.dropFirst())'"
    }
}

extension String {
    /// The whole text, control characters replaced, so that a log line stays one line.
    var onOneLine: String {
        String(
            String.UnicodeScalarView(
                self.unicodeScalars.map { scalar in
                    scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
                        || scalar.value == 0x2028 || scalar.value == 0x2029 ? "\u{FFFD}" : scalar
                }))
    }
}
