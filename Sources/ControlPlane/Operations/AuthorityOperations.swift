import Fleet
import HTTPTypes
import JSON
import Registry

/// The rows of certificate authorities.
package enum AuthorityOperations {
    /// AWS: CertificatePem.
    static let pemBytesMax = 65_536

    package static let all: [Operation] = [
        Operation(
            "RegisterCACertificate", .post, "/cacertificate",
            members: [
                "caCertificate", "verificationCertificate", "registrationConfig", "tags",
                "certificateMode",
            ], query: ["setAsActive", "allowAutoRegistration"],
            summary: "Brings in an authority, with proof that its key is held",
            differences: "a body needs an AWS::IoT::Thing",
            handle: Self.register),
        Operation(
            "DescribeCACertificate", .get, "/cacertificate/{caCertificateId}",
            summary: "One authority", target: Self.authority, handle: Self.describe),
        Operation(
            "UpdateCACertificate", .put, "/cacertificate/{caCertificateId}",
            members: ["registrationConfig", "removeAutoRegistration"],
            query: ["newStatus", "newAutoRegistrationStatus"],
            summary: "Sets an authority's status and how its certificates are registered",
            differences: "the devices of an INACTIVE authority are cut off and refused, where AWS "
                + "only registers no new ones; a body needs an AWS::IoT::Thing",
            target: Self.authority, handle: Self.update),
        Operation(
            "DeleteCACertificate", .delete, "/cacertificate/{caCertificateId}",
            summary: "Takes an INACTIVE authority away",
            differences: "its devices are refused from then on", target: Self.authority,
            handle: Self.delete),
        Operation(
            "ListCACertificates", .get, "/cacertificates",
            query: Pagination.markerQuery + ["templateName"],
            summary: "Every authority, in pages", handle: Self.list),
    ]

    private static func authority(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.authority(try CertificateID(request.label("caCertificateId")))
    }

    private static func register(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let inspector = try services.requireIssuing().inspector
        let inspected = try inspector.inspect(
            try IssuanceOperations.pem("caCertificate", request))
        let now = services.clock.now
        try inspected.requireAuthority(at: now)
        let mode = try Self.mode(request)
        try await Self.provePossession(of: inspected, mode, request, services)
        let authority = Authority(
            id: inspected.id, role: .registered, subject: inspected.subject,
            publicKey: inspected.publicKey, pem: inspected.pem, notBefore: inspected.notBefore,
            notAfter: inspected.notAfter,
            status: try request.queryFlag("setAsActive") ? .active : .inactive, createdAt: now,
            registration: Authority.Registration(
                mode: mode, isAutomatic: try request.queryFlag("allowAutoRegistration"),
                config: try Self.config(request)))
        try await Self.requireTemplate(authority.registration.config, services)
        let tags = try TagShape.tags(request)
        let arn = services.realm.authority(authority.id)
        let sameSubject = try await services.store.authorities()
            .count { $0.subject == authority.subject }
        _ = try await services.decide([.authority(authority.id)], by: request.actor) {
            view, _ throws(FleetError) in
            var set = try Authorities.register(authority, sameSubject: sameSubject, in: view)
            set.changes += try Tags.initial(tags, of: .authority(authority.id))
            return set
        }
        return ["certificateArn": .arn(arn), "certificateId": .string(authority.id.rawValue)]
    }

    private static func mode(_ request: OperationRequest) throws(FleetError) -> Certificate.Mode {
        guard let text = try request.optionalText("certificateMode") else { return .default }
        guard let mode = Certificate.Mode(rawValue: text) else {
            throw FleetError(
                .invalidRequest,
                "/certificateMode must be DEFAULT or SNI_ONLY, not '\(text.clipped)'")
        }
        return mode
    }

    /// AWS: the authority signs a certificate whose common name is the registration code, except
    /// in the mode SNI_ONLY, which asks for no proof.
    private static func provePossession(
        of authority: InspectedCertificate, _ mode: Certificate.Mode,
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) {
        let given = try request.optionalText("verificationCertificate")
        switch (mode, given) {
        case (.sniOnly, nil): return
        case (.sniOnly, .some):
            throw FleetError(
                .invalidRequest,
                "verificationCertificate must be absent where certificateMode is SNI_ONLY")
        case (.default, nil):
            throw FleetError(
                .invalidRequest,
                "verificationCertificate is missing: a certificate that this CA signed, whose "
                    + "common name is the code of GetRegistrationCode")
        case (.default, .some): break
        }
        let inspector = try services.requireIssuing().inspector
        let proof = try inspector.inspect(
            try IssuanceOperations.pem("verificationCertificate", request))
        try inspector.verify(proof.pem, issuedBy: authority.pem)
        let code = try await services.store.load([.registrationCode]).registrationCode
        guard let code, proof.commonName == code.text else {
            throw FleetError(
                .registrationCodeValidation,
                "the common name of the verification certificate is not this account's "
                    + "registration code")
        }
    }

    private static func config(
        _ request: OperationRequest
    ) throws(FleetError) -> Authority.RegistrationConfig? {
        guard let members = try request.object("registrationConfig") else { return nil }
        try members.refuseUnknown(["templateBody", "templateName", "roleArn"])
        return Authority.RegistrationConfig(
            templateBody: try members.optionalText("templateBody"),
            templateName: try members.optionalName("templateName"),
            roleARN: try members.optionalText("roleArn"))
    }

    /// A template that is named is there, and one that is brought is sound.
    private static func requireTemplate(
        _ config: Authority.RegistrationConfig?, _ services: ControlPlaneServices
    ) async throws(FleetError) {
        if let body = config?.templateBody {
            try TemplateOperations.admit(ofAuthority: body, services)
        }
        guard let name = config?.templateName else { return }
        guard try await services.store.load([.template(name)]).template(name)?.kind == .jitp else {
            throw FleetError(
                .invalidRequest,
                "/registrationConfig/templateName: there is no template '\(name)' of type JITP",
                resource: name.rawValue)
        }
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try CertificateID(request.label("caCertificateId"))
        let view = try await services.store.load([.authority(id)])
        let authority = try Authorities.existing(id, in: view)
        let revision = view.entry(.authority(id))?.revision ?? 0
        return .object(
            .present(
                (
                    "certificateDescription",
                    .object(AuthorityShape.description(authority, revision, services.realm))
                ),
                ("registrationConfig", authority.registration.config.map(AuthorityShape.config))))
    }

    private static func update(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try CertificateID(request.label("caCertificateId"))
        var update = Authorities.Update()
        if let text = request.queryText("newStatus") {
            guard let status = Authority.Status(rawValue: text) else {
                throw FleetError(
                    .invalidRequest, "newStatus must be ACTIVE or INACTIVE, not '\(text.clipped)'")
            }
            update.status = status
        }
        switch request.queryText("newAutoRegistrationStatus") {
        case nil: break
        case "ENABLE"?: update.isAutomatic = true
        case "DISABLE"?: update.isAutomatic = false
        case let text?:
            throw FleetError(
                .invalidRequest,
                "newAutoRegistrationStatus must be ENABLE or DISABLE, not '\(text.clipped)'")
        }
        update.config = try Self.config(request)
        update.removesConfig = try request.optionalFlag("removeAutoRegistration") ?? false
        try await Self.requireTemplate(update.config, services)
        let decided = update
        _ = try await services.decide([.authority(id)], by: request.actor) {
            view, now throws(FleetError) in
            try Authorities.update(id, decided, in: view, at: now)
        }
        return .null
    }

    private static func delete(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try CertificateID(request.label("caCertificateId"))
        _ = try await services.decide([.authority(id)], by: request.actor) {
            view, _ throws(FleetError) in
            try Authorities.delete(id, in: view)
        }
        return .null
    }

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let order = try CertificateOperations.order(request)
        let template = try request.queryText("templateName").map { text throws(FleetError) in
            try TemplateName(text)
        }
        let page = try await services.store.page(
            ListQuery(
                .authoritiesByCreation(order, template: template), after: try request.marker,
                limit: try request.markerLimit()))
        let authorities = page.records.compactMap { record -> JSONValue? in
            guard case .authority(let authority) = record else { return nil }
            return .object(AuthorityShape.summary(authority, services.realm))
        }
        return .object(
            .present(
                ("certificates", .array(authorities)),
                ("nextMarker", Pagination.token(page.next))))
    }
}

/// An authority as AWS IoT describes it (provisioning specification, 4.6).
enum AuthorityShape {
    static func summary(_ authority: Authority, _ realm: Realm) -> JSONObject {
        [
            "certificateArn": .arn(realm.authority(authority.id)),
            "certificateId": .string(authority.id.rawValue),
            "status": .string(authority.status.rawValue),
            "creationDate": .epoch(authority.createdAt),
        ]
    }

    static func description(
        _ authority: Authority, _ revision: Revision, _ realm: Realm
    ) -> JSONObject {
        var object = Self.summary(authority, realm)
        object["certificatePem"] = .string(authority.pem)
        object["ownedBy"] = .string(realm.account)
        object["autoRegistrationStatus"] =
            authority.registration.isAutomatic ? "ENABLE" : "DISABLE"
        object["lastModifiedDate"] = .epoch(authority.lastModifiedAt)
        object["customerVersion"] = .int(authority.version)
        object["generationId"] = .string("\(authority.id)-\(revision)")
        object["validity"] = [
            "notBefore": .epoch(authority.notBefore), "notAfter": .epoch(authority.notAfter),
        ]
        object["certificateMode"] = .string(authority.registration.mode.rawValue)
        return object
    }

    static func config(_ config: Authority.RegistrationConfig) -> JSONValue {
        .object(
            .present(
                ("templateBody", config.templateBody.map { .string($0) }),
                ("roleArn", config.roleARN.map { .string($0) }),
                ("templateName", config.templateName.map { .name($0) })))
    }
}

extension ControlPlaneServices {
    /// The service's own authority that signed a certificate which comes back to it; nil where
    /// somebody else did.
    func ownAuthority(of inspected: InspectedCertificate) async throws(FleetError) -> Authority? {
        let inspector = try self.requireIssuing().inspector
        return try await self.store.authorities().first { authority in
            authority.role == .issuing && authority.subject == inspected.issuer
                && (try? inspector.verify(inspected.pem, issuedBy: authority.pem)) != nil
        }
    }
}
