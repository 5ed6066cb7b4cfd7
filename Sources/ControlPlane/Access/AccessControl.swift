package import Fleet
import Policies
import Registry

/// Who may do what over the network: tells by its signature whom a request comes from, and by that
/// credential's roles whether it may.
package struct AccessControl: Sendable {
    /// A request whose signature holds.
    package struct Authenticated: Sendable {
        package let actor: Actor
        package let grant: AccessDirectory.Grant
    }

    private let verifier: SignatureV4
    private let directory: AccessDirectory
    private let refusals: RefusalAudit
    private let clock: any WallClock
    private let realm: Realm

    package init(
        verifier: SignatureV4, directory: AccessDirectory, refusals: RefusalAudit,
        clock: any WallClock, realm: Realm
    ) {
        self.verifier = verifier
        self.directory = directory
        self.refusals = refusals
        self.clock = clock
        self.realm = realm
    }

    /// - Throws: AWS's refusal. One that concerns a known credential is audited.
    package func authenticate(
        _ request: SignedRequest, from address: String?
    ) async throws(FleetError) -> Authenticated {
        let now = self.clock.now
        var found: AccessDirectory.Grant?
        do throws(FleetError) {
            _ = try await self.verifier.verify(request, at: now) {
                presented async throws(FleetError) in
                found = try await self.directory.grant(presented)
                return found?.credential
            }
        } catch {
            if let found {
                self.refusals.note(
                    error, of: "Authenticate", on: nil,
                    by: Self.actor(found.credential, from: address), at: now)
            }
            throw error
        }
        guard let found else {
            throw FleetError(.internalFailure, "a signature held for a credential nobody looked up")
        }
        return Authenticated(actor: Self.actor(found.credential, from: address), grant: found)
    }

    /// - Parameter operation: its service and its name, `iot:CreateThing`.
    /// - Throws: `FleetError.notAllowed`, which is audited.
    package func authorize(
        _ caller: Authenticated, _ operation: String, on resource: ARN
    ) throws(FleetError) {
        let now = self.clock.now
        let user = caller.grant.credential.user
        let decision = caller.grant.rights.decide(
            operation, on: resource,
            Rights.Circumstances(
                user: user, sourceAddress: caller.actor.sourceAddress, now: now))
        let reason: String
        switch decision {
        case .allowed: return
        case .implicitlyDenied:
            reason = "because no identity-based policy allows the \(operation) action"
        case .explicitlyDenied: reason = "with an explicit deny in an identity-based policy"
        }
        let error = FleetError(
            .notAllowed,
            "User: \(self.realm.user(user)) is not authorized to perform: \(operation) on "
                + "resource: \(resource.rawValue) \(reason)",
            resource: resource.rawValue)
        let name = operation.drop { $0 != ":" }.dropFirst()
        self.refusals.note(error, of: String(name), on: resource, by: caller.actor, at: now)
        throw error
    }

    private static func actor(_ credential: AccessCredential, from address: String?) -> Actor {
        Actor(
            kind: .user, identity: "\(credential.user)/\(credential.id)", sourceAddress: address)
    }
}
