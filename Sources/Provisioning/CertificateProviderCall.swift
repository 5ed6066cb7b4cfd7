package import Fleet
import JSON

/// A certificate that has been signed a moment ago and is known to nobody yet.
enum NewCertificate: Sendable {
    /// By this service.
    case issued(IssuedCertificate)
    /// By an operator's own signer, whose answer has been judged.
    case provided(ProvidedCertificate)

    var id: CertificateID {
        switch self {
        case .issued(let issued): issued.id
        case .provided(let provided): provided.inspected.id
        }
    }

    var pem: String {
        switch self {
        case .issued(let issued): issued.pem
        case .provided(let provided): provided.inspected.pem
        }
    }

    var publicKey: PublicKeyFingerprint {
        switch self {
        case .issued(let issued): issued.publicKey
        case .provided(let provided): provided.inspected.publicKey
        }
    }

    /// What a decision about it has to see.
    var keys: Set<RecordKey> {
        guard case .provided(let provided) = self, let authority = provided.authority else {
            return []
        }
        return [.authority(authority.id)]
    }

    /// The certificate as it is entered: pending, until its token comes back.
    func record(from origin: Provenance.Origin, at now: UnixTime) -> Certificate {
        switch self {
        case .issued(let issued):
            var origin = origin
            origin.profile = issued.profile
            return Certificate(
                issued: issued, kind: .device, status: .pendingActivation, reason: nil, at: now,
                provenance: Provenance(origin: origin))
        case .provided(let provided):
            let inspected = provided.inspected
            return Certificate(
                id: inspected.id, kind: .device, serialNumber: inspected.serialNumber,
                issuerID: provided.authority?.id, issuer: inspected.issuer,
                subject: inspected.subject, publicKey: inspected.publicKey,
                notBefore: inspected.notBefore, notAfter: inspected.notAfter, pem: inspected.pem,
                createdAt: now, status: .pendingActivation, statusChangedAt: now,
                statusReason: nil, provenance: Provenance(origin: origin), firstSeenAt: nil,
                // AWS: a certificate inherits the mode of its authority.
                mode: provided.authority?.registration.mode ?? .sniOnly)
        }
    }
}

/// A certificate that an operator's own signer made.
struct ProvidedCertificate: Sendable {
    let inspected: InspectedCertificate
    /// The registered authority that signed it; nil where its issuer is not registered, as for
    /// RegisterCertificateWithoutCA.
    let authority: Authority?
    /// Who signed, for the audit log.
    let provider: CertificateProviderName
    let script: HookScript

    var detail: JSONObject {
        [
            "certificateProvider": .string(self.provider.rawValue),
            "hook": .string(self.script.name.rawValue),
            "hookDigest": .string(self.script.digest),
        ]
    }
}

extension Provisioner {
    /// What an operator's own signer is asked with, and what reads its answers.
    package struct Signing: Sendable {
        package let signer: any CertificateSigner
        package let inspector: any CertificateInspector

        package init(signer: any CertificateSigner, inspector: any CertificateInspector) {
            self.signer = signer
            self.inspector = inspector
        }
    }

    /// A certificate for a request that a device sent: by the account's certificate provider where
    /// there is one (AWS: all such requests go to it), and else by this service. A template that
    /// names an issuer or a profile of this service keeps them.
    /// - Parameter view: holds `.certificateProviders`.
    func sign(
        csr: String, as choice: CertificateChoice, for publisher: Publisher, at now: UnixTime,
        in view: RegistryView
    ) async throws(FleetError) -> NewCertificate {
        if choice.issuer == nil, choice.profile == nil,
            let provider = view.certificateProviders.first
        {
            return .provided(try await self.ask(provider, csr, for: publisher))
        }
        return .issued(try await self.ports.issuer.issue(csr: csr, as: choice, at: now))
    }

    private func ask(
        _ provider: CertificateProvider, _ csr: String, for publisher: Publisher
    ) async throws(FleetError) -> ProvidedCertificate {
        // What is no request, or has a key that is no good, is not handed on. What the template
        // asks of the certificate is judged when the device registers.
        let wanted = try self.ports.issuer.identity(ofCSR: csr)
        guard let signing = self.ports.signing else {
            throw Self.failed(provider, "this service has nobody to ask it")
        }
        let script = try await self.script(of: provider)
        let question = SigningQuestion(
            csr: csr, principal: publisher.principal, clientID: publisher.clientID,
            time: self.ports.clock.now)
        let pem: String
        switch await signing.signer.sign(question, by: script) {
        case .answered(let text): pem = text
        case .timedOut:
            throw FleetError(
                .serviceUnavailable, "the certificate provider did not answer in time",
                resource: provider.name.rawValue
            ).because(.signerTimedOut)
        case .busy:
            throw FleetError(
                .serviceUnavailable, "the certificate provider failed too often to be asked now",
                resource: provider.name.rawValue
            ).because(.signerBusy)
        case .failed(let cause): throw Self.failed(provider, cause)
        }
        let answer = ProviderAnswer(
            pem: pem, wanted: wanted, inspector: signing.inspector, store: self.ports.store)
        do throws(FleetError) {
            let (inspected, authority) = try await answer.judge(at: self.ports.clock.now)
            return ProvidedCertificate(
                inspected: inspected, authority: authority, provider: provider.name,
                script: script)
        } catch {
            // What is wrong with the answer is the signer's affair, and no device's.
            guard error.code == .certificateValidation else { throw error }
            throw Self.failed(provider, error.message)
        }
    }

    /// The same conditions as for a hook that judges devices.
    private func script(of provider: CertificateProvider) async throws(FleetError) -> HookScript {
        let view = try await self.ports.store.load([.hook(provider.hook)])
        guard let script = view.hook(provider.hook) else {
            throw Self.failed(provider, "its webhook '\(provider.hook)' is missing")
        }
        guard script.isWebhook else {
            throw Self.failed(provider, "its hook '\(provider.hook)' is no webhook any more")
        }
        guard script.enabled else {
            throw Self.failed(provider, "its webhook '\(provider.hook)' is disabled")
        }
        guard !self.settings.requiresHookApproval || script.approval != nil else {
            throw Self.failed(
                provider,
                "its webhook '\(provider.hook)' has not been approved: "
                    + "slipway hook approve \(provider.hook)")
        }
        return script
    }

    private static func failed(_ provider: CertificateProvider, _ cause: String) -> FleetError {
        FleetError(
            .internalFailure, "certificate provider '\(provider.name)': \(cause)",
            resource: provider.name.rawValue
        ).because(.signerFailed)
    }
}

/// Whether what a signer answered may become the certificate of whoever asked.
struct ProviderAnswer {
    let pem: String
    let wanted: RequestedIdentity
    let inspector: any CertificateInspector
    let store: any FleetStore

    /// - Returns: the certificate, and the registered authority that signed it, where one did.
    /// - Throws: `FleetError.certificateValidation`, saying what is wrong.
    func judge(
        at now: UnixTime
    ) async throws(FleetError) -> (InspectedCertificate, Authority?) {
        let inspected = try self.inspector.inspect(self.pem)
        guard inspected.publicKey == self.wanted.publicKey else {
            throw self.refusal(inspected, "its key is not the request's")
        }
        // A request without a subject leaves it to whoever signs.
        guard self.wanted.subject.isEmpty || inspected.subject == self.wanted.subject else {
            throw self.refusal(
                inspected, "its subject is not the request's, '\(self.wanted.subject.clipped)'")
        }
        try inspected.clientTerms.requireClient(at: now)
        let view = try await self.store.load([
            .authoritiesWithSubject(inspected.issuer), .certificate(inspected.id),
        ])
        guard view.certificate(inspected.id) == nil else {
            throw self.refusal(inspected, "it is registered already")
        }
        guard !view.authoritiesWithSubject(inspected.issuer).isEmpty else {
            return (inspected, nil)
        }
        // Whoever bears the name of a registered authority must be it, and it must be active.
        let search = AuthoritySearch(store: self.store, inspector: self.inspector)
        return (inspected, try await search.authority(of: inspected, named: nil, at: now))
    }

    private func refusal(_ inspected: InspectedCertificate, _ reason: String) -> FleetError {
        FleetError(
            .certificateValidation, "certificate '\(inspected.subject.clipped)': \(reason)",
            resource: inspected.id.rawValue)
    }
}
