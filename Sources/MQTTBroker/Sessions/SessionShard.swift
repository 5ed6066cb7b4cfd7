import Fleet
import MQTT
import NIOCore

/// One event loop's share of the gateway: its connections, their subscriptions, the index of their
/// principals. Touched on that loop only, so it has no lock and is no `Sendable`.
final class SessionShard {
    let port: ShardPort
    let environment: BrokerEnvironment
    private let peers: [ShardPort]
    private var connections: [ConnectionNumber: ConnectionHandler] = [:]
    private var connectionsMade: ConnectionNumber = 0
    private var principals = PrincipalIndex()
    private var subscriptions = SubscriptionTable()
    private var unflushed: [ConnectionHandler] = []
    private var wills: [Message] = []
    private var drained: EventLoopPromise<Void>?

    init(port: ShardPort, environment: BrokerEnvironment, peers: [ShardPort]) {
        self.port = port
        self.environment = environment
        self.peers = peers
    }

    var eventLoop: any EventLoop { self.port.eventLoop }
    var isDraining: Bool { self.drained != nil }

    func holder(_ number: ConnectionNumber) -> SessionDirectory.Holder {
        SessionDirectory.Holder(shard: self.port.index, connection: number)
    }

    // MARK: Connections

    func add(_ connection: ConnectionHandler) -> ConnectionNumber {
        self.connectionsMade += 1
        self.connections[self.connectionsMade] = connection
        return self.connectionsMade
    }

    /// Takes the connection out of every index. It hears of nothing afterwards.
    func remove(_ number: ConnectionNumber) {
        self.principals.leave(number)
        self.unsubscribeAll(number)
        self.connections[number] = nil
        if self.connections.isEmpty { self.drained?.succeed() }
    }

    /// Closes the connection that lost its client identifier, wherever it lives.
    func displace(_ loser: SessionDirectory.Holder) { self.end(loser, .takenOver) }

    /// Ends a connection, wherever it lives.
    func end(_ holder: SessionDirectory.Holder, _ end: ConnectionEnd) {
        self.reach(holder) { $0.end(end) }
    }

    /// Has a connection tell, wherever it lives, when it hears something beside `rival`.
    func watch(_ holder: SessionDirectory.Holder, rival: CertificateSessions.Session) {
        self.reach(holder) { $0.rival = rival }
    }

    private func reach(
        _ holder: SessionDirectory.Holder,
        _ body: @escaping @Sendable (ConnectionHandler) -> Void
    ) {
        if holder.shard == self.port.index {
            if let connection = self.connections[holder.connection] { body(connection) }
            return
        }
        guard self.peers.indices.contains(holder.shard) else { return }
        self.peers[holder.shard].execute { shard in
            if let connection = shard.connections[holder.connection] { body(connection) }
            shard.flush()
        }
    }

    // MARK: Principals

    func enter(_ number: ConnectionNumber, certificate: CertificateID) {
        self.principals.enter(number, certificate: certificate)
    }

    func rely(_ number: ConnectionNumber, on keys: Set<RecordKey>) {
        self.principals.replace(number, reliesOn: keys)
    }

    /// A commit was announced: closes whom it revokes, and has everybody else that relied on what
    /// changed judged again.
    func apply(_ effects: ChangeEffects) {
        for (certificate, refusal) in effects.dropped {
            for number in self.principals.connections(of: certificate) {
                guard let connection = self.connections[number] else { continue }
                connection.droppedBy = effects.cause
                connection.end(.principalRefused(refusal))
            }
        }
        for number in self.principals.connections(relyingOn: effects.changedKeys) {
            self.connections[number]?.reload()
        }
        self.flush()
    }

    // MARK: Publish and subscribe

    /// Gives `message` to everybody on every loop who asked for it.
    /// - Returns: false where some loop's mailbox was full, so that not every copy owed is on its
    ///   way.
    func publish(_ message: Message) -> Bool {
        self.deliver(message)
        guard self.peers.count > 1 else { return true }
        var shards = self.environment.interest.shards(for: message.topic)
        shards.remove(self.port.index)
        guard !shards.isEmpty else { return true }
        var isRouted = true
        for peer in self.peers where shards.contains(peer.index) && !peer.post(message) {
            isRouted = false
            self.environment.meter.count { $0.messagesDroppedMailbox += 1 }
        }
        return isRouted
    }

    /// Messages from other loops.
    func receive(_ messages: [Message]) {
        for message in messages { self.deliver(message) }
        self.flush()
    }

    private func deliver(_ message: Message) {
        let publisher = message.publisher
        let own = publisher?.shard == self.port.index ? publisher?.connection : nil
        for match in self.subscriptions.matches(message, publishedBy: own) {
            self.connections[match.connection]?.deliver(
                message, qos: match.qos, retain: match.retain)
        }
    }

    func subscribe(
        _ number: ConnectionNumber, to filter: TopicFilter, options: SubscriptionOptions
    ) -> SubscriptionTable.InsertOutcome {
        let outcome = self.subscriptions.insert(filter, of: number, options: options)
        if outcome == .added {
            self.environment.interest.add(filter, shard: self.port.index)
        }
        return outcome
    }

    func holds(_ number: ConnectionNumber, _ filter: TopicFilter) -> Bool {
        self.subscriptions.holds(filter, of: number)
    }

    /// - Returns: whether there was such a subscription.
    func unsubscribe(_ number: ConnectionNumber, from filter: TopicFilter) -> Bool {
        guard self.subscriptions.remove(filter, of: number) else { return false }
        self.environment.interest.remove(filter, shard: self.port.index)
        return true
    }

    func filters(of number: ConnectionNumber) -> [TopicFilter] {
        self.subscriptions.filters(of: number)
    }

    /// The granted QoS of the connection's subscriptions that match `topic`, the highest of them.
    func grantedQoS(_ number: ConnectionNumber, for topic: TopicName) -> QoS? {
        self.subscriptions.grantedQoS(number, for: topic)
    }

    private func unsubscribeAll(_ number: ConnectionNumber) {
        for filter in self.subscriptions.removeAll(of: number) {
            self.environment.interest.remove(filter, shard: self.port.index)
        }
    }

    // MARK: Turns

    /// Has `connection` flushed at the end of this turn, with everybody else that was written to.
    func flushLater(_ connection: ConnectionHandler) { self.unflushed.append(connection) }

    /// Publishes a will at the end of this turn, so that a will whose delivery ends another
    /// connection is a step of a loop and not of a recursion.
    func publishLater(_ will: Message) { self.wills.append(will) }

    /// The end of a turn. Each step can cause the other (a flushed queue that overflowed, a will),
    /// hence the loop.
    func flush() {
        while !self.unflushed.isEmpty || !self.wills.isEmpty {
            let wills = self.wills
            self.wills.removeAll()
            // Nobody waits for a will's acknowledgement; a full mailbox has been counted.
            for will in wills { _ = self.publish(will) }
            let connections = self.unflushed
            self.unflushed.removeAll(keepingCapacity: true)
            for connection in connections { connection.flushOutput() }
        }
    }

    /// Ends every connection as soon as nothing is being worked on for it, and all of them when
    /// the grace is over.
    func drain(graceSeconds: Int64) -> EventLoopFuture<Void> {
        if let drained = self.drained { return drained.futureResult }
        let promise = self.eventLoop.makePromise(of: Void.self)
        self.drained = promise
        for connection in self.connections.values { connection.drain() }
        self.flush()
        if self.connections.isEmpty { promise.succeed() }
        let bound = NIOLoopBound(self, eventLoop: self.eventLoop)
        let deadline = self.eventLoop.scheduleTask(in: .seconds(max(0, graceSeconds))) {
            for connection in bound.value.connections.values { connection.end(.serverStopping) }
            bound.value.flush()
        }
        promise.futureResult.whenComplete { _ in deadline.cancel() }
        return promise.futureResult
    }
}
