import Crypto
package import Fleet
import Logging
import MQTT

/// Devices that come by another door are judged as those who connect.
extension BrokerServer: DeviceGate {
    package func recognize(_ der: [UInt8], from address: String) async throws(FleetError) {
        let id = CertificateID(sha256: SHA256.hash(data: der))
        do throws(FleetError) { try await self.judge(der, id) } catch {
            self.keep(.handshakeFailed, error.message, of: Self.peer(id, "", address))
            throw error
        }
    }

    private func judge(_ der: [UInt8], _ id: CertificateID) async throws(FleetError) {
        guard let trust = self.environment.trust else {
            throw Self.refused("nobody can say whom to believe", id)
        }
        let loaded = try await self.environment.loader.load(id)
        try await trust.verify(der, as: loaded)
    }

    /// Where the refusals of connections are, for `slipway trace --refused`.
    private func keep(
        _ reason: RefusalReason, _ explanation: String, of peer: ConnectionRefusal.Peer,
        by decider: String = "est", to resource: String? = nil
    ) {
        let action =
            switch reason {
            case .handshakeFailed: "TLS"
            case .publishDenied: "iot:Publish"
            default: "iot:Connect"
            }
        self.environment.journal?.note(
            ConnectionRefusal(
                reason, action: action, decidedBy: decider, explanation: explanation,
                resource: resource, peer: peer, at: self.environment.clock.now))
    }

    private static func peer(
        _ certificate: CertificateID, _ clientID: String, _ address: String
    ) -> ConnectionRefusal.Peer {
        ConnectionRefusal.Peer(
            address: address, certificate: certificate, clientID: clientID.clipped,
            serverName: nil)
    }

    package func admit(
        _ certificate: CertificateID, asking topics: [String], as clientID: String,
        from address: String
    ) async throws(FleetError) -> Publisher {
        let environment = self.environment
        let peer = Self.peer(certificate, clientID, address)
        let loaded = try await environment.loader.load(certificate)
        guard let record = loaded.record else {
            self.keep(
                .principalRefused, PrincipalRefusal.unknownCertificate.explanation, of: peer)
            throw Self.refused(PrincipalRefusal.unknownCertificate.explanation, certificate)
                .because(.accessDenied)
        }
        let names = try topics.map { (topic) throws(FleetError) in try Self.name(topic) }
        let mayHaveEnded = names.allSatisfy { environment.reserved.isOpenToEnded(topic: $0.text) }
        let now = environment.clock.now
        let refusal = record.refusal(
            at: now,
            graceSeconds: mayHaveEnded ? environment.settings.renewalGraceSeconds : 0)
        if let refusal = refusal ?? record.refusal(of: address) {
            self.keep(.principalRefused, refusal.explanation, of: peer)
            throw Self.refused(refusal.explanation, certificate).because(.claimNotActive)
        }
        let name = record.things.first?.thing.name.rawValue ?? clientID
        let authority = ConnectionAuthority(
            record: record, clientID: name, sourceAddress: address, serverName: nil,
            realm: environment.realm)
        for topic in names {
            let verdict = authority.publish(topic, at: now)
            guard verdict.isAllowed else {
                environment.logger.info(
                    "denied by policy",
                    metadata: [
                        "certificate": "\(certificate)", "topic": "\(topic.text.clipped)",
                        "address": "\(address)", "explanation": "\(verdict.decidedBy)",
                    ])
                self.keep(
                    .publishDenied, "iot:Publish is not allowed", of: peer,
                    by: verdict.decidedBy, to: "topic/\(topic.text)".clipped)
                // Over MQTT a device learns no more than that.
                throw Self.refused("its policies do not let it do this", certificate)
                    .because(.accessDenied)
            }
        }
        return Publisher(
            principal: certificate, kind: record.certificate.kind, clientID: name,
            sourceAddress: address)
    }

    private static func name(_ topic: String) throws(FleetError) -> TopicName {
        do throws(MQTTError) { return try TopicName(topic) } catch {
            throw FleetError(.invalidParameters, "'\(topic.clipped)' names no topic")
        }
    }

    private static func refused(_ why: String, _ certificate: CertificateID) -> FleetError {
        FleetError(.accessDenied, why, resource: certificate.rawValue)
    }
}
