import NIOCore

/// What an operator may turn. Each bound exists so that one peer cannot cost the others anything;
/// what a device can run into has AWS's number, so that what works here works there.
package struct BrokerSettings: Hashable, Sendable {
    package var host = "127.0.0.1"
    /// 0 lets the system choose; `BrokerServer.start()` says what it chose.
    package var port = 8883
    /// Event loops, each one shard of sessions.
    package var loops = 1
    /// Connections that the kernel holds until they are accepted; it may hold fewer (somaxconn).
    package var backlog: Int32 = 4096
    package var connectionsMax = 100_000
    /// From the accepted socket to the end of the TLS handshake.
    package var handshakeSecondsMax: Int64 = 10
    /// From the end of the TLS handshake to a whole CONNECT.
    package var connectSecondsMax: Int64 = 10
    /// AWS: 128 KiB of payload; the rest of the packet is topic and properties.
    package var packetBytesMax = 128 * 1024 + 18 * 1024
    /// Of an UNSUBSCRIBE as well.
    package var filtersPerSubscribeMax = 8
    package var subscriptionsPerConnectionMax = 50
    /// What one slow reader may keep waiting, in messages and in bytes.
    package var pendingMessagesMax = 1000
    package var pendingBytesMax = 1024 * 1024
    /// Requests to reserved topics being worked on: for one connection, and for all. The second is
    /// above what the services admit themselves, so that a device is told when to come back
    /// (TooManyRequests) and does not merely wait.
    package var reservedInFlightPerConnectionMax = 8
    package var reservedInFlightMax = 4096
    /// How long after its end a device's certificate may still connect, to be renewed and for
    /// nothing else.
    package var renewalGraceSeconds: Int64 = 0
    package var keepAliveSecondsMin: UInt16 = 30
    package var keepAliveSecondsMax: UInt16 = 1200

    package init() {}
}

/// Bounds that are nobody's business to turn.
enum BrokerLimits {
    /// Messages on their way from one loop to another.
    static let mailboxMessagesMax = 100_000
    /// Compiled policy versions kept.
    static let compiledPoliciesMax = 4096
    /// Claim principals kept loaded; a line has one claim for thousands of devices.
    static let claimsKeptMax = 1024
    /// Announced commits remembered, against which a load that was under way is checked.
    static let journalCommitsMax = 4096
    /// How often the time for the opening is given anew to a peer whose loop was late.
    static let deadlineExtensionsMax = 10
    /// From when on a timer counts as late.
    static let deadlineLateness = TimeAmount.milliseconds(250)
    /// How long before its end the gateway's certificate is spoken of in the log.
    static let certificateWarningDays: Int64 = 30
    /// Times a load is begun anew because the fleet changed under it.
    static let loadAttemptsMax = 4
    /// Things of one certificate that are loaded; a certificate with more has them ignored.
    static let thingsPerCertificateMax = 16
    /// AWS: depth of the thing group tree.
    static let groupDepthMax = 7
    /// First-seen notes waiting for the store, and being written at once.
    static let firstSeenWaitingMax = 10_000
    static let firstSeenInFlightMax = 16
    /// Clients whose coming and going waits to be written, and how long it waits for company.
    static let connectivityWaitingMax = 100_000
    static let connectivityWriteMilliseconds: Int64 = 250
    /// Replies with a private key that wait for one client's acknowledgements.
    static let secretRepliesMax = 16
    /// Unflushed bytes of one connection above which its reader counts as slow.
    static let writeBufferBytesHigh = 256 * 1024
    static let writeBufferBytesLow = 64 * 1024
    /// An emptied output buffer larger than this is given back.
    static let outputBytesKept = 16 * 1024
    /// Time a closed connection has to take its last packet before the socket goes.
    static let tlsShutdownSeconds: Int64 = 2
    /// The same for a principal that may no longer speak.
    static let refusedCloseMilliseconds: Int64 = 250
}
