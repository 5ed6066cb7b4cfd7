/// Whether a device is connected that calls itself by a thing's name, and since when.
package struct Connectivity: Hashable, Sendable {
    package let isConnected: Bool
    /// When it last connected or disconnected.
    package let changedAt: UnixTime
    /// nil while it is connected.
    package let disconnectReason: DisconnectReason?

    package static func connected(at time: UnixTime) -> Connectivity {
        Connectivity(isConnected: true, changedAt: time, disconnectReason: nil)
    }

    package static func disconnected(
        at time: UnixTime, _ reason: DisconnectReason
    ) -> Connectivity {
        Connectivity(isConnected: false, changedAt: time, disconnectReason: reason)
    }

    private init(isConnected: Bool, changedAt: UnixTime, disconnectReason: DisconnectReason?) {
        self.isConnected = isConnected
        self.changedAt = changedAt
        self.disconnectReason = disconnectReason
    }
}

/// Why a device is no longer connected (AWS: lifecycle events and DisconnectReasonValue).
package enum DisconnectReason: String, Sendable, CaseIterable {
    case authError = "AUTH_ERROR"
    case clientInitiated = "CLIENT_INITIATED_DISCONNECT"
    case clientError = "CLIENT_ERROR"
    case connectionLost = "CONNECTION_LOST"
    case duplicateClientID = "DUPLICATE_CLIENTID"
    case forbiddenAccess = "FORBIDDEN_ACCESS"
    case keepAliveTimeout = "MQTT_KEEP_ALIVE_TIMEOUT"
    case serverError = "SERVER_ERROR"
    case serverInitiated = "SERVER_INITIATED_DISCONNECT"
    case throttled = "THROTTLED"
    case unknown = "UNKNOWN"
}
