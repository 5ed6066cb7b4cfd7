package import Fleet
import JSON
import Registry

/// Devices that bring a certificate of an authority that an operator registered.
///
/// AWS: just-in-time registration and provisioning (provisioning specification, 2.3 and 2.4), with
/// one difference that spares each device a reconnect: what AWS does after it has closed the first
/// connection happens here before that connection's CONNECT is answered.
package struct JustInTimeRegistration: ClientTrust {
    private let store: any FleetStore
    private let inspector: any CertificateInspector
    private let direct: DirectRegistration
    private let clock: any WallClock
    private let realm: Realm
    private let renewalGraceSeconds: Int64
    private let known = KnownClients()

    /// - Parameter renewalGraceSeconds: how long after its end a device's certificate is still let
    ///   through TLS; what it may do then is the gateway's affair.
    package init(
        store: any FleetStore, inspector: any CertificateInspector, direct: DirectRegistration,
        clock: any WallClock, realm: Realm, renewalGraceSeconds: Int64 = 0
    ) {
        self.renewalGraceSeconds = renewalGraceSeconds
        self.store = store
        self.inspector = inspector
        self.direct = direct
        self.clock = clock
        self.realm = realm
    }

    // MARK: Trust

    package func verifyKnown(
        _ record: Certificate, issuer: Authority?
    ) throws(FleetError) -> Bool {
        let terms = issuer.flatMap { ClientTerms(madeHere: record, by: $0) }
        guard record.issuerID == issuer?.id,
            let terms = terms ?? self.known.terms(of: record.id, by: record.issuerID)
        else { return false }
        try self.check(terms, of: record)
        return true
    }

    package func verify(
        _ pem: String, record: Certificate?, issuer: Authority?
    ) async throws(FleetError) {
        let inspected = try self.inspector.inspect(pem)
        try self.check(inspected.clientTerms, of: record)
        guard let record, record.issuerID == nil || issuer != nil else {
            _ = try await self.search.authority(of: inspected, named: nil, at: self.clock.now)
            return
        }
        // Registered without its authority: its very bytes are what an operator vouched for.
        if record.issuerID != nil, let issuer {
            try self.inspector.verify(pem, issuedBy: issuer.pem)
        }
        if inspected.id == record.id, record.issuerID == issuer?.id {
            self.known.note(inspected.clientTerms, of: record.id, by: record.issuerID)
        }
    }

    private func check(_ terms: ClientTerms, of record: Certificate?) throws(FleetError) {
        let mayRenew = record?.kind == .device && record?.status == .active
        try terms.requireClient(
            at: self.clock.now, alone: record != nil && record?.issuerID == nil,
            graceSeconds: mayRenew ? self.renewalGraceSeconds : 0)
    }

    package func awaits(_ pem: String) async throws(FleetError) -> Bool {
        let authority: Authority
        do throws(FleetError) {
            let inspected = try self.inspector.inspect(pem)
            try inspected.clientTerms.requireClient(at: self.clock.now)
            authority = try await self.search.authority(
                of: inspected, named: nil, at: self.clock.now)
        } catch {
            guard error.code != .certificateValidation else { return false }
            throw error
        }
        return authority.role == .registered && authority.registration.isAutomatic
    }

    private var search: AuthoritySearch {
        AuthoritySearch(store: self.store, inspector: self.inspector)
    }

    // MARK: Registration

    package func register(
        _ pem: String, clientID: String, from address: String
    ) async throws(FleetError) -> FirstConnection {
        let inspected = try self.inspector.inspect(pem)
        let actor = Actor.principal(inspected.id, from: address)
        var found = try await self.waiting(inspected.id)
        if found == nil {
            try await self.enter(inspected, clientID: clientID, by: actor)
            found = try await self.waiting(inspected.id)
        }
        guard let found else {
            throw FleetError(
                .certificateState, "the certificate is not one that waits for its registration",
                resource: inspected.id.rawValue)
        }
        var refusal: FleetError?
        do throws(FleetError) {
            try await self.provision(
                inspected, by: found.authority, clientID: clientID, actor)
        } catch {
            refusal = error
        }
        return self.announcement(of: found.certificate, by: found.authority, refusal)
    }

    /// nil where the registry does not know the certificate.
    private func waiting(
        _ id: CertificateID
    ) async throws(FleetError) -> (certificate: Certificate, authority: Authority)? {
        guard let certificate = try await self.store.load([.certificate(id)]).certificate(id)
        else { return nil }
        guard certificate.status == .pendingActivation, let issuer = certificate.issuerID,
            let authority = try await self.store.load([.authority(issuer)]).authority(issuer),
            authority.role == .registered, authority.status == .active,
            authority.registration.isAutomatic,
            // One that a claim asked for waits for its token, whoever signed it.
            certificate.provenance?.origin.claim == nil
        else {
            throw FleetError(
                .certificateState, "the certificate is \(certificate.status.rawValue)",
                resource: id.rawValue)
        }
        return (certificate, authority)
    }

    /// Enters the certificate as `PENDING_ACTIVATION`. Two connections of one certificate may try
    /// at once; whoever comes second finds it there.
    private func enter(
        _ inspected: InspectedCertificate, clientID: String, by actor: Actor
    ) async throws(FleetError) {
        let now = self.clock.now
        let authority = try await self.search.authority(of: inspected, named: nil, at: now)
        let registration = CertificateRegistration(
            justInTime: inspected, authority: authority, clientID: clientID)
        let view = try await self.store.load(registration.keys) { view in
            KeyReuse.keys(ofOthers: view.certificatesWithKey(inspected.publicKey))
        }
        do throws(FleetError) {
            let set = try registration.changeSet(in: view, by: actor, at: now)
            _ = try await self.store.commit(set, by: actor)
        } catch {
            guard error.code == .conflict || error.code == .alreadyExists else { throw error }
        }
    }

    /// Makes the device by the authority's template, where it has one.
    private func provision(
        _ inspected: InspectedCertificate, by authority: Authority, clientID: String,
        _ actor: Actor
    ) async throws(FleetError) {
        guard let config = authority.registration.config else { return }
        let (body, version) = try await self.body(of: config, authority)
        let template = try RegistrationOrder.Template(body: body)
        _ = try await self.direct.register(
            RegistrationOrder(
                template: template,
                parameters: try JustInTimeParameters.values(
                    of: inspected, declared: template.document.parameters),
                version: version, clientID: clientID),
            by: actor)
    }

    private func body(
        of config: Authority.RegistrationConfig, _ authority: Authority
    ) async throws(FleetError) -> (body: String, version: TemplateVersion?) {
        if let body = config.templateBody { return (body, nil) }
        guard let name = config.templateName,
            let record = try await self.store.load([.template(name)]).template(name)
        else {
            throw FleetError(
                .notFound, "the template of CA certificate \(authority.id) does not exist",
                resource: config.templateName?.rawValue)
        }
        if let refusal = TemplateGate.refusal(of: record, isJustInTime: true) { throw refusal }
        let key = RecordKey.templateVersion(name, record.defaultVersionID)
        guard
            let version = try await self.store.load([key])
                .templateVersion(name, record.defaultVersionID)
        else {
            throw FleetError(
                .notFound, "template '\(name)' has no version \(record.defaultVersionID)",
                resource: name.rawValue)
        }
        return (version.body, version)
    }

    /// AWS: the event is published for a registration and for every later CONNECT that finds the
    /// certificate waiting, whatever event types are switched on.
    private func announcement(
        of certificate: Certificate, by authority: Authority, _ refusal: FleetError?
    ) -> FirstConnection {
        let payload: JSONObject = [
            "certificateId": .string(certificate.id.rawValue),
            "caCertificateId": .string(authority.id.rawValue),
            "timestamp": .int(Int(self.clock.now.milliseconds)),
            "certificateStatus": .string(certificate.status.rawValue),
            "awsAccountId": .string(self.realm.account),
            "certificateRegistrationTimestamp": .string(
                String(certificate.createdAt.milliseconds)),
        ]
        return FirstConnection(
            topic: AnnouncedTopics.prefix + "certificates/registered/" + authority.id.rawValue,
            payload: JSONPrinter.bytes(.object(payload)), refusal: refusal)
    }
}

/// What a certificate's subject says to a template of just-in-time provisioning.
enum JustInTimeParameters {
    private static let prefix = "AWS::IoT::Certificate::"
    /// The names of policy variables by AWS's names of parameters (provisioning specification,
    /// 2.4).
    private static let attributes = [
        "Country": "Country", "Organization": "Organization",
        "OrganizationalUnit": "OrganizationalUnit",
        "DistinguishedNameQualifier": "DistinguishedNameQualifier", "StateName": "State",
        "CommonName": "CommonName", "SerialNumber": "SerialNumber",
    ]

    /// What the subject lacks and the template has a default for is left out; AWS wants all of
    /// them there (provisioning specification, 7, complaint 12).
    ///
    /// - Throws: `FleetError.invalidRequest` for a declared parameter that neither fills.
    static func values(
        of certificate: InspectedCertificate, declared: [TemplateDocument.Parameter]
    ) throws(FleetError) -> [String: String] {
        var values = [PseudoParameter.certificateID.rawValue: certificate.id.rawValue]
        for parameter in declared where parameter.name.hasPrefix(Self.prefix) {
            let name = parameter.name
            guard values[name] == nil else { continue }
            let value = Self.attributes[String(name.dropFirst(Self.prefix.count))]
                .flatMap { certificate.subjectAttributes[$0]?.first }
            guard let value else {
                guard parameter.defaultValue == nil else { continue }
                throw FleetError(
                    .invalidRequest,
                    "Invalid registration template. Cannot resolve reference value: "
                        + "{Ref=\(name.clipped)}: the certificate's subject "
                        + "'\(certificate.subject.clipped)' does not say it")
            }
            values[name] = value
        }
        return values
    }
}
