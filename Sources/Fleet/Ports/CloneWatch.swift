/// Two live sessions of one device's certificate, as the gateway saw them.
package struct CloneSighting: Sendable {
    /// How it is known that there are two.
    package enum Sign: String, Sendable {
        /// The older one spoke after the newer one had been accepted.
        case concurrent
        /// They took the client identifier from each other, from one address and another in turn.
        case takeover
    }

    package struct Session: Hashable, Sendable {
        package let clientID: String
        package let address: String
        package let since: UnixTime

        package init(clientID: String, address: String, since: UnixTime) {
            self.clientID = clientID
            self.address = address
            self.since = since
        }
    }

    package let certificate: CertificateID
    package let sign: Sign
    /// Oldest first.
    package let sessions: [Session]

    package init(certificate: CertificateID, sign: Sign, sessions: [Session]) {
        self.certificate = certificate
        self.sign = sign
        self.sessions = sessions
    }
}

/// Who judges certificates that are in two places at once.
package protocol CloneWatch: Sendable {
    /// Keeps the evidence, and says what is to become of the connections. Where it is `hold`, the
    /// certificate counts no more, and its connections end as with every such change.
    func sighted(_ sighting: CloneSighting) async -> EnrolmentPolicy
}
