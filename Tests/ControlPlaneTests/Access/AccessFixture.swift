import Fleet
import JSON
import TestSupport
import Testing

@testable import ControlPlane

/// A control plane with credentials, on a store in memory.
struct AccessFixture {
    let store: InMemoryFleetStore
    let clock = ManualClock()
    let refusals = RefusalAudit()
    let services: ControlPlaneServices
    let control: AccessControl
    let access: AccessServices

    init() throws {
        let store = InMemoryFleetStore(clock: self.clock)
        self.store = store
        let vault = try AccessVault(
            key: Secret(WipedBytes(SeededEntropy(seed: 7).bytes(count: 32))),
            entropy: SeededEntropy(seed: 8))
        self.access = AccessServices(vault: vault, store: store)
        var services = ControlPlaneServices(
            store: store, drafts: store, clock: self.clock, entropy: SeededEntropy(seed: 9),
            realm: .standard)
        services.access = self.access
        services.checkHook = { $0.source.contains("broken") ? "syntax error" : nil }
        self.services = services
        self.control = AccessControl(
            verifier: SignatureV4(services: SigningService.controlPlane),
            directory: self.access.directory, refusals: self.refusals, clock: self.clock,
            realm: .standard)
    }

    static let local = Actor(kind: .operator, identity: "root", sourceAddress: "local")

    @discardableResult
    func perform(
        _ name: String, _ labels: [String: String] = [:], _ body: JSONValue = .null,
        by actor: Actor = Self.local
    ) async throws -> JSONValue {
        let operation = try #require(OperationTable.operation(name))
        return try await operation.perform(
            OperationRequest(actor: actor, labels: labels, body: body), self.services)
    }

    /// A credential, and who signs with it.
    struct Credential {
        let id: String
        var signer: LiteralSigner
    }

    func credential(_ user: String = "alice", _ roles: String...) async throws -> Credential {
        try Self.credential(
            try await self.perform(
                "CreateAccessKey", [:],
                ["user": .string(user), "roles": .array(roles.map { .string($0) })]))
    }

    static func credential(_ answer: JSONValue) throws -> Credential {
        var signer = LiteralSigner()
        signer.keyID = try #require(answer["accessKeyId"]?.stringValue)
        signer.secret = try #require(answer["secretAccessKey"]?.stringValue)
        signer.timestamp = SignatureTime(ManualClock.start).text
        return Credential(id: signer.keyID, signer: signer)
    }

    func call(
        _ credential: Credential, token: String? = nil
    ) async throws(FleetError) -> Caller {
        var headers = [
            (name: "host", value: "gw"),
            (name: "x-amz-date", value: credential.signer.timestamp),
        ]
        if let token { headers.append(("x-amz-security-token", token)) }
        let signed = credential.signer.signed(
            SignedRequest(
                method: "GET", path: "/things", query: "", headers: headers, body: .bytes([])),
            headers.map(\.name))
        let caller = try await self.control.authenticate(signed, from: "192.0.2.1")
        return Caller(actor: caller.actor) { action, resource throws(FleetError) in
            try self.control.authorize(caller, action, on: resource)
        }
    }

    /// What a call with `credential` is refused with; nil where it is recognized.
    func refusal(_ credential: Credential, token: String? = nil) async -> FleetError? {
        do throws(FleetError) {
            _ = try await self.call(credential, token: token)
            return nil
        } catch { return error }
    }

    static func refusal(_ caller: Caller, _ action: String, _ target: String = "*") -> FleetError? {
        do throws(FleetError) {
            try caller.authorize(action, ARN(rawValue: target))
            return nil
        } catch { return error }
    }

    /// The audit log's refusals, once all that were noted are written.
    func audited() async -> [Commit] {
        self.refusals.finish()
        await self.refusals.drain(into: self.store) { _ in Issue.record("a refusal was lost") }
        return self.store.refusals
    }
}
