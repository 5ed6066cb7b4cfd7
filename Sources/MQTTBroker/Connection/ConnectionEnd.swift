import Fleet
import MQTT

/// Why a connection ends, and all that follows from it: what an MQTT 5 client is told, whether the
/// will is published, and the words in the log.
enum ConnectionEnd: Sendable {
    /// DISCONNECT from the client (MQTT 5: 0x04 asks for the will all the same).
    case clientLeft(withWill: Bool)
    /// The socket closed without a word.
    case lost(cause: String?)
    case tlsFailed(cause: String)
    case handshakeTimeout
    case connectTimeout
    case keepAliveTimeout
    case principalRefused(PrincipalRefusal)
    /// CONNECT was answered with a refusal.
    case connectRefused(ReasonCode, cause: String)
    /// A policy no longer, or never, allowed what the client did.
    case notAuthorized(cause: String)
    case protocolViolated(MQTTError)
    /// A bound of the server's own was passed.
    case quotaExceeded(cause: String)
    case takenOver
    /// The certificate is on two live connections, and policy ends this one.
    case certificateInTwoPlaces
    case serverStopping

    /// The stable word for counters and the log.
    var label: String {
        switch self {
        case .clientLeft: "client-disconnect"
        case .lost: "connection-lost"
        case .tlsFailed: "tls-failed"
        case .handshakeTimeout: "handshake-timeout"
        case .connectTimeout: "connect-timeout"
        case .keepAliveTimeout: "keep-alive-timeout"
        case .principalRefused(let refusal): refusal.label
        case .connectRefused: "connect-refused"
        case .notAuthorized: "not-authorized"
        case .protocolViolated(let error): error.code.rawValue
        case .quotaExceeded: "quota-exceeded"
        case .takenOver: "taken-over"
        case .certificateInTwoPlaces: "certificate-in-two-places"
        case .serverStopping: "server-stopping"
        }
    }

    var explanation: String {
        switch self {
        case .clientLeft: "the client disconnected"
        case .lost(let cause): cause ?? "the connection was lost"
        case .tlsFailed(let cause): cause
        case .handshakeTimeout: "the TLS handshake took too long"
        case .connectTimeout: "no CONNECT came in time"
        case .keepAliveTimeout: "nothing was heard for one and a half keep-alive intervals"
        case .principalRefused(let refusal): refusal.explanation
        case .connectRefused(_, let cause), .notAuthorized(let cause), .quotaExceeded(let cause):
            cause
        case .protocolViolated(let error): error.message
        case .takenOver: "another connection took over the client identifier"
        case .certificateInTwoPlaces: "the certificate is on two live connections"
        case .serverStopping: "the server is stopping"
        }
    }

    /// AWS's word for it, in lifecycle events and in the thing's connectivity.
    var lifecycleReason: DisconnectReason {
        switch self {
        case .clientLeft: .clientInitiated
        case .lost, .tlsFailed: .connectionLost
        case .handshakeTimeout, .connectTimeout, .protocolViolated: .clientError
        case .keepAliveTimeout: .keepAliveTimeout
        case .principalRefused, .connectRefused: .authError
        case .notAuthorized: .forbiddenAccess
        case .quotaExceeded: .throttled
        case .takenOver: .duplicateClientID
        case .certificateInTwoPlaces: .forbiddenAccess
        case .serverStopping: .serverInitiated
        }
    }

    /// What DISCONNECT says to an MQTT 5 client; nil where there is nobody left to tell.
    var disconnectReason: ReasonCode? {
        switch self {
        case .clientLeft, .lost, .tlsFailed, .handshakeTimeout, .connectTimeout, .connectRefused:
            nil
        case .keepAliveTimeout: .keepAliveTimeout
        case .principalRefused, .notAuthorized, .certificateInTwoPlaces: .notAuthorized
        case .protocolViolated(let error): error.reasonCode
        case .quotaExceeded: .quotaExceeded
        case .takenOver: .sessionTakenOver
        case .serverStopping: .serverShuttingDown
        }
    }

    /// [MQTT-3.1.2-8] for every end but a proper DISCONNECT. A principal that may no longer speak
    /// does not speak through its will either.
    var publishesWill: Bool {
        switch self {
        case .clientLeft(let withWill): withWill
        case .principalRefused: false
        case .lost, .tlsFailed, .handshakeTimeout, .connectTimeout, .keepAliveTimeout,
            .connectRefused, .notAuthorized, .protocolViolated, .quotaExceeded, .takenOver,
            .certificateInTwoPlaces, .serverStopping:
            true
        }
    }

    /// Whether the principal may no longer speak, nor hear.
    var isRefusal: Bool {
        if case .principalRefused = self { true } else { false }
    }

    /// Whether the end is something an operator should see without asking for it.
    var isNotable: Bool {
        switch self {
        case .clientLeft, .lost, .serverStopping, .takenOver, .keepAliveTimeout: false
        case .tlsFailed, .handshakeTimeout, .connectTimeout, .principalRefused, .connectRefused,
            .notAuthorized, .protocolViolated, .quotaExceeded, .certificateInTwoPlaces:
            true
        }
    }

    /// What it is called where refusals are looked up; nil for an end that is none, or that has
    /// been told already by what led to it.
    /// - Parameter wasLive: whether the connection had been accepted.
    func refusalReason(wasLive: Bool) -> RefusalReason? {
        switch self {
        case .tlsFailed, .handshakeTimeout: .handshakeFailed
        case .principalRefused: .principalRefused
        case .connectTimeout, .connectRefused: .connectRefused
        case .protocolViolated: wasLive ? nil : .connectRefused
        case .certificateInTwoPlaces: .certificateInTwoPlaces
        case .clientLeft, .lost, .keepAliveTimeout, .notAuthorized, .quotaExceeded, .takenOver,
            .serverStopping:
            nil
        }
    }
}
