package import Fleet
import JSON

/// The provisioning dialogue on its reserved topics: bytes in, one reply out.
package struct ProvisioningService: ReservedTopicService {
    private let provisioner: Provisioner

    package init(provisioner: Provisioner) { self.provisioner = provisioner }

    private let names = ProvisioningTopicNames()

    package func isRequest(topic: String) -> Bool { self.names.isRequest(topic: topic) }

    package func isReply(filter: String) -> Bool { self.names.isReply(filter: filter) }

    package func isOpenToEnded(topic: String) -> Bool { self.names.isOpenToEnded(topic: topic) }

    package func isOpenToEnded(filter: String) -> Bool {
        self.names.isOpenToEnded(filter: filter)
    }

    package func replyTooLarge(to topic: String) -> ReservedReply? {
        guard let topic = ProvisioningTopic(topic) else { return nil }
        let error = FleetError(
            .invalidPayload, "the reply is above the Maximum Packet Size of this connection"
        ).because(.replyTooLarge)
        return ReservedReply(
            topic: topic.rejected,
            payload: ProvisioningPayload.encode(Rejection(error).brief, as: topic.format))
    }

    package func withdraw(_ handout: Handout, from publisher: Publisher) async {
        await self.provisioner.withdraw(handout, for: publisher)
    }

    package func handle(
        topic: String, payload: [UInt8], from publisher: Publisher
    ) async -> [ReservedReply] {
        guard let topic = ProvisioningTopic(topic) else { return [] }
        let attempt = self.provisioner.attempt(at: topic, from: publisher)
        let reply = await Attempt.$current.withValue(attempt) {
            await self.reply(topic, payload, from: publisher, as: attempt)
        }
        self.provisioner.announce(.attempted(attempt.record))
        CrashPoint.reached(.beforeReply)
        return [reply]
    }

    private func reply(
        _ topic: ProvisioningTopic, _ payload: [UInt8], from publisher: Publisher,
        as attempt: Attempt
    ) async -> ReservedReply {
        do {
            let (answer, handout) = try await self.answer(topic, payload, from: publisher)
            return ReservedReply(topic: topic.accepted, payload: answer, handsOut: handout)
        } catch {
            return ReservedReply(
                topic: topic.rejected,
                payload: ProvisioningPayload.encode(
                    Rejection(error).object(correlationID: attempt.id), as: topic.format))
        }
    }

    private func answer(
        _ topic: ProvisioningTopic, _ payload: [UInt8], from publisher: Publisher
    ) async throws(FleetError) -> (ReservedReply.Payload, Handout?) {
        switch topic.request {
        case .createKeysAndCertificate:
            _ = try self.read(.createKeysAndCertificate, from: publisher) {
                () throws(FleetError) in
                try ProvisioningPayload.object(payload, as: topic.format)
            }
            let made = try await self.provisioner.createKeysAndCertificate(for: publisher)
            return (self.encode(made, topic), made.handout)
        case .createCertificateFromCSR:
            let csr = try self.read(.createCertificateFromCSR, from: publisher) {
                () throws(FleetError) in
                try ProvisioningPayload.csr(
                    in: ProvisioningPayload.object(payload, as: topic.format))
            }
            let made = try await self.provisioner.createCertificate(csr: csr, for: publisher)
            return (self.encode(made, topic), made.handout)
        case .renewCertificate:
            let key = try self.read(.renewCertificate, from: publisher) {
                () throws(FleetError) in
                try ProvisioningPayload.renewalKey(
                    in: ProvisioningPayload.object(payload, as: topic.format))
            }
            // It is had again for the asking, until the next.
            let renewed = try await self.provisioner.renewCertificate(for: key, by: publisher)
            return (
                ProvisioningPayload.encode(
                    renewed, as: topic.format, at: self.provisioner.ports.clock.now), nil
            )
        case .registerThing(let template):
            let request = try self.read(.registerThing, of: template, from: publisher) {
                () throws(FleetError) in
                let object = try ProvisioningPayload.object(payload, as: topic.format)
                // Before the rest is found in order, so that its refusal is found by the serial.
                Attempt.current?.names(
                    serial: self.provisioner.serial(in: ProvisioningPayload.texts(in: object)))
                return try ProvisioningPayload.registerThing(object, template: template)
            }
            let registered = try await self.provisioner.registerThing(request, for: publisher)
            return (
                ProvisioningPayload.encode(
                    registered: registered, as: topic.format,
                    at: self.provisioner.ports.clock.now), nil
            )
        }
    }

    private func encode(
        _ made: CreatedCertificate, _ topic: ProvisioningTopic
    ) -> ReservedReply.Payload {
        ProvisioningPayload.encode(
            made, as: topic.format, at: self.provisioner.ports.clock.now)
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

extension Provisioner {
    /// The record of what becomes of one request.
    func attempt(at topic: ProvisioningTopic, from publisher: Publisher) -> Attempt {
        let (operation, template): (ProvisioningOperation, String?) =
            switch topic.request {
            case .createKeysAndCertificate: (.createKeysAndCertificate, nil)
            case .createCertificateFromCSR: (.createCertificateFromCSR, nil)
            case .renewCertificate: (.renewCertificate, nil)
            case .registerThing(let template): (.registerThing, template)
            }
        return Attempt(
            operation, template: template, publisher: publisher, clock: self.ports.clock,
            entropy: self.ports.entropy)
    }

    /// What the device calls its serial number.
    func serial(in parameters: [String: String]) -> String? {
        DeviceSerial.find(in: parameters, named: self.settings.enrolment.serialParameter)
    }
}
