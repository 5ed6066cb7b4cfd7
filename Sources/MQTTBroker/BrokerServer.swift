package import Fleet
import Logging
import NIOCore
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization

#if canImport(Glibc)
import Glibc
#else
import Darwin
#endif

/// Where the gateway listens, as the system says.
package struct BoundAddress: Hashable, Sendable, CustomStringConvertible {
    package let host: String
    package let port: Int

    package init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// RFC 3986 3.2.2: an IPv6 address stands in brackets.
    package var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }

    /// Where a client on this machine reaches it: an address that stands for all of them is none
    /// that a certificate names.
    package var local: BoundAddress {
        switch self.host {
        case "0.0.0.0": BoundAddress(host: "127.0.0.1", port: self.port)
        case "::": BoundAddress(host: "::1", port: self.port)
        default: self
        }
    }
}

/// The device gateway: mutual TLS and MQTT on one port, sessions on event loops that it owns.
package final class BrokerServer: Sendable {
    private struct Running {
        let listener: any Channel
        let group: MultiThreadedEventLoopGroup
        let shards: [ShardPort]
        let tasks: [Task<Void, Never>]
        let connectivity: Task<Void, Never>
    }

    private let settings: BrokerSettings
    private let contexts: TLSContexts
    let environment: BrokerEnvironment
    private let running = Mutex<Running?>(nil)

    /// - Throws: `FleetError` where the TLS material cannot be used.
    package init(
        settings: BrokerSettings, tls: TLSMaterial, dependencies: BrokerDependencies
    ) throws(FleetError) {
        self.settings = settings
        self.contexts = try TLSContexts(tls)
        self.environment = BrokerEnvironment(settings: settings, dependencies: dependencies)
    }

    /// Empty unless the server runs.
    var shards: [ShardPort] { self.running.withLock { $0?.shards ?? [] } }

    package var counters: BrokerCounters {
        var counters = self.environment.meter.snapshot
        counters.reservedInFlight = self.environment.gate.inFlight
        return counters
    }

    /// Uses `tls` for every connection accepted from now on. Live ones keep what they have.
    package func reload(tls: TLSMaterial) throws(FleetError) {
        try self.contexts.replace(with: tls)
        self.noteCertificateEnd()
    }

    /// Clients of a gateway whose certificate has ended stay away without a word to it.
    private func noteCertificateEnd() {
        let end = self.contexts.certificateEnd
        let daysLeft = (end.seconds - self.environment.clock.now.seconds) / 86_400
        guard daysLeft < BrokerLimits.certificateWarningDays else { return }
        let hasEnded = end < self.environment.clock.now
        self.environment.logger.log(
            level: hasEnded ? .error : .warning,
            hasEnded
                ? "the gateway's own certificate has expired: no client that checks it will come"
                : "the gateway's own certificate will soon expire",
            metadata: ["notAfter": "\(end)"])
    }

    /// Listens, and returns once connections are being accepted.
    /// - Throws: `FleetError` saying what to do, where the address cannot be had or the store
    ///   cannot be read.
    package func start() async throws(FleetError) -> BoundAddress {
        // Everything later than this is heard from the feed; everything up to it is in the store.
        let sequence = try await self.environment.store.latestSequence()
        self.noteCertificateEnd()
        let group = MultiThreadedEventLoopGroup(
            numberOfThreads: max(1, min(self.settings.loops, ShardSet.shardsMax)))
        do {
            let shards = try await self.makeShards(on: group)
            let listener = try await self.listen(on: group, shards: shards)
            let tasks = self.startTasks(after: sequence, shards: shards)
            let environment = self.environment
            let connectivity = Task { await environment.connectivity.run(on: group.next()) }
            self.running.withLock {
                $0 = Running(
                    listener: listener, group: group, shards: shards, tasks: tasks,
                    connectivity: connectivity)
            }
            return BoundAddress(
                host: self.settings.host,
                port: listener.localAddress?.port ?? self.settings.port)
        } catch {
            // Nothing runs on the group yet; what its shutdown says changes nothing.
            try? await group.shutdownGracefully()
            throw self.explain(error)
        }
    }

    /// Stops accepting, tells every client that the server is going (MQTT 5: DISCONNECT 0x8B),
    /// lets requests that are being worked on be answered, and returns when every socket is
    /// closed or `graceSeconds` have passed.
    package func shutdown(graceSeconds: Int64) async {
        let found = self.running.withLock { running in
            defer { running = nil }
            return running
        }
        guard let running = found else { return }
        self.environment.logger.info("stopping")
        // A listener that is closed already is what is wanted.
        try? await running.listener.close()
        let drains = running.shards.map { $0.drain(graceSeconds: graceSeconds) }
        // A drain's promise cannot fail.
        for drain in drains { try? await drain.get() }
        self.environment.firstSeen.finish()
        self.environment.connectivity.finish()
        // That everybody has left is written down before the store is closed.
        await running.connectivity.value
        for task in running.tasks { task.cancel() }
        try? await running.group.shutdownGracefully()
    }

    private func makeShards(on group: MultiThreadedEventLoopGroup) async throws -> [ShardPort] {
        var ports: [ShardPort] = []
        for loop in group.makeIterator() {
            ports.append(ShardPort(index: ports.count, eventLoop: loop))
        }
        let all = ports
        for port in all {
            try await port.open(environment: self.environment, peers: all).get()
        }
        return all
    }

    private func listen(
        on group: MultiThreadedEventLoopGroup, shards: [ShardPort]
    ) async throws -> any Channel {
        let contexts = self.contexts
        let environment = self.environment
        return try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: self.settings.backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            // Without it, replies wait 40 ms for the client's delayed acknowledgement.
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(
                .writeBufferWaterMark,
                value: .init(
                    low: BrokerLimits.writeBufferBytesLow, high: BrokerLimits.writeBufferBytesHigh)
            )
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    guard environment.admitConnection() else {
                        throw ConnectionRefused.tooMany
                    }
                    channel.closeFuture.whenComplete { _ in environment.releaseConnection() }
                    let shard = shards.first { $0.eventLoop === channel.eventLoop }
                    guard let shard else { throw ConnectionRefused.noShard }
                    let connection = ConnectionHandler(shard: shard.shard, channel: channel)
                    try channel.pipeline.syncOperations.addHandlers([
                        Self.serverNameReader(for: connection, on: channel),
                        connection.tlsHandler(contexts.context), connection,
                    ])
                }
            }
            .bind(host: self.settings.host, port: self.settings.port).get()
    }

    /// Reads the name out of the client's hello and leaves the pipeline; policies may ask for it
    /// (`iot:DomainName`), and it says nothing about who the client is.
    private static func serverNameReader(
        for connection: ConnectionHandler, on channel: any Channel
    ) -> ByteToMessageHandler<SNIHandler> {
        let connection = NIOLoopBound(connection, eventLoop: channel.eventLoop)
        let goOn = channel.eventLoop.makeSucceededVoidFuture()
        return ByteToMessageHandler(
            SNIHandler { result in
                if case .hostname(let name) = result {
                    connection.value.serverName = name.lowercased()
                }
                return goOn
            })
    }

    private func startTasks(
        after sequence: Commit.Sequence, shards: [ShardPort]
    ) -> [Task<Void, Never>] {
        let environment = self.environment
        let feed = Task {
            for await commit in environment.store.changes(after: sequence) {
                let effects = ChangeEffects(commit)
                if effects.isEmpty { continue }
                // Loads first: one that finishes after this line knows that it may be stale.
                environment.loader.note(effects)
                for shard in shards { shard.announce(effects) }
            }
            if !Task.isCancelled {
                environment.logger.critical(
                    "the change feed ended; revocations reach new connections only")
            }
        }
        let firstSeen = Task { await environment.firstSeen.run() }
        return [feed, firstSeen]
    }

    private func explain(_ error: any Error) -> FleetError {
        if let error = error as? FleetError { return error }
        let address = "\(self.settings.host):\(self.settings.port)"
        if let error = error as? IOError {
            switch error.errnoCode {
            case EADDRINUSE:
                return FleetError(
                    .serviceUnavailable,
                    "The gateway's address \(address) is in use: stop whoever listens there, or "
                        + "set another port.", resource: address)
            case EACCES:
                return FleetError(
                    .serviceUnavailable,
                    "The gateway may not listen on \(address): ports under 1024 need a privilege; "
                        + "set another port.", resource: address)
            case EADDRNOTAVAIL:
                return FleetError(
                    .serviceUnavailable,
                    "The gateway's address \(address) is none of this machine's: set another host.",
                    resource: address)
            default: break
            }
        }
        return FleetError(
            .serviceUnavailable, "The gateway cannot listen on \(address): \(error)",
            resource: address)
    }
}

/// Why an accepted socket was closed before a byte was read from it.
enum ConnectionRefused: Error {
    case tooMany
    case noShard
}
