import Fleet
import HTTPTypes
import JSON
import Registry

/// The certificate rows of the table, at the addresses AWS IoT gives them.
package enum CertificateOperations {
    package static let all: [Operation] = [
        Operation(
            "ListCertificates", .get, "/certificates",
            summary: "Every certificate, in pages", handle: Self.list),
        Operation(
            "DescribeCertificate", .get, "/certificates/:certificateId",
            summary: "One certificate, and where it came from", handle: Self.describe),
        Operation(
            "UpdateCertificate", .put, "/certificates/:certificateId",
            summary: "Sets ?newStatus=ACTIVE, INACTIVE or REVOKED; live connections follow",
            handle: Self.update),
    ]

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let limit = try request.integer("pageSize", default: 250)
        let page = try await services.store.page(
            ListQuery(.certificates, after: request.query["marker"], limit: limit))
        let certificates = page.records.compactMap { record -> JSONValue? in
            guard case .certificate(let certificate) = record else { return nil }
            return [
                "certificateId": .string(certificate.id.rawValue),
                "kind": .string(certificate.kind.rawValue),
                "status": .string(certificate.status.rawValue),
                "subject": .string(certificate.subject),
                "creationDate": .string(certificate.createdAt.description),
            ]
        }
        return [
            "certificates": .array(certificates),
            "nextMarker": page.next.map { .string($0) } ?? nil,
        ]
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try CertificateID(request.parameter("certificateId"))
        let view = try await services.store.load([
            .certificate(id), .policiesOfTarget(.certificate(id)), .thingsOfCertificate(id),
        ])
        guard let certificate = view.certificate(id) else {
            throw FleetError(
                .notFound, "there is no certificate \(id)", resource: id.rawValue)
        }
        var answer = CertificateShape.json(certificate)
        answer["policies"] = .array(
            view.policiesOfTarget(.certificate(id)).map { .string($0.rawValue) })
        answer["things"] = .array(
            view.thingsOfCertificate(id).map { .string($0.thing.rawValue) })
        return ["certificateDescription": .object(answer)]
    }

    private static func update(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try CertificateID(request.parameter("certificateId"))
        guard let text = request.query["newStatus"],
            let status = Certificate.Status(rawValue: text)
        else {
            throw FleetError(
                .invalidRequest, "newStatus must be one of ACTIVE, INACTIVE and REVOKED")
        }
        for _ in 0..<Self.attemptsMax {
            let view = try await services.store.load([.certificate(id)])
            let set = try Certificates.setStatus(
                of: id, to: status, reason: request.query["reason"], in: view,
                at: services.clock.now)
            guard !set.changesNothing else { return [:] }
            do throws(FleetError) {
                _ = try await services.store.commit(set, by: request.actor)
                return [:]
            } catch {
                guard error.code == .conflict else { throw error }
            }
        }
        throw FleetError(
            .conflict, "certificate \(id) kept changing; try again", resource: id.rawValue)
    }

    /// A lost race is decided afresh, this often.
    private static let attemptsMax = 3
}

/// A certificate with its provenance, for people and for scripts.
enum CertificateShape {
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

    private static func json(_ provenance: Provenance) -> JSONObject {
        let origin = provenance.origin
        var object: JSONObject = [
            "flow": .string(origin.flow.rawValue),
            "claimCertificateId": origin.claim.map { .string($0.rawValue) } ?? nil,
            "createdByClientId": origin.clientID.map { .string($0) } ?? nil,
            "createdFromAddress": origin.sourceAddress.map { .string($0) } ?? nil,
            "requestedAt": .string(origin.requestedAt.description),
        ]
        guard let registration = provenance.registration else { return object }
        var parameters = JSONObject()
        for (name, value) in registration.parameters.sorted(by: { $0.key < $1.key }) {
            parameters[name] = .string(value)
        }
        object["registration"] = [
            "templateName": .string(registration.template.rawValue),
            "templateVersion": .int(registration.templateVersion),
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
