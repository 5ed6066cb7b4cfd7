/// Something that the gateway refused before or beside any dialogue: a handshake, a CONNECT, a
/// publish or a subscription. MQTT tells the client little of it; this says it to the operator.
package struct ConnectionRefusal: Sendable {
    /// The other end, as far as it was known by then.
    package struct Peer: Sendable {
        package let address: String
        package let certificate: CertificateID?
        /// What the client calls itself; empty before its CONNECT.
        package let clientID: String
        /// The name it asked for in its TLS hello.
        package let serverName: String?

        package init(
            address: String, certificate: CertificateID?, clientID: String, serverName: String?
        ) {
            self.address = address
            self.certificate = certificate
            self.clientID = clientID
            self.serverName = serverName
        }
    }

    package let reason: RefusalReason
    /// `iot:Connect` and its like.
    package let action: String
    /// The stable word or the policy statement that decided.
    package let decidedBy: String
    package let explanation: String
    /// What it was to be done to.
    package let resource: String?
    package let peer: Peer
    package let at: UnixTime

    package init(
        _ reason: RefusalReason, action: String, decidedBy: String, explanation: String,
        resource: String? = nil, peer: Peer, at: UnixTime
    ) {
        self.reason = reason
        self.action = action
        self.decidedBy = decidedBy
        self.explanation = explanation
        self.resource = resource
        self.peer = peer
        self.at = at
    }
}

/// Where the gateway's refusals go. It is told by peers that nobody knows, so it bounds itself.
package protocol ConnectionJournal: Sendable {
    func note(_ refusal: ConnectionRefusal)
}
