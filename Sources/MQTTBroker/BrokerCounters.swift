import Synchronization

/// What the gateway has done since it started.
package struct BrokerCounters: Hashable, Sendable {
    package var connectionsAccepted = 0
    package var connectionsOpen = 0
    /// Connections refused before their CONNACK said yes, by reason.
    package var connectionsRefused: [String: Int] = [:]
    /// Connections that were live and ended, by reason.
    package var connectionsEnded: [String: Int] = [:]
    package var publishesReceived = 0
    package var publishesDenied = 0
    /// All that policies said no to: connects, wills, publishes, subscriptions.
    package var requestsDenied = 0
    package var messagesDelivered = 0
    /// QoS 0 messages a slow reader did not get.
    package var messagesDroppedSlow = 0
    /// Messages withheld by iot:Receive.
    package var messagesWithheld = 0
    /// QoS 0 messages lost because a loop's mailbox was full.
    package var messagesDroppedMailbox = 0
    /// Messages and replies above the Maximum Packet Size of the client that they were for.
    package var messagesTooLarge = 0
    package var reservedRequests = 0
    package var reservedInFlight = 0
    package var firstSeenRecorded = 0
    /// Times that one certificate was found on two live connections.
    package var clonesSighted = 0
    /// From a revocation's commit to its closed sockets.
    package var revocationTimes = RevocationTimes()
    package var connectivityNotesWritten = 0
    /// Those that found too many others waiting for the store.
    package var connectivityNotesDropped = 0
}

/// The counters behind their lock; nobody holds it longer than an addition takes.
final class BrokerMeter: Sendable {
    private let counters = Mutex(BrokerCounters())

    func count(_ change: (inout BrokerCounters) -> Void) {
        self.counters.withLock { change(&$0) }
    }

    var snapshot: BrokerCounters { self.counters.withLock { $0 } }
}
