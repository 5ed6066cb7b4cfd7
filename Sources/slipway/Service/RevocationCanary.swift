import CertificateAuthority
import DeviceSimulation
import Fleet
import Foundation
import JSON
import Logging
import MQTTBroker
import NIOCore
import NIOPosix
import Registry
import SQLiteStorage
import ServiceLifecycle
import Synchronization

/// What the canary measured since the service started.
final class CanaryRecord: Sendable {
    private struct State {
        var times = RevocationTimes()
        var failures = 0
    }
    private let state = Mutex(State())

    func note(_ commit: Commit.Sequence, milliseconds: Int64) {
        self.state.withLock { $0.times.note(commit, milliseconds: milliseconds) }
    }

    func fail() { self.state.withLock { $0.failures += 1 } }

    var json: JSONObject {
        let state = self.state.withLock { $0 }
        func milliseconds(_ time: Int64?) -> JSONValue { time.map { .int(Int($0)) } ?? .null }
        return [
            "canaryMeasurements": .int(state.times.count),
            "canaryFailures": .int(state.failures),
            "canaryLastMilliseconds": milliseconds(state.times.last),
            "canaryP99Milliseconds": milliseconds(state.times.p99),
            "canaryWorstMilliseconds": milliseconds(state.times.worst),
        ]
    }
}

/// Measures ever again how long it takes from a commit that takes a right away to the closed
/// socket, with a certificate of its own: it connects as any device does, over TLS to the gateway's
/// own port, is made INACTIVE, and waits for its socket to be closed.
///
/// Not revoked, since every measurement would then stay on the CRL; what closes the socket is the
/// same for both. Its certificate is of the kind `canary`, may do nothing but connect, lasts as
/// long as the service runs, and is deleted by the next service that runs.
struct RevocationCanary: Service {
    static let policy = PolicyName(checked: "slipway-canary")
    static let clientID = "slipway-canary"
    /// Who waits longer has lost its revocation.
    private static let secondsMax: Int64 = 30

    let composition: Composition
    let gateway: BoundAddress

    private struct Identity {
        let id: CertificateID
        let credentials: Credentials
    }

    private struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    func run() async throws {
        let seconds = self.composition.settings.integer("revocation.canarySeconds")
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        await cancelWhenGracefulShutdown {
            var identity: Identity?
            while !Task.isCancelled {
                // Zero never begins; a sleep that is cancelled is the end.
                guard seconds > 0, (try? await Task.sleep(for: .seconds(seconds))) != nil else {
                    try? await gracefulShutdown()
                    return
                }
                do {
                    let known = try await self.identity(identity)
                    identity = known
                    try await self.measure(known, on: group)
                } catch {
                    guard !Task.isCancelled else { return }
                    identity = nil
                    self.composition.canary.fail()
                    self.composition.logger.error(
                        "the revocation canary failed", metadata: ["error": "\(error)"])
                }
            }
        }
        try? await group.shutdownGracefully()
    }

    private func measure(_ identity: Identity, on group: any EventLoopGroup) async throws {
        _ = try await self.set(identity.id, .active)
        let address = self.gateway.local
        let connection = try await WatchedConnection.open(
            Endpoint(host: address.host, port: UInt16(address.port)), identity.credentials,
            trustAnchorsPEM: try PrivateFile.read(
                self.composition.installation.rootCertificate, as: "the root CA's certificate"),
            clientID: Self.clientID, on: group)
        let clock = ContinuousClock()
        let start: ContinuousClock.Instant
        let sequence: Commit.Sequence
        do {
            // Before the commit and not after it: what is told is never less than it was.
            start = clock.now
            sequence = try await self.set(identity.id, .inactive)
        } catch {
            await connection.cut()
            throw error
        }
        let isClosed = await withTaskGroup(of: Bool.self) { race in
            race.addTask {
                await connection.ended()
                return true
            }
            race.addTask {
                try? await Task.sleep(for: .seconds(Self.secondsMax))
                return false
            }
            let first = await race.next() ?? false
            // Whoever lost the race ends with the socket, or with its sleep.
            if !first { await connection.cut() }
            race.cancelAll()
            return first
        }
        guard isClosed else {
            throw Failure(
                description: "its socket was open \(Self.secondsMax) seconds after its "
                    + "certificate was made INACTIVE")
        }
        let spent = (clock.now - start).components
        let milliseconds = spent.seconds * 1000 + spent.attoseconds / 1_000_000_000_000_000
        self.composition.canary.note(sequence, milliseconds: milliseconds)
        self.composition.logger.debug(
            "the revocation canary was closed", metadata: ["milliseconds": "\(milliseconds)"])
    }

    // MARK: Its certificate

    private func set(
        _ id: CertificateID, _ status: Certificate.Status
    ) async throws -> Commit.Sequence {
        let store = self.composition.store
        let view = try await store.load([.certificate(id)])
        let set = try Certificates.setStatus(
            of: id, to: status, reason: "canary: measures how soon a revocation takes effect",
            in: view, at: self.composition.clock.now)
        guard !set.changes.isEmpty else { return try await store.latestSequence() }
        return try await store.commit(set, by: .service("canary")).sequence
    }

    /// The one there is, unless somebody took it away or revoked it.
    private func identity(_ known: Identity?) async throws -> Identity {
        let store = self.composition.store
        if let known,
            let status = try await store.load([.certificate(known.id)])
                .certificate(known.id)?.status, status != .revoked
        {
            return known
        }
        try await self.removeEarlier()
        let pair = try KeyPairMaker.make(.p256)
        let now = self.composition.clock.now
        let issued = try await self.composition.issuer.issue(publicKey: pair.publicKey, at: now)
        let certificate = Certificate(
            issued: issued, kind: .canary, status: .inactive, reason: nil, at: now,
            provenance: Provenance(
                origin: Provenance.Origin(
                    flow: .serverKeys, claim: nil, clientID: Self.clientID, sourceAddress: nil,
                    requestedAt: now, profile: issued.profile)))
        var changes: [Change] = [.putCertificate(certificate)]
        if try await store.load([.policy(Self.policy)]).policy(Self.policy) == nil {
            changes.append(.putPolicy(self.makePolicy(at: now)))
        }
        changes.append(.attachPolicy(Self.policy, .certificate(issued.id)))
        _ = try await store.commit(
            ChangeSet(action: "MakeCanary", changes: changes), by: .service("canary"))
        let key = pair.privateKeyPEM.expose { key in key.withBytes { Array($0) } }
        return Identity(
            id: issued.id,
            credentials: Credentials(
                certificatePEM: Array(issued.pem.utf8), privateKeyPEM: key))
    }

    /// What a service left that ran before.
    private func removeEarlier() async throws {
        let store = self.composition.store
        let page = try await store.page(ListQuery(.principalsOfPolicy(Self.policy, .ascending)))
        for case .policyTarget(.certificate(let id)) in page.records {
            let found = try await store.load([.certificate(id)]).certificate(id)
            guard found?.kind == .canary else { continue }
            if found?.status == .active { _ = try await self.set(id, .inactive) }
            let view = try await store.load(Certificates.keysToDelete(id))
            _ = try await store.commit(
                Certificates.delete(id, cascade: true, in: view), by: .service("canary"))
        }
    }

    private func makePolicy(at now: UnixTime) -> Policy {
        let client =
            "arn:aws:iot:\(self.composition.realm.region):"
            + "\(self.composition.realm.account):client/\(Self.clientID)"
        let document = """
            {"Version":"2012-10-17","Statement":[\
            {"Effect":"Allow","Action":"iot:Connect","Resource":"\(client)"}]}
            """
        return Policy(
            name: Self.policy, versions: [.init(id: 1, document: document, createdAt: now)],
            defaultVersionID: 1, createdAt: now)
    }
}
