package import Fleet
import JSON

/// One call of the control plane as the access log tells it.
package struct AccessLogEntry: Sendable {
    /// What came of it.
    package struct Outcome: Sendable {
        package let status: Int
        /// The refusal's code; nil where the call did what was asked.
        package let code: FleetError.Code?
        package let microseconds: Int

        package init(status: Int, code: FleetError.Code?, microseconds: Int) {
            self.status = status
            self.code = code
            self.microseconds = microseconds
        }
    }

    package let time: UnixTime
    package let requestID: String
    /// nil where nobody was recognized.
    package let actor: Actor?
    package let sourceAddress: String?
    /// `iot:CreateThing`; nil where nothing lies at the path that was asked for.
    package let operation: String?
    package let target: ARN?
    package let outcome: Outcome

    package init(
        time: UnixTime, requestID: String, actor: Actor?, sourceAddress: String?,
        operation: String?, target: ARN?, outcome: Outcome
    ) {
        self.time = time
        self.requestID = requestID
        self.actor = actor
        self.sourceAddress = sourceAddress
        self.operation = operation
        self.target = target
        self.outcome = outcome
    }

    var json: JSONValue {
        var object: JSONObject = ["time": .string(self.time.description)]
        object["request"] = .string(self.requestID)
        object["principalKind"] = (self.actor?.kind.rawValue).map { .string($0) }
        object["principal"] = (self.actor?.identity).map { .string($0) }
        object["source"] = self.sourceAddress.map { .string($0) }
        object["operation"] = self.operation.map { .string($0) }
        object["target"] = (self.target?.rawValue).map { .string($0) }
        object["outcome"] = .string(self.outcome.code == nil ? "allowed" : "refused")
        object["status"] = .int(self.outcome.status)
        object["code"] = (self.outcome.code?.rawValue).map { .string($0) }
        object["microseconds"] = .int(self.outcome.microseconds)
        return .object(object)
    }
}
