package import Fleet
package import JSON
package import Provisioning
import Registry

/// What every operation may use.
package struct ControlPlaneServices: Sendable {
    /// What a service has and a command beside it has not: a key to sign with.
    package struct Issuing: Sendable {
        package let issuer: any CertificateIssuer
        package let keyPairs: any KeyPairSource
        package let inspector: any CertificateInspector

        package init(
            issuer: any CertificateIssuer, keyPairs: any KeyPairSource,
            inspector: any CertificateInspector
        ) {
            self.issuer = issuer
            self.keyPairs = keyPairs
            self.inspector = inspector
        }
    }

    package let store: any FleetStore
    package let drafts: any AllowlistDrafts
    package let clock: any WallClock
    package let entropy: any Entropy
    package let realm: Realm
    /// Of bodies that are handed in.
    package var templateLimits = TemplateLimits.standard
    package var issuing: Issuing?
    /// Where devices connect: host and port.
    package var endpoint: String?
    /// nil where there is no access key file to seal secrets with.
    package var access: AccessServices?
    /// What is wrong with a hook's text; nil where nothing tells, for want of a sandbox.
    package var checkHook: (@Sendable (HookScript) async -> String?)?
    /// Runs a hook's tests, and throws where they are not understood; nil for the same want.
    package var testHook:
        (
            @Sendable (HookScript, JSONValue) async throws(FleetError) -> (
                cases: Int, failures: [String]
            )
        )?
    /// Tries registrations; beside a service it can ask no hook.
    package var trial: DryRun
    /// nil beside a service, for the same want.
    package var registration: Registration?
    package var registrationFiles: (any RegistrationFiles)?
    /// What a thing without a type may be given by these operations; a template's author is not
    /// bound by it.
    package var attributesWithoutTypeMax = RegistryLimits.attributesMax
    /// The template parameter that carries the serial number.
    package var serialParameter = "SerialNumber"
    /// Certificates that one revocation may reach (`revocation.planMax`).
    package var revocationPlanMax = 1_000_000
    let revocationPlans = RevocationPlans()
    /// Has the running service read its authorities anew, for whoever asks; nil beside one.
    package var reloadAuthorities: (@Sendable (Actor) async throws(FleetError) -> JSONValue)?
    /// The running service in a few facts, for `slipway status`.
    package var status: @Sendable () async -> JSONObject = { [:] }

    package init(
        store: any FleetStore, drafts: any AllowlistDrafts, clock: any WallClock,
        entropy: any Entropy, realm: Realm
    ) {
        self.store = store
        self.drafts = drafts
        self.clock = clock
        self.entropy = entropy
        self.realm = realm
        self.trial = DryRun(
            load: { keys async throws(FleetError) in try await store.load(keys) },
            askHook: nil, foresee: nil, clock: clock, realm: realm,
            names: DryRun.names(in: store))
    }

    func requireIssuing() throws(FleetError) -> Issuing {
        guard let issuing else {
            throw FleetError(
                .serviceUnavailable,
                "this needs the running service, which holds the authority's key: start it with "
                    + "'slipway serve'")
        }
        return issuing
    }
}

extension ControlPlaneServices {
    /// A decision that has become true: what it was made upon, and what it was.
    package typealias Decided = (view: RegistryView, set: ChangeSet)

    /// A lost race is decided afresh, this often. Of those that race for one record each round lets
    /// one through, and so this is how many may.
    package static let attemptsMax = 100

    /// Loads what `keys` name, decides upon it and commits the decision, unless it changes
    /// nothing.
    /// - Throws: what the decision throws; `FleetError.throttled` where the records kept changing:
    ///   clients try that again.
    package func decide(
        _ keys: Set<RecordKey>, by actor: Actor,
        _ decision: (RegistryView, UnixTime) throws(FleetError) -> ChangeSet
    ) async throws(FleetError) -> Decided {
        try await self.decide(
            by: actor,
            load: { store async throws(FleetError) in try await store.load(keys) }, decision)
    }

    /// The same where one look at the registry tells what else has to be looked at. The last view
    /// must hold all that the decision asks for.
    package func decide(
        by actor: Actor,
        load: (any FleetStore) async throws(FleetError) -> RegistryView,
        _ decision: (RegistryView, UnixTime) throws(FleetError) -> ChangeSet
    ) async throws(FleetError) -> Decided {
        var attempt = 1
        while true {
            let view = try await load(self.store)
            let set = try decision(view, self.clock.now)
            guard !set.changes.isEmpty else { return (view, set) }
            do throws(FleetError) {
                _ = try await self.store.commit(set, by: actor)
                return (view, set)
            } catch {
                guard error.code == .conflict else { throw error }
                guard attempt < Self.attemptsMax else {
                    throw FleetError(
                        .throttled, "too many requests change the same at once: try again",
                        resource: error.resource)
                }
                attempt += 1
            }
        }
    }
}
