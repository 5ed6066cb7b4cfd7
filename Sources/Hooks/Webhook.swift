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

    private static let members = ["url", "timeoutMilliseconds", "secret", "caFile"]
    private static let timeouts = 50...30_000

    package static func describes(_ script: HookScript) -> Bool { script.isWebhook }

    /// - Throws: `FleetError.invalidRequest`, naming what is wrong.
    package init(_ script: HookScript) throws(FleetError) {
        let json: JSONValue
        do { json = try JSONParser.parse(script.source) } catch {
            throw FleetError(.invalidRequest, "the webhook is no JSON: \(error)")
        }
        let object = try HookTestFile.object(json, at: "the webhook", knowing: Self.members)
        guard let text = object["url"]?.stringValue, let url = URL(string: text),
            url.scheme == "https", url.host?.isEmpty == false, url.user == nil,
            url.fragment == nil
        else {
            throw HookTestFile.wrong("/url", "is an address that begins with https://")
        }
        let timeout = object["timeoutMilliseconds"]?.intValue ?? 5000
        guard Self.timeouts.contains(timeout) else {
            throw HookTestFile.wrong(
                "/timeoutMilliseconds",
                "is from \(Self.timeouts.lowerBound) to \(Self.timeouts.upperBound)")
        }
        guard let secret = object["secret"]?.stringValue, (try? HookName(secret)) != nil else {
            throw HookTestFile.wrong("/secret", "is the name of a file in the folder of secrets")
        }
        self.url = url
        self.timeoutMilliseconds = timeout
        self.secret = secret
        self.caFile = object["caFile"]?.stringValue
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
