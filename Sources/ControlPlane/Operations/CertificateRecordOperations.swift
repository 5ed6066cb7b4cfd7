import Fleet
import HTTPTypes
import JSON
import Registry

/// What the registry knows of certificates beyond what AWS IoT has words for: where each came
/// from, and why its status is what it is.
package enum CertificateRecordOperations {
    package static let all: [Operation] = [
        Operation(
            "ListCertificateRecords", .get, "/slipway/certificates",
            query: ["after", "limit", "where"],
            summary: "Every certificate with kind and subject, or those of ?where=, in pages",
            handle: Self.list),
        Operation(
            "DescribeCertificateRecord", .get, "/slipway/certificates/{certificateId}",
            summary: "One certificate, and where it came from",
            target: CertificateOperations.certificate, handle: Self.describe),
        Operation(
            "NoteCertificateKeys", .post, "/slipway/certificates/keys", members: ["findings"],
            summary: "Keeps what an audit found of public keys, for ?where=weakness=",
            handle: Self.noteKeys),
        Operation(
            "SetCertificateStatus", .put, "/slipway/certificates/{certificateId}/status",
            members: ["status", "reason"],
            summary: "ACTIVE, INACTIVE or REVOKED, with the reason for the audit log",
            target: CertificateOperations.certificate, handle: Self.setStatus),
    ]

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let limit = try request.queryInteger("limit") ?? Pagination.pageMax
        let page = try await Self.page(request, limit, services)
        let certificates = page.certificates.map { certificate -> JSONValue in
            [
                "certificateId": .string(certificate.id.rawValue),
                "kind": .string(certificate.kind.rawValue),
                "status": .string(certificate.status.rawValue),
                "subject": .string(certificate.subject),
                "createdAt": .string(certificate.createdAt.description),
            ]
        }
        return [
            "certificates": .array(certificates), "next": page.next.map { .string($0) } ?? nil,
        ]
    }

    private static func page(
        _ request: OperationRequest, _ limit: Int, _ services: ControlPlaneServices
    ) async throws(FleetError) -> (certificates: [Certificate], next: String?) {
        let after = request.queryText("after")
        if let text = request.queryText("where") {
            let query = try CertificateQuery(text, for: .list, at: services.clock.now)
            return try await CertificateSearch(query, services).page(after: after, limit: limit)
        }
        let page = try await services.store.page(
            ListQuery(.certificates, after: after, limit: limit))
        return (
            page.records.compactMap { record -> Certificate? in
                if case .certificate(let certificate) = record { certificate } else { nil }
            }, page.next
        )
    }

    /// Findings of one request.
    static let findingsMax = 1000

    private static func noteKeys(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let findings = request.body["findings"]?.arrayValue ?? []
        guard (1...Self.findingsMax).contains(findings.count) else {
            throw FleetError(
                .invalidRequest, "findings must be a list of 1 to \(Self.findingsMax)")
        }
        var weaknesses: [PublicKeyFingerprint: KeyWeakness] = [:]
        for finding in findings {
            let key = try PublicKeyFingerprint(finding["key"]?.stringValue ?? "")
            weaknesses[key] = try KeyWeakness(named: finding["weakness"]?.stringValue ?? "")
        }
        let found = weaknesses
        let decided = try await services.decide(
            Set(found.keys.map { .knownKey($0) }), by: request.actor
        ) { view, _ throws(FleetError) in
            try KeyFindings.changeSet(found, in: view)
        }
        return ["changed": .int(decided.set.changes.count)]
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try CertificateID(request.label("certificateId"))
        let view = try await services.store.load([
            .certificate(id), .policiesOfTarget(.certificate(id)), .thingsOfCertificate(id),
            .renewal(id),
        ])
        guard let certificate = view.certificate(id) else {
            throw FleetError(
                .notFound, "there is no certificate \(id)", resource: id.rawValue)
        }
        var answer = CertificateRecordShape.json(certificate)
        answer["policies"] = .array(
            view.policiesOfTarget(.certificate(id)).map { .string($0.rawValue) })
        answer["things"] = .array(
            view.thingsOfCertificate(id).map { .string($0.thing.rawValue) })
        if let renewal = view.renewal(of: id) {
            answer["renewal"] = .object(CertificateRecordShape.json(renewal))
        }
        let chain = try await RenewalChain.of(certificate, in: services.store)
        if chain.count > 1 { answer["renewals"] = .array(chain) }
        return .object(answer)
    }

    private static func setStatus(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try CertificateID(request.label("certificateId"))
        let status = try CertificateOperations.status(try request.text("status"), "status")
        let reason = try request.optionalText("reason")
        try await CertificateOperations.requireRights(toSetStatusOf: id, request, services)
        _ = try await services.decide([.certificate(id)], by: request.actor) {
            view, now throws(FleetError) in
            try Certificates.setStatus(of: id, to: status, reason: reason, in: view, at: now)
        }
        return .null
    }
}

/// The certificates that one device had one after the other, oldest first.
enum RenewalChain {
    /// Links that are followed in either direction.
    static let linksMax = 100

    static func of(
        _ certificate: Certificate, in store: any FleetStore
    ) async throws(FleetError) -> [JSONValue] {
        var chain = [certificate]
        while chain.count <= Self.linksMax, let before = chain[0].provenance?.renewal?.of,
            let found = try await store.load([.certificate(before)]).certificate(before)
        { chain.insert(found, at: 0) }
        var links = 0
        while links < Self.linksMax, let last = chain.last,
            let next = try await store.load([.renewal(last.id)]).renewal(of: last.id)?.successor,
            let found = try await store.load([.certificate(next)]).certificate(next)
        {
            chain.append(found)
            links += 1
        }
        return chain.map { link in
            [
                "certificateId": .string(link.id.rawValue),
                "status": .string(link.status.rawValue),
                "createdAt": .string(link.createdAt.description),
                "notAfter": .string(link.notAfter.description),
                "firstSeenAt": link.firstSeenAt.map { .string($0.description) } ?? nil,
            ]
        }
    }
}

/// A certificate with its provenance, for people and for scripts.
enum CertificateRecordShape {
    static func json(_ certificate: Certificate) -> JSONObject {
        var object: JSONObject = [
            "certificateId": .string(certificate.id.rawValue),
            "kind": .string(certificate.kind.rawValue),
            "status": .string(certificate.status.rawValue),
            "statusChangedAt": .string(certificate.statusChangedAt.description),
            "statusReason": certificate.statusReason.map { .string($0) } ?? nil,
            "serialNumber": .string(certificate.serialNumber),
            "issuer": .string(certificate.issuer),
            "caCertificateId": certificate.issuerID.map { .string($0.rawValue) } ?? nil,
            "subject": .string(certificate.subject),
            "publicKeySHA256": .string(certificate.publicKey.rawValue),
            "notBefore": .string(certificate.notBefore.description),
            "notAfter": .string(certificate.notAfter.description),
            "creationDate": .string(certificate.createdAt.description),
            "firstSeenAt": certificate.firstSeenAt.map { .string($0.description) } ?? nil,
        ]
        if let provenance = certificate.provenance {
            object["provenance"] = .object(Self.json(provenance))
        }
        object["certificatePem"] = .string(certificate.pem)
        return object
    }

    /// What became of a certificate that was renewed.
    static func json(_ renewal: Renewal) -> JSONObject {
        [
            "renewedAs": .string(renewal.successor.rawValue),
            "renewedAt": .string(renewal.renewedAt.description),
            "overlapEndsAt": .string(renewal.overlapEndsAt.description),
            "settledAt": renewal.settledAt.map { .string($0.description) } ?? nil,
        ]
    }

    private static func json(_ provenance: Provenance) -> JSONObject {
        let origin = provenance.origin
        var object: JSONObject = [
            "flow": .string(origin.flow.rawValue),
            "claimCertificateId": origin.claim.map { .string($0.rawValue) } ?? nil,
            "createdByClientId": origin.clientID.map { .string($0) } ?? nil,
            "createdFromAddress": origin.sourceAddress.map { .string($0) } ?? nil,
            "requestedAt": .string(origin.requestedAt.description),
        ]
        if let renewal = provenance.renewal {
            object["renewalOf"] = .string(renewal.of.rawValue)
            object["firstCertificateId"] = .string(renewal.first.rawValue)
            object["firstIssuedAt"] = .string(renewal.firstIssuedAt.description)
        }
        guard let registration = provenance.registration else { return object }
        var parameters = JSONObject()
        for (name, value) in registration.parameters.sorted(by: { $0.key < $1.key }) {
            parameters[name] = .string(value)
        }
        object["registration"] = [
            "templateName": registration.template.map { .string($0.rawValue) } ?? nil,
            "templateVersion": registration.templateVersion.map { .int($0) } ?? nil,
            "templateSHA256": .string(registration.templateDigest),
            "hook": registration.hook.map { .string($0.rawValue) } ?? nil,
            "hookSHA256": registration.hookDigest.map { .string($0) } ?? nil,
            "allowlist": registration.allowlist.map { .string($0.rawValue) } ?? nil,
            "allowlistVersion": registration.allowlistVersion.map { .int($0) } ?? nil,
            "clientId": .string(registration.clientID),
            "sourceAddress": .string(registration.sourceAddress),
            "station": registration.station.map { .string($0) } ?? nil,
            "lot": registration.lot.map { .string($0) } ?? nil,
            "parameters": .object(parameters),
            "registeredAt": .string(registration.registeredAt.description),
        ]
        return object
    }
}
