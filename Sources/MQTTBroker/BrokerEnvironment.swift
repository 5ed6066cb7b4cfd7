package import Fleet
package import Logging
import MQTT

/// What the composition root lends the gateway.
package struct BrokerDependencies: Sendable {
    package let store: any FleetStore
    package let connectivity: any ConnectivityStore
    package let services: [any ReservedTopicService]
    package let clock: any WallClock
    package let entropy: any Entropy
    package let realm: Realm
    package let logger: Logger
    /// nil leaves it to TLS alone, and to the anchors of `TLSMaterial`.
    package let trust: (any ClientTrust)?
    /// nil where nobody judges certificates that are in two places.
    package var clones: (any CloneWatch)?
    /// nil where refusals are counted and logged, and kept nowhere.
    package var journal: (any ConnectionJournal)?

    package init(
        store: any FleetStore, connectivity: any ConnectivityStore,
        services: [any ReservedTopicService], clock: any WallClock, entropy: any Entropy,
        realm: Realm, logger: Logger, trust: (any ClientTrust)? = nil
    ) {
        self.trust = trust
        self.store = store
        self.connectivity = connectivity
        self.services = services
        self.clock = clock
        self.entropy = entropy
        self.realm = realm
        self.logger = logger
    }
}

/// What every shard and connection of one server shares. All of it is immutable or locks itself.
final class BrokerEnvironment: Sendable {
    let settings: BrokerSettings
    let store: any FleetStore
    let reserved: ReservedTopics
    private let services: [any ReservedTopicService]
    let connectionSettings: ConnectionSettings
    let clock: any WallClock
    let entropy: any Entropy
    let realm: Realm
    let logger: Logger
    let trust: (any ClientTrust)?
    let clones: (any CloneWatch)?
    let journal: (any ConnectionJournal)?
    let certificates = CertificateSessions()
    let takeovers = TakeoverWatch()
    let meter = BrokerMeter()
    let directory = SessionDirectory()
    let interest = InterestTable()
    let loader: AuthorityLoader
    let gate: ReservedGate
    let firstSeen: FirstSeenRecorder
    let connectivity: ConnectivityRecorder

    init(settings: BrokerSettings, dependencies: BrokerDependencies) {
        self.settings = settings
        self.store = dependencies.store
        self.reserved = ReservedTopics(services: dependencies.services)
        self.services = dependencies.services
        self.connectionSettings = ConnectionSettings(settings)
        self.clock = dependencies.clock
        self.entropy = dependencies.entropy
        self.realm = dependencies.realm
        self.logger = dependencies.logger
        self.trust = dependencies.trust
        self.clones = dependencies.clones
        self.journal = dependencies.journal
        self.loader = AuthorityLoader(store: dependencies.store)
        self.gate = ReservedGate(max: settings.reservedInFlightMax)
        self.firstSeen = FirstSeenRecorder(
            store: dependencies.store, meter: self.meter, logger: dependencies.logger)
        self.connectivity = ConnectivityRecorder(
            store: dependencies.connectivity, meter: self.meter, logger: dependencies.logger)
    }

    /// The service that answers publishes to `topic`.
    func service(for topic: TopicName) -> (any ReservedTopicService)? {
        self.services.first { $0.isRequest(topic: topic.text) }
    }

    /// Counts one more open connection in, unless there are too many.
    func admitConnection() -> Bool {
        let max = self.settings.connectionsMax
        var admitted = false
        self.meter.count { counters in
            guard counters.connectionsOpen < max else {
                counters.connectionsRefused["too-many-connections", default: 0] += 1
                return
            }
            counters.connectionsOpen += 1
            admitted = true
        }
        return admitted
    }

    /// For a client that leaves the choice to us: AWS's prefix and a random UUID (RFC 9562 5.4).
    func assignClientID() -> String {
        var bytes = self.entropy.bytes(count: 16)
        guard bytes.count == 16 else { preconditionFailure("Entropy gives what it is asked for.") }
        bytes[6] = bytes[6] & 0x0F | 0x40
        bytes[8] = bytes[8] & 0x3F | 0x80
        let groups = [bytes[0..<4], bytes[4..<6], bytes[6..<8], bytes[8..<10], bytes[10..<16]]
        return ClientIDRule.assignedPrefix + groups.map(\.hex).joined(separator: "-")
    }

    func releaseConnection() { self.meter.count { $0.connectionsOpen -= 1 } }
}

extension ConnectionSettings {
    init(_ settings: BrokerSettings) {
        self.init()
        self.keepAliveSecondsMin = settings.keepAliveSecondsMin
        self.keepAliveSecondsMax = settings.keepAliveSecondsMax
        self.connectMillisecondsMax = settings.connectSecondsMax * 1000
        self.packetBytesMax = settings.packetBytesMax
        self.filtersPerPacketMax = settings.filtersPerSubscribeMax
    }
}
