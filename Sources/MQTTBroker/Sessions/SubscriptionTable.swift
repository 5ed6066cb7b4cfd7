import MQTT

/// The subscriptions of one shard.
struct SubscriptionTable {
    /// A copy that a connection is owed: one, however many of its filters match, at the highest
    /// QoS among them ([MQTT-3.3.5-1]).
    struct Match {
        let connection: ConnectionNumber
        var qos: QoS
        var retain: Bool
    }

    /// What the routing table knows a connection by, and its filters.
    private struct Subscriber {
        let id: SubscriberID
        var filters: [TopicFilter: SubscriptionOptions] = [:]
    }

    private var routes = RoutingTable()
    private var subscribers: [ConnectionNumber: Subscriber] = [:]
    /// The connection behind each subscriber id; ids are used again, numbers never.
    private var connections: [ConnectionNumber] = []
    private var freeIDs: [SubscriberID] = []
    /// Kept for its storage; empty between calls.
    private var found: [RouteMatch] = []

    enum InsertOutcome: Hashable {
        case added
        case replaced
        case full
    }

    mutating func insert(
        _ filter: TopicFilter, of connection: ConnectionNumber, options: SubscriptionOptions
    ) -> InsertOutcome {
        var subscriber = self.subscribers[connection] ?? Subscriber(id: self.takeID(connection))
        defer { self.subscribers[connection] = subscriber }
        switch self.routes.insert(filter, for: subscriber.id, options: options) {
        case .added:
            subscriber.filters[filter] = options
            return .added
        case .replaced:
            subscriber.filters[filter] = options
            return .replaced
        case .full: return .full
        }
    }

    /// - Returns: whether there was such a subscription.
    mutating func remove(_ filter: TopicFilter, of connection: ConnectionNumber) -> Bool {
        guard let id = self.subscribers[connection]?.id,
            self.subscribers[connection]?.filters.removeValue(forKey: filter) != nil
        else { return false }
        _ = self.routes.remove(filter, for: id)
        return true
    }

    /// - Returns: the filters that were removed.
    mutating func removeAll(of connection: ConnectionNumber) -> [TopicFilter] {
        guard let subscriber = self.subscribers.removeValue(forKey: connection) else { return [] }
        for filter in subscriber.filters.keys {
            _ = self.routes.remove(filter, for: subscriber.id)
        }
        self.freeIDs.append(subscriber.id)
        return Array(subscriber.filters.keys)
    }

    func filters(of connection: ConnectionNumber) -> [TopicFilter] {
        self.subscribers[connection].map { Array($0.filters.keys) } ?? []
    }

    func holds(_ filter: TopicFilter, of connection: ConnectionNumber) -> Bool {
        self.subscribers[connection]?.filters[filter] != nil
    }

    /// The highest QoS granted to the connection for `topic`; nil where it did not ask for it.
    func grantedQoS(_ connection: ConnectionNumber, for topic: TopicName) -> QoS? {
        self.subscribers[connection]?.filters.lazy
            .filter { $0.key.matches(topic) }.map(\.value.qos).max()
    }

    mutating func matches(_ message: Message, publishedBy own: ConnectionNumber?) -> [Match] {
        self.routes.match(message.topic, into: &self.found)
        defer { self.found.removeAll(keepingCapacity: true) }
        var matches: [Match] = []
        // Copies of one connection are found apart; with one route, the usual case, there is
        // nothing to bring together.
        if self.found.count > 1 { self.found.sort { $0.subscriber < $1.subscriber } }
        for route in self.found {
            let connection = self.connections[Int(route.subscriber.rawValue)]
            // [MQTT-3.8.3-3]
            if route.options.noLocal, connection == own { continue }
            let retain = message.retain && route.options.retainAsPublished
            if let last = matches.indices.last, matches[last].connection == connection {
                matches[last].qos = max(matches[last].qos, route.options.qos)
                matches[last].retain = matches[last].retain || retain
            } else {
                matches.append(
                    Match(connection: connection, qos: route.options.qos, retain: retain))
            }
        }
        return matches
    }

    private mutating func takeID(_ connection: ConnectionNumber) -> SubscriberID {
        if let id = self.freeIDs.popLast() {
            self.connections[Int(id.rawValue)] = connection
            return id
        }
        self.connections.append(connection)
        // As many as connections at once, which is far below what 32 bits hold.
        return SubscriberID(rawValue: UInt32(clamping: self.connections.count - 1))
    }
}
