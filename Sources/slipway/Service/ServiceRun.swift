import CertificateAuthority
import ControlPlane
import Fleet
import Foundation
import Hooks
import JSON
import Logging
import MQTTBroker
import Provisioning
import ServiceLifecycle
import UnixSignals

/// The service while it runs: gateway, control socket, sweep and audit queue, until a signal.
struct ServiceRun: Sendable {
    let composition: Composition

    /// - Parameter onReady: called once devices and commands are served.
    /// - Throws: `FleetError` where the port or the socket cannot be had.
    func run(
        onReady: @escaping @Sendable (ServiceAddresses) async -> Void
    ) async throws(FleetError) {
        let composition = self.composition
        try self.prepareSocket()
        // Before the port is open: whoever sees the port may already ask the service to stop.
        let signals = await UnixSignalsSequence(trapping: .sigint, .sigterm)
        let identity = try APIEndpoint.identity(composition.installation)
        let trust = try ESTTrust(composition.installation)
        let live = try LiveAuthorities(composition, identity: identity, trust: trust)
        // Before the first handshake shows one that has ended while nothing ran, and before a
        // device is let in that a restored database takes for a good one.
        await live.keepGateway()
        let journal = composition.revocationJournal
        let recording = RevocationRecording(
            journal: journal, start: try await journal.restore(at: composition.clock.now))
        let address = try await self.takePorts()
        let startedAt = composition.clock.now
        let place = APIPlace()
        let operations = composition.controlServices(
            port: address.port, live: live,
            status: { Self.status(composition, address, place, startedAt) })
        let control = ControlServer(
            place: .socket(path: composition.installation.controlSocket), services: operations,
            identify: Caller.local, log: composition.access.log, logger: composition.logger)
        let api = try APIEndpoint(
            composition: composition, services: operations, identity: identity)
        let est = ESTEndpoint(composition: composition, identity: identity, trust: trust)
        let readiness = Readiness(parts: 2) { api in
            await onReady(ServiceAddresses(gateway: address, api: api))
        }
        let grace = Int64(composition.settings.integer("shutdown.graceSeconds"))
        var services: [ServiceGroupConfiguration.ServiceConfiguration] = []
        if let est { services.append(.init(service: ESTService(endpoint: est))) }
        services += self.inner(live)
        services.append(.init(service: recording))
        services += [
            .init(
                service: ControlSocket(server: control, composition: composition) {
                    readiness.reached(nil)
                }),
            .init(
                service: APIService(endpoint: api) { url in
                    place.bind(url)
                    readiness.reached(url)
                }),
            .init(service: RevocationCanary(composition: composition, gateway: address)),
            .init(service: Gateway(broker: composition.broker, graceSeconds: grace)),
            .init(
                service: SignalWatch(signals: signals),
                successTerminationBehavior: .gracefullyShutdownGroup),
        ]
        let group = ServiceGroup(
            configuration: .init(services: services, logger: Self.quiet()))
        do { try await group.run() } catch {
            await composition.broker.shutdown(graceSeconds: grace)
            await journal.catchUp()
            await composition.close()
            if let error = error as? FleetError { throw error }
            throw FleetError(.serviceUnavailable, "the service stopped: \(error)")
        }
        await journal.catchUp()
        await composition.close()
        unlink(composition.installation.controlSocket)
    }

    /// What is at work without being asked.
    private func inner(
        _ live: LiveAuthorities
    ) -> [ServiceGroupConfiguration.ServiceConfiguration] {
        let composition = self.composition
        return [
            .init(service: RefusalRecording(composition: composition)),
            .init(service: AccessKeeping(composition: composition)),
            .init(service: TaskRunning(parts: composition.registration)),
            .init(service: Sweeping(composition: composition)),
            .init(service: ClockWatching(provisioner: composition.provisioner)),
            .init(service: GatewayKeeping(live: live)),
            .init(service: TokenKeeping(tokens: composition.tokens)),
            .init(
                service: RenewalRetiring(
                    retirement: composition.retirement, store: composition.store,
                    logger: composition.logger)),
            .init(
                service: RevocationService(
                    parts: composition.revocation, store: composition.store,
                    logger: composition.logger,
                    lifeSeconds: Int64(
                        composition.settings.integer("revocation.lifeSeconds")))),
            .init(
                service: RegistryAnnouncements(
                    store: composition.store, publisher: composition.broker,
                    realm: composition.realm, logger: composition.logger)),
        ]
    }

    /// The gateway's port; the others are had later and can be.
    private func takePorts() async throws(FleetError) -> BoundAddress {
        let composition = self.composition
        let address = try await composition.broker.start()
        do throws(FleetError) { try await PortCheck.check(composition.settings) } catch {
            await composition.broker.shutdown(graceSeconds: 0)
            await composition.close()
            throw error
        }
        composition.warnOfFewConnections()
        await composition.warnOfOtherRealms()
        return address
    }

    /// The lock on the database says that no other service runs here, so what lies at the
    /// socket's place is a dead one's.
    private func prepareSocket() throws(FleetError) {
        let path = self.composition.installation.controlSocket
        guard path.utf8.count <= Installation.socketPathBytesMax else {
            throw FleetError(
                .invalidRequest,
                "'\(path)' is too long for a socket (at most \(Installation.socketPathBytesMax) "
                    + "bytes): set data.directory to a shorter path")
        }
        unlink(path)
    }

    private static func quiet() -> Logger {
        var logger = Logger(label: "slipway.lifecycle")
        logger.logLevel = .error
        return logger
    }

    /// Milliseconds from the commit to the closed socket; null where none was closed yet.
    private static func revocation(
        _ times: RevocationTimes, _ canary: CanaryRecord
    ) -> JSONValue {
        func milliseconds(_ time: Int64?) -> JSONValue { time.map { .int(Int($0)) } ?? .null }
        var object: JSONObject = [
            "socketsClosed": .int(times.count),
            "lastMilliseconds": milliseconds(times.last),
            "p99Milliseconds": milliseconds(times.p99),
            "worstMilliseconds": milliseconds(times.worst),
        ]
        if let decision = times.decision {
            object["decision"] = .string(decision.digest)
            object["decisionSocketsClosed"] = .int(decision.sockets)
            object["decisionMilliseconds"] = milliseconds(decision.milliseconds)
        }
        for member in canary.json.members { object[member.key] = member.value }
        return .object(object)
    }

    private static func status(
        _ composition: Composition, _ address: BoundAddress, _ api: APIPlace,
        _ startedAt: UnixTime
    ) -> JSONObject {
        let counters = composition.broker.counters
        func reasons(_ counts: [String: Int]) -> JSONValue {
            .object(JSONObject(counts.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value)) }))
        }
        return [
            "version": .string(Slipway.versionText),
            "listen": .string(address.description),
            "api": .string(api.url ?? ""),
            "region": .string(composition.realm.region),
            "account": .string(composition.realm.account),
            "pid": .int(Int(getpid())),
            "startedAt": .string(startedAt.description),
            "directory": .string(composition.installation.root),
            "connectionsOpen": .int(counters.connectionsOpen),
            "connectionsAccepted": .int(counters.connectionsAccepted),
            "connectionsRefused": reasons(counters.connectionsRefused),
            "connectionsEnded": reasons(counters.connectionsEnded),
            "publishesReceived": .int(counters.publishesReceived),
            "requestsDenied": .int(counters.requestsDenied),
            "messagesDelivered": .int(counters.messagesDelivered),
            "messagesDroppedSlow": .int(counters.messagesDroppedSlow),
            "messagesTooLarge": .int(counters.messagesTooLarge),
            "clonesSighted": .int(counters.clonesSighted),
            "reservedRequests": .int(counters.reservedRequests),
            "revocation": Self.revocation(counters.revocationTimes, composition.canary),
            "tokens": composition.tokens.json(composition.issuer.authorities),
            "keyPairsReady": .int(composition.keyPairs.standard.readyCount),
            "keyPairsWaiting": .int(composition.keyPairs.standard.waitingCount),
            "keyPairsDepth": .int(composition.settings.integer("keys.ready")),
            "keyPairsTaken": .int(composition.keyPairs.standard.counts.taken),
            "keyPairsMissed": .int(composition.keyPairs.standard.counts.missed),
            "keyPairsRefused": .int(composition.keyPairs.standard.counts.refused),
            "clockSecondsBehind": .int(Int(composition.provisioner.clockSecondsBehind)),
            "provisioningInFlight": .int(composition.provisioner.inFlightCount),
            "provisioningTurnedAway": .int(composition.provisioner.turnedAwayCount),
        ]
    }
}

/// Ends with the first signal, and with it the service, gracefully.
private struct SignalWatch: Service {
    let signals: UnixSignalsSequence

    func run() async throws {
        await cancelWhenGracefulShutdown {
            for await _ in self.signals { break }
        }
    }
}

/// Serves devices until asked to stop; then drains.
private struct Gateway: Service {
    let broker: BrokerServer
    let graceSeconds: Int64

    func run() async throws {
        try? await gracefulShutdown()
        await self.broker.shutdown(graceSeconds: self.graceSeconds)
    }
}

private struct ControlSocket: Service {
    let server: ControlServer
    let composition: Composition
    let onReady: @Sendable () -> Void

    func run() async throws {
        let path = self.composition.installation.controlSocket
        let onReady = self.onReady
        try await self.server.run { _ in
            // The folder is its owner's alone already; the socket says so too.
            chmod(path, PrivateFile.fileMode)
            onReady()
        }
    }
}

/// Takes away what was never registered, once its token has ended, and claims that end by
/// themselves.
private struct Sweeping: Service {
    let composition: Composition

    func run() async throws {
        let seconds = self.composition.settings.integer("provisioning.sweepSeconds")
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                await self.sweepOnce()
                try? await Task.sleep(for: .seconds(seconds))
            }
        }
    }

    private func sweepOnce() async {
        do throws(FleetError) {
            let swept = try await self.composition.sweep.sweepOnce()
            _ = try await self.composition.retirement.sweepOnce()
            _ = try await self.composition.registration.sweep.sweepOnce()
            let claims = try await EndedClaimSweep(
                store: self.composition.store, clock: self.composition.clock
            ).sweepOnce()
            if claims > 0 {
                self.composition.logger.notice(
                    "ended claims swept", metadata: ["claims": "\(claims)"])
            }
            guard swept.certificatesDeleted > 0 else { return }
            self.composition.logger.notice(
                "expired certificates swept",
                metadata: [
                    "certificates": "\(swept.certificatesDeleted)",
                    "tokens": "\(swept.tokensDeleted)",
                ])
        } catch {
            self.composition.logger.error("sweep failed", metadata: ["error": "\(error)"])
        }
    }
}

/// Writes refusals to the audit log, and what is queued before the end.
private struct RefusalRecording: Service {
    let composition: Composition

    func run() async throws {
        let provisioner = self.composition.provisioner
        await withGracefulShutdownHandler {
            await provisioner.recordRefusals()
        } onGracefulShutdown: {
            provisioner.stopRecordingRefusals()
        }
    }
}
