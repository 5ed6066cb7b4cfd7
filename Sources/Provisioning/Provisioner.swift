package import Fleet
import JSON
import Synchronization

/// The use cases of fleet provisioning: a device that holds a claim gets a certificate of its own
/// and becomes a thing. AWS: device provisioning MQTT API.
///
/// Each use case loads what it names, decides in pure code, commits, and only then answers: what
/// a device was told is true already, whatever happens to the process afterwards.
package final class Provisioner: Sendable {
    package struct Ports: Sendable {
        package let store: any FleetStore
        package let issuer: any CertificateIssuer
        package let keyPairs: any KeyPairSource
        package let hook: any PreProvisioningHook
        package let clock: any WallClock
        package let entropy: any Entropy
        /// nil where nobody but this service can sign.
        package var signing: Signing?

        package init(
            store: any FleetStore, issuer: any CertificateIssuer, keyPairs: any KeyPairSource,
            hook: any PreProvisioningHook, clock: any WallClock, entropy: any Entropy
        ) {
            self.store = store
            self.issuer = issuer
            self.keyPairs = keyPairs
            self.hook = hook
            self.clock = clock
            self.entropy = entropy
        }
    }

    package struct Settings: Sendable {
        package var realm: Realm
        /// Requests at work at once; one more is told to come back.
        package var inFlightMax: Int
        /// Four eyes: a hook that nobody but its author has read judges no device, and so every
        /// device is refused.
        package var requiresHookApproval: Bool
        /// What becomes of a serial number that is seen again.
        package var enrolment = EnrolmentSettings()
        package var renewal = RenewalSettings()

        package init(
            realm: Realm, inFlightMax: Int = 512, requiresHookApproval: Bool = false
        ) {
            self.realm = realm
            self.inFlightMax = inFlightMax
            self.requiresHookApproval = requiresHookApproval
        }
    }

    /// What is told where the reason itself names no wait.
    private static let retryAfterSeconds = 2
    /// How often a lost race is decided afresh.
    static let conflictRetriesMax = 3

    let ports: Ports
    let settings: Settings
    let mint: OwnershipTokenMint
    let templates = TemplateCache()
    let rates = ClaimRates()
    let findings = RecentFindings()
    private let observe: @Sendable (ProvisioningEvent) -> Void
    private let refusals = RefusalQueue()
    private let inFlight = Mutex(0)
    private let turnedAway = Atomic(0)
    let issuingClock: IssuingClock

    package init(
        ports: Ports, mint: OwnershipTokenMint, settings: Settings,
        observe: @escaping @Sendable (ProvisioningEvent) -> Void = { _ in }
    ) {
        self.ports = ports
        self.mint = mint
        self.settings = settings
        self.observe = observe
        self.issuingClock = IssuingClock(ports.clock)
    }

    /// Writes refusals to the audit log for as long as the service lives. Returns after
    /// `stopRecordingRefusals`, once what was queued is written, or when its task is cancelled.
    package func recordRefusals() async {
        await self.refusals.drain(into: self.ports.store) { lost in
            self.observe(.refusalsNotAudited(lost))
        }
    }

    package func stopRecordingRefusals() { self.refusals.finish() }

    /// Requests under way now, for a gauge.
    package var inFlightCount: Int { self.inFlight.withLock { $0 } }
    /// Requests that found no room since the start, each of which was told when to come back.
    package var turnedAwayCount: Int { self.turnedAway.load(ordering: .relaxed) }

    func announce(_ event: ProvisioningEvent) { self.observe(event) }

    // MARK: What all use cases share

    /// Runs one request: bounded, its failure in the terms that devices know, and on record.
    func perform<Result: Sendable>(
        _ operation: ProvisioningOperation, of template: String? = nil,
        for publisher: Publisher,
        _ body: () async throws(FleetError) -> Result
    ) async throws(FleetError) -> Result {
        guard self.enter() else {
            self.turnedAway.wrappingAdd(1, ordering: .relaxed)
            // Not audited: a flood must not become a flood of writes.
            let error = self.tooMany("too many requests at once", because: .tooManyAtOnce)
            Attempt.current?.refused(error, cause: nil)
            self.observe(
                .refused(
                    .init(
                        operation: operation, template: template, error: error, cause: nil,
                        publisher: publisher, attempt: Attempt.current?.id)))
            throw error
        }
        defer { self.leave() }
        do { return try await body() } catch {
            throw self.refuse(error, operation, template: template, publisher)
        }
    }

    /// Decides and commits, afresh where a race was lost.
    func settle<Result: Sendable>(
        _ attempt: () async throws(FleetError) -> Result
    ) async throws(FleetError) -> Result {
        for _ in 0..<Self.conflictRetriesMax {
            do { return try await attempt() } catch {
                guard error.code == .conflict else { throw error }
            }
        }
        return try await attempt()
    }

    private func enter() -> Bool {
        self.inFlight.withLock { count in
            guard count < self.settings.inFlightMax else { return false }
            count += 1
            return true
        }
    }

    private func leave() { self.inFlight.withLock { $0 -= 1 } }

    /// - Parameter reason: its own wait is told, so that message and member name one number.
    func tooMany(_ what: String, because reason: RefusalReason) -> FleetError {
        let seconds = reason.explanation.retryAfterSeconds ?? Self.retryAfterSeconds
        return FleetError(.tooManyRequests, "\(what); retry after \(seconds) seconds")
            .because(reason)
    }

    /// Puts a failure into the canonical set, and on record.
    func refuse(
        _ error: FleetError, _ operation: ProvisioningOperation, template: String?,
        _ publisher: Publisher
    ) -> FleetError {
        var told = self.toldToDevice(error)
        let cause = error.cause ?? (told != error ? error.description : nil)
        told.cause = nil
        if operation == .createCertificateFromCSR { told = told.ofSigningRequest }
        self.observe(
            .refused(
                .init(
                    operation: operation, template: template, error: told, cause: cause,
                    publisher: publisher, attempt: Attempt.current?.id)))
        Attempt.current?.refused(told, cause: cause)
        var detail: JSONObject = ["clientId": .string(publisher.clientID)]
        detail["reasonCode"] = .int(told.explainedReason.rawValue)
        detail["hookReasonCode"] = told.hookReasonCode.map { .string($0) }
        detail["correlationId"] = Attempt.current.map { .string($0.id) }
        detail["template"] = template.map { .string($0.clipped) }
        detail["cause"] = cause.map { .string($0) }
        let isQueued = self.refusals.add(
            Refusal(action: operation.rawValue, error: told, detail: detail),
            by: .principal(publisher.principal, from: publisher.sourceAddress))
        if !isQueued { self.observe(.refusalsNotAudited(1)) }
        return told
    }

    /// The dialogue's own codes pass as they are; everything else is the service's affair, and a
    /// device learns only whether to come back.
    private func toldToDevice(_ error: FleetError) -> FleetError {
        let hidden = FleetError(.internalFailure, "the service could not complete the request")
            .because(error.reason ?? .internalFailure)
        guard error.code != .unauthorized else { return hidden }
        guard error.code != .claimRefused else {
            // A claim that is in wrong hands must not tell them what to try next.
            return FleetError(.accessDenied, "the claim of this connection may not do this")
        }
        // The reply's table of codes is the one list of them.
        switch Rejection.status(of: error.code) {
        case 429:
            return error.code == .tooManyRequests && error.message.contains("retry after")
                ? error
                : self.tooMany("the service is busy", because: error.explainedReason)
        case 500: return hidden
        default: return error
        }
    }
}
