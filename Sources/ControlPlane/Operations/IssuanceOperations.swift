import Fleet
import Foundation
import HTTPTypes
import JSON
import Registry

/// The rows by which certificates come to be, or come in.
package enum IssuanceOperations {
    package static let all: [Operation] = [
        Operation(
            "CreateKeysAndCertificate", .post, "/keys-and-certificate", query: ["setAsActive"],
            summary: "Makes a key pair and a certificate for it; the key is handed out once",
            differences: "of this service's own authority, by its device profile",
            handleSecret: Self.createKeys),
        Operation(
            "CreateCertificateFromCsr", .post, "/certificates",
            members: ["certificateSigningRequest"], query: ["setAsActive"],
            summary: "Signs a certificate for a PKCS#10 request",
            differences: "of this service's own authority, by its device profile",
            handle: Self.createFromRequest),
        Operation(
            "RegisterCertificate", .post, "/certificate/register",
            members: ["certificatePem", "caCertificatePem", "status"], query: ["setAsActive"],
            summary: "Brings in a certificate that a registered CA signed",
            handle: Self.register),
        Operation(
            "RegisterCertificateWithoutCA", .post, "/certificate/register-no-ca",
            members: ["certificatePem", "status"],
            summary: "Brings in a certificate whose CA is not registered",
            handle: Self.registerWithoutAuthority),
    ]

    private static func createKeys(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> SecretAnswer {
        let isActive = try request.queryFlag("setAsActive")
        let issuing = try services.requireIssuing()
        let pair = try await issuing.keyPairs.next(
            of: try issuing.issuer.keyTypes(as: .standard))
        let now = services.clock.now
        let issued = try await issuing.issuer.issue(publicKey: pair.publicKey, at: now)
        let issuance = CertificateIssuance(
            "CreateKeysAndCertificate", issued, isActive: isActive, flow: .serverKeys,
            by: request.actor, at: now)
        try await Self.commit(issuance, by: request.actor, services)
        return SecretAnswer(Self.answer(issued, services.realm), keyPair: pair)
    }

    private static func createFromRequest(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let isActive = try request.queryFlag("setAsActive")
        let csr = try request.text("certificateSigningRequest")
        guard csr.utf8.count <= Limits.csrCharactersMax else {
            throw FleetError(
                .invalidRequest,
                "/certificateSigningRequest has \(csr.utf8.count) bytes; at most "
                    + "\(Limits.csrCharactersMax)")
        }
        let now = services.clock.now
        let issued = try await services.requireIssuing().issuer.issue(csr: csr, at: now)
        let issuance = CertificateIssuance(
            "CreateCertificateFromCsr", issued, isActive: isActive, flow: .csr,
            by: request.actor, at: now)
        try await Self.commit(issuance, by: request.actor, services)
        return .object(Self.answer(issued, services.realm))
    }

    private static func commit(
        _ issuance: CertificateIssuance, by actor: Actor, _ services: ControlPlaneServices
    ) async throws(FleetError) {
        _ = try await services.decide(
            by: actor,
            load: { store async throws(FleetError) in
                try await Self.view(issuance.keys, issuance.certificate.publicKey, store)
            },
            { view, _ throws(FleetError) in try issuance.changeSet(in: view) })
    }

    /// With the certificates that share the key, which only a first look can name.
    static func view(
        _ keys: Set<RecordKey>, _ key: PublicKeyFingerprint, _ store: any FleetStore
    ) async throws(FleetError) -> RegistryView {
        try await store.load(keys) { KeyReuse.keys(ofOthers: $0.certificatesWithKey(key)) }
    }

    private static func answer(_ issued: IssuedCertificate, _ realm: Realm) -> JSONObject {
        [
            "certificateArn": .arn(realm.certificate(issued.id)),
            "certificateId": .string(issued.id.rawValue),
            "certificatePem": .string(issued.pem),
        ]
    }

    // MARK: Registration

    private static func register(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let inspector = try services.requireIssuing().inspector
        let inspected = try inspector.inspect(try Self.pem("certificatePem", request))
        let authority = try await Self.authority(of: inspected, request, services)
        var status = try Self.status(request)
        if try request.queryFlag("setAsActive") { status = .active }
        return try await Self.commit(
            CertificateRegistration(inspected, authority: authority, status: status),
            request, services)
    }

    private static func registerWithoutAuthority(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let inspected = try services.requireIssuing().inspector.inspect(
            try Self.pem("certificatePem", request))
        return try await Self.commit(
            CertificateRegistration(
                inspected, authority: try await services.ownAuthority(of: inspected),
                status: try Self.status(request)),
            request, services)
    }

    private static func commit(
        _ registration: CertificateRegistration, _ request: OperationRequest,
        _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        _ = try await services.decide(
            by: request.actor,
            load: { store async throws(FleetError) in
                try await Self.view(registration.keys, registration.inspected.publicKey, store)
            },
            { view, now throws(FleetError) in
                try registration.changeSet(in: view, by: request.actor, at: now)
            })
        let id = registration.inspected.id
        return [
            "certificateArn": .arn(services.realm.certificate(id)),
            "certificateId": .string(id.rawValue),
        ]
    }

    /// AWS: a certificate is registered INACTIVE unless the request says otherwise.
    private static func status(
        _ request: OperationRequest
    ) throws(FleetError) -> Certificate.Status {
        guard let text = try request.optionalText("status") else { return .inactive }
        return try CertificateOperations.status(text, "status")
    }

    static func pem(
        _ member: String, _ request: OperationRequest
    ) throws(FleetError) -> String {
        let pem = try request.text(member)
        guard (1...AuthorityOperations.pemBytesMax).contains(pem.utf8.count) else {
            throw FleetError(
                .invalidRequest,
                "/\(member) has \(pem.utf8.count) bytes; 1 to "
                    + "\(AuthorityOperations.pemBytesMax)")
        }
        return pem
    }

    /// The registered authority that signed the certificate: the one that the request brings, or
    /// the only one whose name and key fit.
    private static func authority(
        of inspected: InspectedCertificate, _ request: OperationRequest,
        _ services: ControlPlaneServices
    ) async throws(FleetError) -> Authority {
        let inspector = try services.requireIssuing().inspector
        if try request.optionalText("caCertificatePem") != nil {
            let id = try inspector.inspect(try Self.pem("caCertificatePem", request)).id
            guard let authority = try await services.store.load([.authority(id)]).authority(id)
            else {
                throw FleetError(
                    .certificateValidation, "CA certificate \(id) is not registered",
                    resource: id.rawValue)
            }
            try inspector.verify(inspected.pem, issuedBy: authority.pem)
            return authority
        }
        var signers: [Authority] = []
        for authority in try await services.store.authorities()
        where authority.subject == inspected.issuer {
            if (try? inspector.verify(inspected.pem, issuedBy: authority.pem)) != nil {
                signers.append(authority)
            }
        }
        guard let first = signers.first else {
            throw FleetError(
                .certificateValidation,
                "no registered CA signed this certificate (its issuer is "
                    + "'\(inspected.issuer.clipped)')")
        }
        guard signers.count == 1 else {
            throw FleetError(
                .certificateConflict,
                "\(signers.count) registered CAs of this name and key could have signed it: say "
                    + "which with caCertificatePem")
        }
        return first
    }
}
