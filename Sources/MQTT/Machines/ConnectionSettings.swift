/// What the server grants a connection. The defaults are AWS IoT Core's.
package struct ConnectionSettings: Hashable, Sendable {
    /// A requested keep-alive is brought into this range; 0, "off", becomes the upper end.
    package var keepAliveSecondsMin: UInt16 = 30
    package var keepAliveSecondsMax: UInt16 = 1200
    /// How long a connection may stay without its CONNECT.
    package var connectMillisecondsMax: Int64 = 10_000

    package var clientIDBytesMax = 128
    package var topicBytesMax = 256
    /// AWS: seven slashes.
    package var topicLevelsMax = 8
    package var payloadBytesMax = 128 * 1024
    /// Told as Maximum Packet Size, and to be given to the decoder as well.
    package var packetBytesMax = DecoderLimits.packetBytesDefault
    /// Of one SUBSCRIBE, or of one UNSUBSCRIBE.
    package var filtersPerPacketMax = 8
    package var userNameBytesMax = 4096

    /// QoS 1 publishes that a client may have unacknowledged.
    package var receiveMaximum: UInt16 = 100
    /// Aliases a client may use; 0 for none.
    package var topicAliasMaximum: UInt16 = 8

    package var maximumQoS = QoS.atLeastOnce
    package var retainAvailable = false
    package var sharedSubscriptionsAvailable = false
    package var subscriptionIdentifiersAvailable = false
    /// The longest a session may outlive its connection. 0: none does.
    package var sessionExpirySecondsMax: UInt32 = 0

    package init() {}

    /// A timeout is one and a half times the keep-alive ([MQTT-3.1.2-22]).
    static let keepAliveMillisecondsPerSecond: Int64 = 1500

    /// The keep-alive in force for one that asked for `requested` seconds.
    package func effectiveKeepAlive(_ requested: UInt16) -> UInt16 {
        if requested == 0 { return self.keepAliveSecondsMax }
        return min(max(requested, self.keepAliveSecondsMin), self.keepAliveSecondsMax)
    }
}

/// Milliseconds of a clock that never goes back; where it begins means nothing.
package typealias MonotonicMilliseconds = Int64
