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

    /// As one line of the log, without its end.
    func write(to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("time", self.time.description)
        writer.member("request", self.requestID)
        writer.member("principalKind", self.actor?.kind.rawValue)
        writer.member("principal", self.actor?.identity)
        writer.member("source", self.sourceAddress)
        writer.member("operation", self.operation)
        writer.member("target", self.target?.rawValue)
        writer.member("outcome", self.outcome.code == nil ? "allowed" : "refused")
        writer.key("status")
        writer.int(self.outcome.status)
        writer.member("code", self.outcome.code?.rawValue)
        writer.key("microseconds")
        writer.int(self.outcome.microseconds)
        writer.endObject()
    }
}
