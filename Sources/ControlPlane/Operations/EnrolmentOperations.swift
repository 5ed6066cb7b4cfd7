import Fleet
import HTTPTypes
import JSON
import Provisioning

/// The enrolment rows of the table: what has been issued and not been proven, what is held for a
/// person, and that person's word.
package enum EnrolmentOperations {
    package static let all: [Operation] = [
        Operation(
            "ListEnrolments", .get, "/slipway/enrolments",
            query: ["state", "lot", "after", "limit"],
            summary: "Enrolments with ?state=UNPROVEN (of ?lot=) or ?state=HELD, in pages",
            handle: Self.list),
        Operation(
            "DescribeEnrolment", .get, "/slipway/enrolments/{certificateId}",
            summary: "How a certificate was enrolled, and how far it has come",
            target: CertificateOperations.certificate, handle: Self.describe),
        Operation(
            "DecideEnrolment", .post, "/slipway/enrolments/{certificateId}/decision",
            members: ["decision", "reason"],
            summary: "Allows or refuses an enrolment that is held",
            target: CertificateOperations.certificate, handle: Self.decide),
    ]

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let limit = try request.queryInteger("limit") ?? ListQuery.limitMax
        switch request.query["state"] ?? "UNPROVEN" {
        case "UNPROVEN":
            let page = try await services.store.page(
                ListQuery(
                    .certificatesUnproven(lot: request.query["lot"]),
                    after: request.query["after"], limit: limit))
            let found = page.records.compactMap { record -> JSONValue? in
                if case .certificate(let one) = record { .object(Self.shape(one)) } else { nil }
            }
            return ["enrolments": .array(found), "next": page.next.map { .string($0) } ?? nil]
        case "HELD": return try await Self.held(request, services, limit: limit)
        case let other:
            throw FleetError(
                .invalidRequest, "state is UNPROVEN or HELD, not '\(other.clipped)'")
        }
    }

    /// What is held has a token, and tokens last an hour: the way to the few through the fewer.
    private static func held(
        _ request: OperationRequest, _ services: ControlPlaneServices, limit: Int
    ) async throws(FleetError) -> JSONValue {
        let end = UnixTime(milliseconds: .max)
        let page = try await services.store.page(
            ListQuery(
                .ownershipTokensExpired(before: end), after: request.query["after"],
                limit: limit))
        let tokens = page.records.compactMap { record -> OwnershipToken? in
            if case .ownershipToken(let token) = record, token.redemption == nil {
                token
            } else {
                nil
            }
        }
        let view = try await services.store.load(
            Set(tokens.map { .certificate($0.certificate) }))
        let found = tokens.compactMap { token -> JSONValue? in
            guard let certificate = view.certificate(token.certificate),
                EnrolmentMark.state(of: certificate) == .held
            else { return nil }
            var object = Self.shape(certificate)
            object["decideBefore"] = .string(token.expiresAt.description)
            return .object(object)
        }
        return ["enrolments": .array(found), "next": page.next.map { .string($0) } ?? nil]
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try CertificateID(request.label("certificateId"))
        let view = try await services.store.load([.certificate(id), .thingsOfCertificate(id)])
        guard let certificate = view.certificate(id) else {
            throw FleetError(
                .notFound, "Certificate \(id) does not exist", resource: id.rawValue)
        }
        var object = Self.shape(certificate)
        object["things"] = .array(
            view.thingsOfCertificate(id).map { .string($0.thing.rawValue) })
        return .object(object)
    }

    private static func decide(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try CertificateID(request.label("certificateId"))
        let decision = try request.text("decision")
        guard decision == "allow" || decision == "refuse" else {
            throw FleetError(
                .invalidRequest, "decision is allow or refuse, not '\(decision.clipped)'")
        }
        let reason = try request.optionalText("reason")
        let person = request.actor.identity
        _ = try await services.decide([.certificate(id)], by: request.actor) {
            view, now throws(FleetError) in
            try EnrolmentDecision.decide(
                id, allow: decision == "allow", reason: reason, by: person, in: view, at: now)
        }
        return ["certificateId": .string(id.rawValue), "decision": .string(decision)]
    }

    /// issued, held, allowed, refused, superseded, proven; or what the certificate's status says.
    private static func state(_ certificate: Certificate) -> String {
        if let mark = EnrolmentMark.state(of: certificate) { return mark.rawValue }
        switch certificate.status {
        case .active: return certificate.firstSeenAt == nil ? "issued" : "proven"
        case .inactive, .revoked, .pendingActivation, .pendingTransfer, .registerInactive:
            return certificate.status.rawValue
        }
    }

    private static func shape(_ certificate: Certificate) -> JSONObject {
        let origin = certificate.provenance?.origin
        let registration = certificate.provenance?.registration
        var object: JSONObject = [
            "certificateId": .string(certificate.id.rawValue),
            "state": .string(Self.state(certificate)),
            "publicKey": .string(certificate.publicKey.rawValue),
            "createdAt": .string(certificate.createdAt.description),
        ]
        object["statusReason"] = certificate.statusReason.map { .string($0) }
        object["claim"] = origin?.claim.map { .string($0.rawValue) }
        object["flow"] = origin.map { .string($0.flow.rawValue) }
        object["template"] = registration?.template.map { .string($0.rawValue) }
        object["serial"] = registration?.parameters["SerialNumber"].map { .string($0) }
        object["station"] = registration?.station.map { .string($0) }
        object["lot"] = registration?.lot.map { .string($0) }
        object["source"] = registration.map { .string($0.sourceAddress) }
        object["registeredAt"] = registration.map { .string($0.registeredAt.description) }
        object["provenAt"] = certificate.firstSeenAt.map { .string($0.description) }
        return object
    }
}
