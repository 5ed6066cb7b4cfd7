/// The steps of a device's first hour, in order; the report has one line for each.
package enum SimulationStep: String, Sendable, CaseIterable {
    /// TCP, TLS with the claim certificate, CONNECT and CONNACK.
    case claimConnect = "claim-connect"
    /// The four reply topics and their SUBACK.
    case subscribe
    /// A create call until its reply.
    case create
    /// RegisterThing until its reply.
    case register
    /// TCP, TLS with the device's own certificate, CONNECT and CONNACK.
    case deviceConnect = "device-connect"
    /// The first message until its PUBACK.
    case publish
    /// A renewal, from its connection to its reply.
    case renew
    /// The device's whole life, power cuts and retries included.
    case total
}

/// What ended a device's attempt. Tallied by `reason`, which holds nothing that differs from
/// device to device; `message` is the sentence shown as an example.
package struct DeviceFailure: Error, Hashable, Sendable {
    package enum Kind: Hashable, Sendable {
        /// No TCP connection.
        case unreachable
        /// TLS failed, on either side's verdict.
        case handshake
        /// The connection ended while the device waited for an answer.
        case connectionLost
        /// The answer did not come in time.
        case timedOut
        /// CONNACK with a refusal.
        case connectRefused(code: UInt8)
        /// SUBACK with a refusal.
        case subscribeRefused(code: UInt8)
        /// PUBACK with a refusal.
        case publishRefused(code: UInt8)
        /// The reply on the `/rejected` topic.
        case rejected(statusCode: Int, errorCode: String)
        /// The service answered with what is no MQTT, no document, or no answer to the question.
        case malformedAnswer
        /// The service gave out a certificate or key that TLS cannot load.
        case unusableCredentials
        /// The device could not write its credentials to disk.
        case notStored
        /// The run was stopped.
        case stopped
        /// The simulated power went. This ends a boot, not an attempt, and is counted apart.
        case powerCut
    }

    package let step: SimulationStep
    package let kind: Kind
    package let message: String
    /// How long the service asks the device to wait before it comes again.
    package let retryAfterSeconds: Int?

    package init(
        _ step: SimulationStep, _ kind: Kind, _ message: String, retryAfterSeconds: Int? = nil
    ) {
        self.step = step
        self.kind = kind
        self.message = Self.printable(message)
        self.retryAfterSeconds = retryAfterSeconds
    }

    /// The service has too much to do, and says so.
    var isTurnedAway: Bool {
        if case .rejected(429, _) = self.kind { true } else { false }
    }

    /// Another device has what this one asks for.
    var isConflict: Bool {
        if case .rejected(409, _) = self.kind { true } else { false }
    }

    /// The claim may not do this.
    var isForbidden: Bool {
        if case .rejected(403, _) = self.kind { true } else { false }
    }

    /// The connection was lost, or never came to be, without a word.
    var isDropped: Bool {
        switch self.kind {
        case .unreachable, .handshake, .connectionLost, .timedOut: true
        case .connectRefused, .subscribeRefused, .publishRefused, .rejected, .malformedAnswer,
            .unusableCredentials, .notStored, .stopped, .powerCut:
            false
        }
    }

    private static let messageCharactersMax = 300

    /// Part of a message is the service's own text, and it may end up on a terminal: control
    /// characters become '?', and what is too long is cut.
    static func printable(_ text: String, charactersMax: Int = messageCharactersMax) -> String {
        var result = String.UnicodeScalarView()
        for scalar in text.unicodeScalars.prefix(charactersMax) {
            let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
            result.append(isControl ? "?" : scalar)
        }
        return String(result)
    }

    /// The key it is counted under: "register: rejected 403 AccessDenied".
    package var reason: String { "\(self.step.rawValue): \(self.kindText)" }

    private var kindText: String {
        switch self.kind {
        case .unreachable: "endpoint unreachable"
        case .handshake: "TLS handshake failed"
        case .connectionLost: "connection lost"
        case .timedOut: "no answer in time"
        case .connectRefused(let code): "CONNECT refused \(Self.hexadecimal(code))"
        case .subscribeRefused(let code): "SUBSCRIBE refused \(Self.hexadecimal(code))"
        case .publishRefused(let code): "PUBLISH refused \(Self.hexadecimal(code))"
        case .rejected(let statusCode, let errorCode): "rejected \(statusCode) \(errorCode)"
        case .malformedAnswer: "malformed answer"
        case .unusableCredentials: "unusable credentials"
        case .notStored: "credentials not stored"
        case .stopped: "stopped"
        case .powerCut: "power cut"
        }
    }

    private static func hexadecimal(_ code: UInt8) -> String {
        let digits = String(code, radix: 16, uppercase: true)
        return "0x" + (digits.count == 1 ? "0" : "") + digits
    }

    /// Whether a device in the field would try again. A refusal of its request is final; a
    /// network, an overloaded service and a certificate not yet known everywhere are not.
    var isWorthRetrying: Bool {
        switch self.kind {
        case .unreachable, .handshake, .connectionLost, .timedOut, .connectRefused,
            .malformedAnswer:
            true
        case .rejected(let statusCode, _):
            statusCode == 429 || statusCode >= 500 || self.concernsToken
        case .subscribeRefused, .publishRefused, .unusableCredentials, .notStored, .stopped,
            .powerCut:
            false
        }
    }

    /// The ownership token is no longer good: the certificate it stood for is gone, and the device
    /// asks for another one.
    var concernsToken: Bool {
        if case .rejected(_, "InvalidCertificateOwnershipToken") = self.kind {
            self.step == .register
        } else {
            false
        }
    }
}
