/// Who published to a reserved topic. Identity comes from the TLS session, never from a payload.
package struct Publisher: Hashable, Sendable {
    package let principal: CertificateID
    package let kind: Certificate.Kind
    package let clientID: String
    package let sourceAddress: String

    package init(
        principal: CertificateID, kind: Certificate.Kind, clientID: String, sourceAddress: String
    ) {
        self.principal = principal
        self.kind = kind
        self.clientID = clientID
        self.sourceAddress = sourceAddress
    }
}

/// An answer to the publishing connection, and to nobody else.
package struct ReservedReply: Sendable {
    package enum Payload: Sendable {
        case open([UInt8])
        /// Holds a private key: the broker sends it once, keeps it nowhere, and overwrites every
        /// copy that it made.
        case secret(Secret<WipedBytes>)
    }

    package let topic: String
    package let payload: Payload
    /// What nobody has where this reply is not sent.
    package let handsOut: Handout?

    package init(topic: String, payload: Payload, handsOut: Handout? = nil) {
        self.topic = topic
        self.payload = payload
        self.handsOut = handsOut
    }

    package init(topic: String, payload: [UInt8]) {
        self.init(topic: topic, payload: .open(payload))
    }
}

/// A certificate that only one reply tells of, and the token that a device registers it with.
package struct Handout: Hashable, Sendable {
    package let certificate: CertificateID
    package let token: OwnershipTokenHash

    package init(certificate: CertificateID, token: OwnershipTokenHash) {
        self.certificate = certificate
        self.token = token
    }
}

/// The topics that a dialogue under a `$aws/` prefix is held on.
package protocol ReservedTopicNames: Sendable {
    /// Whether a publish to `topic` is a request to this service.
    func isRequest(topic: String) -> Bool
    /// Whether a client may hold a subscription to `filter` here; replies still go to the
    /// requesting connection only.
    func isReply(filter: String) -> Bool
    /// Whether a certificate that has ended, and that is within its grace, may still ask there.
    func isOpenToEnded(topic: String) -> Bool
    /// The same for a subscription.
    func isOpenToEnded(filter: String) -> Bool
}

/// Such a dialogue. The broker has authorized the publish before it calls, and delivers the replies
/// to the publisher's own session whether or not it subscribed.
package protocol ReservedTopicService: ReservedTopicNames {
    /// What a publisher hears in place of a reply that its own Maximum Packet Size (MQTT 5,
    /// 3.1.2.11.4) keeps from it; nil for nothing.
    func replyTooLarge(to topic: String) -> ReservedReply?
    /// The reply that was to hand this out was not sent, and will not be.
    func withdraw(_ handout: Handout, from publisher: Publisher) async
    /// Never throws: a failure is a reply like any other. An empty answer says nothing to anyone.
    func handle(
        topic: String, payload: [UInt8], from publisher: Publisher
    ) async -> [ReservedReply]
}

extension ReservedTopicNames {
    package func isOpenToEnded(topic: String) -> Bool { false }
    package func isOpenToEnded(filter: String) -> Bool { false }
}

extension ReservedTopicService {
    package func replyTooLarge(to topic: String) -> ReservedReply? { nil }
    package func withdraw(_ handout: Handout, from publisher: Publisher) async {}
}
