import Fleet
import HTTPTypes
import JSON
import Registry

/// The certificate rows of the table, as AWS IoT has them.
package enum CertificateOperations {
    package static let all: [Operation] = [
        Operation(
            "DescribeCertificate", .get, "/certificates/{certificateId}",
            summary: "One certificate", target: Self.certificate, handle: Self.describe
        ).brief,
        Operation(
            "UpdateCertificate", .put, "/certificates/{certificateId}", query: ["newStatus"],
            summary: "Sets ?newStatus=ACTIVE, INACTIVE or REVOKED; live connections follow",
            differences: "live connections end at once; REVOKED is for good, and on the CRL",
            target: Self.certificate, handle: Self.update),
        Operation(
            "DeleteCertificate", .delete, "/certificates/{certificateId}", query: ["forceDelete"],
            summary: "Takes away a certificate that is not active and that nothing hangs on",
            target: Self.certificate, handle: Self.delete),
        Operation(
            "ListCertificates", .get, "/certificates", query: Pagination.markerQuery,
            summary: "Every certificate, in pages",
            handle: Self.list),
        Operation(
            "ListCertificatesByCA", .get, "/certificates-by-ca/{caCertificateId}",
            query: Pagination.markerQuery, summary: "Every certificate of one authority, in pages",
            target: { request, realm throws(FleetError) in
                realm.authority(try CertificateID(request.label("caCertificateId")))
            }, handle: Self.listByAuthority),
    ]

    /// AWS documents a default page of 25 here, and nowhere else.
    private static let pageDefault = 25

    static func certificate(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.certificate(try CertificateID(request.label("certificateId")))
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try CertificateID(request.label("certificateId"))
        let view = try await services.store.load([.certificate(id)])
        guard let entry = view.entry(.certificate(id)), case .certificate(let found) = entry.record
        else {
            throw FleetError(
                .notFound, "Certificate \(id) does not exist", resource: id.rawValue)
        }
        return [
            "certificateDescription": .object(
                CertificateShape.description(found, entry.revision, services.realm))
        ]
    }

    private static func update(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try CertificateID(request.label("certificateId"))
        let status = try Self.status(try request.requiredQueryText("newStatus"), "newStatus")
        try await Self.requireRights(toSetStatusOf: id, request, services)
        _ = try await services.decide([.certificate(id)], by: request.actor) {
            view, now throws(FleetError) in
            try Certificates.setStatus(of: id, to: status, reason: nil, in: view, at: now)
        }
        return .null
    }

    /// A claim's certificate lets in whatever its templates allow: whoever sets its status decides
    /// upon the claim, and not upon one device.
    static func requireRights(
        toSetStatusOf id: CertificateID, _ request: OperationRequest,
        _ services: ControlPlaneServices
    ) async throws(FleetError) {
        let view = try await services.store.load([.certificate(id)])
        guard let certificate = view.certificate(id), certificate.kind.isClaim else { return }
        try request.authorize("slipway:SetClaimStatus", services.realm.certificate(id))
    }

    static func status(
        _ text: String, _ parameter: String
    ) throws(FleetError) -> Certificate.Status {
        guard let status = Certificate.Status(rawValue: text) else {
            throw FleetError(
                .invalidRequest,
                "\(parameter) must be one of ACTIVE, INACTIVE and REVOKED, not '\(text.clipped)'")
        }
        return status
    }

    private static func delete(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try CertificateID(request.label("certificateId"))
        let force = try request.queryFlag("forceDelete")
        _ = try await services.decide(Certificates.keysToDelete(id), by: request.actor) {
            view, _ throws(FleetError) in
            try Certificates.delete(id, force: force, in: view)
        }
        return .null
    }

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        try await Self.page(.certificatesByCreation(try Self.order(request)), request, services)
    }

    /// AWS: newest first, unless `isAscendingOrder`.
    static func order(_ request: OperationRequest) throws(FleetError) -> ListOrder {
        try request.queryFlag("isAscendingOrder") ? .ascending : .descending
    }

    private static func listByAuthority(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        // The model knows no refusal of one that is not there: it has no certificates.
        let id = try CertificateID(request.label("caCertificateId"))
        return try await Self.page(
            .certificatesOfIssuer(id, try Self.order(request)), request, services)
    }

    private static func page(
        _ subject: ListQuery.Subject, _ request: OperationRequest,
        _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let limit = try request.markerLimit(default: Self.pageDefault)
        var place = try request.marker
        var certificates: [JSONValue] = []
        for _ in 0..<Self.readsPerPageMax {
            let page = try await services.store.page(
                ListQuery(subject, after: place, limit: limit - certificates.count))
            certificates += page.records.compactMap { Self.listed($0, services.realm) }
            place = page.next
            if place == nil || certificates.count >= limit { break }
        }
        return .object(
            .present(
                ("certificates", .array(certificates)), ("nextMarker", Pagination.token(place))))
    }

    /// Reads of the store that one page may take. A page is short only where so many in a row
    /// found nothing but what is not listed.
    private static let readsPerPageMax = 1000

    private static func listed(_ record: Record, _ realm: Realm) -> JSONValue? {
        // AWS lists no claim of CreateProvisioningClaim; 'slipway cert list' does.
        guard case .certificate(let certificate) = record, certificate.kind != .temporaryClaim,
            // No device of anybody's, which AWS's tools would take it for.
            !certificate.kind.isServices
        else { return nil }
        return .object(CertificateShape.summary(certificate, realm))
    }
}

/// A certificate as AWS IoT describes it (provisioning specification, 4.6).
enum CertificateShape {
    static func summary(_ certificate: Certificate, _ realm: Realm) -> JSONObject {
        [
            "certificateArn": .arn(realm.certificate(certificate.id)),
            "certificateId": .string(certificate.id.rawValue),
            "status": .string(certificate.status.rawValue),
            "certificateMode": .string(certificate.mode.rawValue),
            "creationDate": .epoch(certificate.createdAt),
        ]
    }

    static func description(
        _ certificate: Certificate, _ revision: Revision, _ realm: Realm
    ) -> JSONObject {
        .present(
            ("certificateArn", .arn(realm.certificate(certificate.id))),
            ("certificateId", .string(certificate.id.rawValue)),
            ("caCertificateId", certificate.issuerID.map { .string($0.rawValue) }),
            ("status", .string(certificate.status.rawValue)),
            ("certificatePem", .string(certificate.pem)),
            ("ownedBy", .string(realm.account)),
            ("creationDate", .epoch(certificate.createdAt)),
            ("lastModifiedDate", .epoch(certificate.statusChangedAt)),
            ("customerVersion", .int(certificate.version)),
            ("generationId", .string("\(certificate.id)-\(revision)")),
            (
                "validity",
                [
                    "notBefore": .epoch(certificate.notBefore),
                    "notAfter": .epoch(certificate.notAfter),
                ]
            ),
            ("certificateMode", .string(certificate.mode.rawValue)))
    }
}
