package import Fleet
import JSON

/// The provisioning dialogue on its reserved topics: bytes in, one reply out.
package struct ProvisioningService: ReservedTopicService {
    private let provisioner: Provisioner

    package init(provisioner: Provisioner) { self.provisioner = provisioner }

    package func isRequest(topic: String) -> Bool { ProvisioningTopic(topic) != nil }

    package func isReply(filter: String) -> Bool { ProvisioningTopic.isReply(filter: filter) }

    package func handle(
        topic: String, payload: [UInt8], from publisher: Publisher
    ) async -> [ReservedReply] {
        guard let topic = ProvisioningTopic(topic) else { return [] }
        let reply: ReservedReply
        do {
            reply = ReservedReply(
                topic: topic.accepted,
                payload: try await self.answer(topic, payload, from: publisher))
        } catch {
            reply = ReservedReply(
                topic: topic.rejected,
                payload: ProvisioningPayload.encode(Rejection(error).object, as: topic.format))
        }
        CrashPoint.reached(.beforeReply)
        return [reply]
    }

    private func answer(
        _ topic: ProvisioningTopic, _ payload: [UInt8], from publisher: Publisher
    ) async throws(FleetError) -> ReservedReply.Payload {
        switch topic.request {
        case .createKeysAndCertificate:
            _ = try self.read(.createKeysAndCertificate, from: publisher) {
                () throws(FleetError) in
                try ProvisioningPayload.object(payload, as: topic.format)
            }
            return ProvisioningPayload.encode(
                try await self.provisioner.createKeysAndCertificate(for: publisher),
                as: topic.format)
        case .createCertificateFromCSR:
            let csr = try self.read(.createCertificateFromCSR, from: publisher) {
                () throws(FleetError) in
                try ProvisioningPayload.csr(
                    in: ProvisioningPayload.object(payload, as: topic.format))
            }
            return ProvisioningPayload.encode(
                try await self.provisioner.createCertificate(csr: csr, for: publisher),
                as: topic.format)
        case .registerThing(let template):
            let request = try self.read(.registerThing, of: template, from: publisher) {
                () throws(FleetError) in
                try ProvisioningPayload.registerThing(
                    ProvisioningPayload.object(payload, as: topic.format), template: template)
            }
            return .open(
                ProvisioningPayload.encode(
                    try await self.provisioner.registerThing(request, for: publisher),
                    as: topic.format))
        }
    }

    /// Reads a payload; what cannot be read is on record like any other refusal.
    private func read<Result>(
        _ operation: ProvisioningOperation, of template: String? = nil,
        from publisher: Publisher, _ body: () throws(FleetError) -> Result
    ) throws(FleetError) -> Result {
        do { return try body() } catch {
            throw self.provisioner.refuse(error, operation, template: template, publisher)
        }
    }
}
