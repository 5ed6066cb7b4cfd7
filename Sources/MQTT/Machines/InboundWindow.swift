/// The QoS 1 publishes of a client that await their PUBACK: the receive maximum from the
/// receiver's side (4.9).
struct InboundWindow {
    enum Arrival: Hashable {
        case admitted
        /// The identifier is still in use by an exchange that is not finished.
        case alreadyInFlight
        case full
    }

    private let maximum: Int
    private var inFlight: Set<PacketID> = []

    init(maximum: UInt16) { self.maximum = Int(maximum) }

    var count: Int { self.inFlight.count }
    var isFull: Bool { self.inFlight.count >= self.maximum }

    mutating func arrived(_ id: PacketID) -> Arrival {
        if self.inFlight.contains(id) { return .alreadyInFlight }
        if self.isFull { return .full }
        self.inFlight.insert(id)
        return .admitted
    }

    /// False where nothing with that identifier is owed.
    mutating func finished(_ id: PacketID) -> Bool { self.inFlight.remove(id) != nil }
}

/// What a client's topic aliases stand for (3.3.2.3.4). They live as long as the connection.
struct TopicAliases {
    private var names: [TopicName]

    init(maximum: UInt16) { self.names = Array(repeating: .empty, count: Int(maximum)) }

    /// The publish with its name in place and its alias gone.
    mutating func resolve(_ publish: Publish) throws(MQTTError) -> Publish {
        guard let alias = publish.properties.topicAlias else { return publish }
        let index = Int(alias) - 1
        guard self.names.indices.contains(index) else {  // [MQTT-3.3.2-9]
            throw MQTTError(
                .topicAliasInvalid,
                "PUBLISH: topic alias \(alias) is above the maximum, \(self.names.count)")
        }
        var resolved = publish
        resolved.properties.topicAlias = nil
        if publish.topic.isEmpty {
            guard !self.names[index].isEmpty else {
                throw MQTTError(
                    .unknownTopicAlias, "PUBLISH: topic alias \(alias) was never given a name")
            }
            resolved.topic = self.names[index]
        } else {
            self.names[index] = publish.topic
        }
        return resolved
    }
}
