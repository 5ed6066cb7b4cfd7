package import Fleet
import Registry

/// Both steps of the dialogue in one: what EST calls an enrolment (RFC 7030 4.2 and 4.4).
package struct Enrolment: Sendable {
    package enum Key: Sendable {
        /// The key of a PKCS#10 request in PEM.
        case request(String)
        /// A pair that the service makes.
        case made
    }

    package let template: String
    package let key: Key
    package let parameters: [String: String]

    package init(template: String, key: Key, parameters: [String: String]) {
        self.template = template
        self.key = key
        self.parameters = parameters
    }

    /// The topics that the same request would be published to: what a policy lets a claim do over
    /// MQTT it lets it do here.
    /// - Parameter makesKey: that the service is to make the pair.
    package static func topics(of template: String, makesKey: Bool) -> [String] {
        let create: ProvisioningTopic.Request =
            makesKey ? .createKeysAndCertificate : .createCertificateFromCSR
        return [create, .registerThing(template: template)].map {
            ProvisioningTopic($0, .json).text
        }
    }

    package static let renewalTopic = ProvisioningTopic(.renewCertificate, .json).text
}

/// A certificate with its thing. It is committed already.
package struct EnrolledCertificate: Sendable {
    package let certificate: CertificateID
    package let pem: String
    /// Only where the service made the key pair.
    package let privateKeyPEM: Secret<WipedBytes>?
}

/// What became of an attempt, and the number that it is found by.
package struct EnrolmentOutcome<Result: Sendable>: Sendable {
    package let result: Swift.Result<Result, FleetError>
    package let correlationID: String
}

extension Provisioner {
    /// Creates a certificate and registers its thing by the very use cases of the dialogue: the
    /// claim, its budget, the template, the hook, the lists and the verdict are asked there.
    ///
    /// Idempotent while the certificate's ownership token lives: the same key for the same claim
    /// goes on with the certificate that it has, so that a device that is held asks until somebody
    /// has decided.
    package func enrol(
        _ enrolment: Enrolment, for publisher: Publisher
    ) async -> EnrolmentOutcome<EnrolledCertificate> {
        await self.attempting(.enrol, of: enrolment.template, by: publisher) {
            () async throws(FleetError) -> EnrolledCertificate in
            Attempt.current?.names(serial: self.serial(in: enrolment.parameters))
            let created = try await self.create(enrolment, for: publisher)
            _ = try await self.registerThing(
                RegisterThingRequest(
                    template: enrolment.template, ownershipToken: created.ownershipToken,
                    parameters: enrolment.parameters), for: publisher)
            return EnrolledCertificate(
                certificate: created.certificate, pem: created.pem,
                privateKeyPEM: created.privateKeyPEM)
        }
    }

    /// The next certificate of a device that shows its own (RFC 7030 4.2.2).
    package func reenrol(
        _ key: Enrolment.Key, for publisher: Publisher
    ) async -> EnrolmentOutcome<EnrolledCertificate> {
        await self.attempting(.renewCertificate, of: nil, by: publisher) {
            () async throws(FleetError) -> EnrolledCertificate in
            switch key {
            case .request(let pem):
                let renewed = try await self.renewCertificate(for: .request(pem), by: publisher)
                return EnrolledCertificate(
                    certificate: renewed.certificate, pem: renewed.pem, privateKeyPEM: nil)
            case .made:
                let pair = try await self.keyPair()
                let renewed = try await self.renewCertificate(
                    for: .made(pair.publicKey), by: publisher)
                return EnrolledCertificate(
                    certificate: renewed.certificate, pem: renewed.pem,
                    privateKeyPEM: pair.privateKeyPEM)
            }
        }
    }

    /// What could not even be read is on record like any other refusal.
    /// - Parameter template: nil for a certificate that was to be renewed.
    package func reject(
        _ error: FleetError, of template: String?, for publisher: Publisher
    ) async -> EnrolmentOutcome<EnrolledCertificate> {
        let operation: ProvisioningOperation = template == nil ? .renewCertificate : .enrol
        return await self.attempting(operation, of: template, by: publisher) {
            () async throws(FleetError) -> EnrolledCertificate in
            throw self.refuse(error, operation, template: template, publisher)
        }
    }

    private func attempting<Result: Sendable>(
        _ operation: ProvisioningOperation, of template: String?, by publisher: Publisher,
        _ body: @Sendable () async throws(FleetError) -> Result
    ) async -> EnrolmentOutcome<Result> {
        let attempt = Attempt(
            operation, template: template, publisher: publisher, clock: self.ports.clock,
            entropy: self.ports.entropy)
        let result = await Attempt.$current.withValue(attempt) {
            () async -> Swift.Result<Result, FleetError> in
            do throws(FleetError) { return .success(try await body()) } catch {
                return .failure(error)
            }
        }
        self.announce(.attempted(attempt.record))
        CrashPoint.reached(.beforeReply)
        return EnrolmentOutcome(result: result, correlationID: attempt.id)
    }

    private func create(
        _ enrolment: Enrolment, for publisher: Publisher
    ) async throws(FleetError) -> CreatedCertificate {
        switch enrolment.key {
        case .made: return try await self.createKeysAndCertificate(for: publisher)
        case .request(let pem):
            if let known = try await self.begun(pem, enrolment, by: publisher) { return known }
            // The client has our own authorities from `cacerts` (RFC 7030 4.1), and no others.
            return try await self.createCertificate(
                csr: pem, for: publisher, token: .derived, signedByUs: true)
        }
    }

    /// The certificate that this claim has had made for the key, and whose token still lives: the
    /// one that was registered by this very request, or else one that still waits.
    ///
    /// A flash image that was copied has its key under another serial number, and often its claim
    /// too. What was made for one of the two is not the other's: a copy must come to the verdict
    /// rather than to a token that is used, and the unit that was copied must not be told what a
    /// person said of the copy.
    private func begun(
        _ csr: String, _ enrolment: Enrolment, by publisher: Publisher
    ) async throws(FleetError) -> CreatedCertificate? {
        let key = try self.ports.issuer.publicKey(ofCSR: csr)
        let sharers = RecordKey.certificatesWithKey(key)
        let ids = Array(
            try await self.ports.store.load([sharers]).certificatesWithKey(key)
                .prefix(KeyReuse.certificatesOfKeyMax))
        guard !ids.isEmpty else { return nil }
        let now = self.ports.clock.now
        let oldest = now.advanced(bySeconds: -Limits.ownershipTokenSeconds)
        let found = try await self.ports.store.load(KeyOwnership.keys(of: ids))
        let things = self.things(
            of: ids, under: self.serial(in: enrolment.parameters), in: found)
        let candidates = ids.compactMap(found.certificate).filter {
            $0.kind == .device && $0.createdAt > oldest
                && ($0.status == .pendingActivation || $0.status == .active)
                && !Self.isRefusedElsewhere($0, things)
        }
        var waiting: CreatedCertificate?
        for certificate in candidates.sorted(by: { $0.createdAt > $1.createdAt }) {
            let minted = self.mint.mint(
                certificate: certificate.id, claim: publisher.principal,
                at: certificate.createdAt, as: .derived)
            let known = try await self.ports.store.load([.ownershipToken(minted.hash)])
            guard let token = known.ownershipToken(minted.hash) else { continue }
            let created = CreatedCertificate(
                certificate: certificate.id, pem: certificate.pem, privateKeyPEM: nil,
                ownershipToken: Secret(minted.text))
            guard let redemption = token.redemption else {
                waiting = waiting ?? created
                continue
            }
            let request = RegisterThingRequest(
                template: enrolment.template, ownershipToken: created.ownershipToken,
                parameters: enrolment.parameters)
            if redemption.template.rawValue == request.template,
                redemption.parametersDigest == request.parametersDigest
            {
                return created
            }
        }
        return waiting
    }

    /// What the certificates speak for by registrations under the serial number.
    private func things(
        of ids: [CertificateID], under serial: String?, in view: RegistryView
    ) -> Set<ThingName> {
        let own = ids.filter { id in
            guard let registration = view.certificate(id)?.provenance?.registration else {
                return false
            }
            return self.serial(in: registration.parameters) == serial
        }
        return Set(own.flatMap { view.thingsOfCertificate($0).map(\.thing) })
    }

    /// Whether a person has refused it another thing than those that are the device's own.
    private static func isRefusedElsewhere(
        _ certificate: Certificate, _ own: Set<ThingName>
    ) -> Bool {
        guard !own.isEmpty, EnrolmentMark.state(of: certificate) == .refused,
            let refused = EnrolmentMark.thing(of: certificate)
        else { return false }
        return !own.contains(refused)
    }
}

extension Provisioner {
    /// Whether the certificate is one device's own, and no claim's.
    package func isDevice(_ id: CertificateID) async throws(FleetError) -> Bool {
        try await self.ports.store.load([.certificate(id)]).certificate(id)?.kind == .device
    }

    /// By which template a claim's devices are enrolled where nobody names one: the only one that
    /// the claim is for, or else the standard.
    package func enrolmentTemplate(
        of principal: CertificateID, standard: String
    ) async throws(FleetError) -> String {
        let view = try await self.ports.store.load([.termsOfClaim(principal)])
        let terms = view.claimTerms(of: principal)
        if let templates = terms?.templates, templates.count == 1, let only = templates.first {
            return only.rawValue
        }
        guard !standard.isEmpty else {
            throw FleetError(
                .templateNotFound,
                "name the template in the path: /.well-known/est/TEMPLATE/simpleenroll")
        }
        return standard
    }

    /// What a request's subject says to a template: each attribute by its name, and the serial
    /// number, or else the common name, as the parameter that carries the serial.
    /// - Throws: `FleetError.invalidParameters` where the subject names neither, or several.
    package func enrolmentParameters(
        _ subject: [String: [String]]
    ) throws(FleetError) -> [String: String] {
        let carrier = self.settings.enrolment.serialParameter
        guard let serials = subject["SerialNumber"] ?? subject["CommonName"],
            let serial = serials.first
        else {
            throw FleetError(
                .invalidParameters,
                "the request's subject has no serialNumber and no common name to enrol by"
            ).because(.parameterMissing, parameter: carrier)
        }
        guard serials.count == 1 else {
            let noun = subject["SerialNumber"] == nil ? "common names" : "serialNumbers"
            throw FleetError(
                .invalidParameters,
                "the request's subject has \(serials.count) \(noun); a device enrols by one"
            ).because(.parameterRefused, parameter: carrier)
        }
        var parameters = subject.compactMapValues { $0.count == 1 ? $0.first : nil }
        parameters[carrier] = serial
        return parameters
    }
}
