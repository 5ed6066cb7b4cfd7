package import Fleet
package import Foundation
import JSON

/// A hook that is a service of somebody's own: where it is, and how it is asked. Its text is JSON
/// instead of Lua, so that it is stored, approved and kept by version like every other hook.
package struct Webhook: Hashable, Sendable {
    package let url: URL
    /// From the first byte of the question to the last of the answer.
    package let timeoutMilliseconds: Int
    /// The file in the folder of secrets whose content signs the questions.
    package let secret: String
    /// Authorities of the service's certificate, beside the database's folder; else the system's.
    package let caFile: String?

    package static func describes(_ script: HookScript) -> Bool {
        script.isWebhook
    }

    package static func describes(source: String) -> Bool {
        HookScript.isWebhook(source: source)
    }

    /// - Throws: `FleetError.invalidRequest`, naming what is wrong.
    package init(_ script: HookScript) throws(FleetError) {
        let json: JSONValue
        do { json = try JSONParser.parse(script.source) } catch {
            throw FleetError(.invalidRequest, "the webhook is no JSON: \(error)")
        }
        let faults = WebhookSchema.faults(of: json)
        guard faults.isEmpty, let url = json["url"]?.stringValue.flatMap({ URL(string: $0) }),
            let secret = json["secret"]?.stringValue
        else {
            throw FleetError(.invalidRequest, faults.first?.description ?? "the webhook is wrong")
        }
        self.url = url
        self.timeoutMilliseconds =
            json["timeoutMilliseconds"]?.intValue ?? WebhookSchema.timeoutMillisecondsStandard
        self.secret = secret
        self.caFile = json["caFile"]?.stringValue
    }
}

/// Whether a service that failed is asked again. After so many failures in a row it is left alone
/// for a while; then one question goes through, and tells.
package struct CircuitBreaker: Sendable {
    package static let failuresMax = 5
    package static let pause = Duration.seconds(30)

    private var failures = 0
    private var closedUntil: ContinuousClock.Instant?

    package init() {}

    /// Whether a question may be asked now. The one that finds out after a pause holds back others
    /// for as long again.
    package mutating func admits(at now: ContinuousClock.Instant) -> Bool {
        guard let until = self.closedUntil else { return true }
        guard now >= until else { return false }
        self.closedUntil = now + Self.pause
        return true
    }

    package mutating func succeeded() {
        self.failures = 0
        self.closedUntil = nil
    }

    package mutating func failed(at now: ContinuousClock.Instant) {
        self.failures += 1
        if self.failures >= Self.failuresMax { self.closedUntil = now + Self.pause }
    }
}
