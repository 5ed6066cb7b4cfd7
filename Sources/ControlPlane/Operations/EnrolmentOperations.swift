import Fleet
import HTTPTypes
import JSON
import Provisioning

/// The enrolment rows of the table: what has been issued and not been proven, what was seen again,
/// what is held for a person, and that person's word.
package enum EnrolmentOperations {
    package static let all: [Operation] = [
        Operation(
            "ListEnrolments", .get, "/slipway/enrolments",
            query: ["state", "lot", "verdict", "after", "limit"],
            summary:
                "Enrolments of ?state=UNPROVEN (?lot=), HELD or FOUND (?verdict=), in pages",
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
            let certificates = page.records.compactMap { record in
                if case .certificate(let one) = record { one } else { nil }
            }
            let view = try await services.store.load(
                Set(certificates.map { .thingsOfCertificate($0.id) }))
            let found = certificates.map {
                JSONValue.object(Self.shape($0, of: Self.thing($0, view), services))
            }
            return ["enrolments": .array(found), "next": page.next.map { .string($0) } ?? nil]
        case "HELD":
            return try await Self.found(
                .enrolmentsHeld, heldOnly: true, request, services, limit: limit)
        case "FOUND":
            return try await Self.found(
                .enrolmentFindings(try Self.verdict(request)), heldOnly: false, request, services,
                limit: limit)
        case let other:
            throw FleetError(
                .invalidRequest, "state is UNPROVEN, HELD or FOUND, not '\(other.clipped)'")
        }
    }

    private static func verdict(
        _ request: OperationRequest
    ) throws(FleetError) -> EnrolmentFinding.Kind? {
        guard let text = request.query["verdict"] else { return nil }
        guard let kind = EnrolmentFinding.Kind(rawValue: text) else {
            let known = EnrolmentFinding.Kind.allCases.map(\.rawValue).joined(separator: ", ")
            throw FleetError(.invalidRequest, "verdict is one of \(known), not '\(text.clipped)'")
        }
        return kind
    }

    /// What was seen again, with the certificate it is about, where that is still there.
    private static func found(
        _ subject: ListQuery.Subject, heldOnly: Bool, _ request: OperationRequest,
        _ services: ControlPlaneServices, limit: Int
    ) async throws(FleetError) -> JSONValue {
        let page = try await services.store.page(
            ListQuery(subject, after: request.query["after"], limit: limit))
        let findings = page.records.compactMap { record in
            if case .enrolmentFinding(let finding) = record { finding } else { nil }
        }
        let view = try await services.store.load(
            Set(
                findings.flatMap {
                    [RecordKey.certificate($0.certificate), .thingsOfCertificate($0.certificate)]
                }))
        let found = findings.compactMap { finding -> JSONValue? in
            let certificate = view.certificate(finding.certificate)
            let isHeld = certificate.flatMap(EnrolmentMark.state) == .held
            guard isHeld || !heldOnly else { return nil }
            var object =
                certificate.map { Self.shape($0, of: Self.thing($0, view), services) } ?? [
                    "certificateId": .string(finding.certificate.rawValue), "state": "gone",
                ]
            for member in Self.shape(finding).members { object[member.key] = member.value }
            if let certificate, isHeld, certificate.status == .pendingActivation {
                object["decideBefore"] = .string(
                    certificate.createdAt.advanced(bySeconds: Limits.ownershipTokenSeconds)
                        .description)
            }
            return .object(object)
        }
        return ["enrolments": .array(found), "next": page.next.map { .string($0) } ?? nil]
    }

    private static func shape(_ finding: EnrolmentFinding) -> JSONObject {
        var object: JSONObject = [
            "verdict": .string(finding.kind.rawValue), "policy": .string(finding.policy.rawValue),
            "foundAt": .string(finding.at.description), "evidence": .object(finding.evidence),
        ]
        object["thing"] = finding.thing.map { .string($0.rawValue) }
        return object
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
        var object = Self.shape(certificate, of: Self.thing(certificate, view), services)
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
        let decided = try await services.decide(
            by: request.actor,
            load: { store async throws(FleetError) in
                try await store.load([.certificate(id)]) { EnrolmentDecision.further(id, in: $0) }
            }
        ) { view, now throws(FleetError) in
            try EnrolmentDecision.decide(
                id, allow: decision == "allow", reason: reason, by: person, in: view, at: now)
        }
        let isRevoked = decided.set.changes.contains { change in
            if case .putRevocation = change { true } else { false }
        }
        return [
            "certificateId": .string(id.rawValue), "decision": .string(decision),
            "revoked": .bool(isRevoked),
        ]
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

    /// The thing that a certificate speaks for, the first one where there are several; of one that
    /// is held, the thing that it would speak for.
    private static func thing(_ certificate: Certificate, _ view: RegistryView) -> ThingName? {
        if let thing = view.thingsOfCertificate(certificate.id).map(\.thing).min() { return thing }
        return EnrolmentMark.state(of: certificate) == .held
            ? EnrolmentMark.thing(of: certificate) : nil
    }

    private static func shape(
        _ certificate: Certificate, of thing: ThingName?, _ services: ControlPlaneServices
    ) -> JSONObject {
        let origin = certificate.provenance?.origin
        let registration = certificate.provenance?.registration
        var object: JSONObject = [
            "certificateId": .string(certificate.id.rawValue),
            "state": .string(Self.state(certificate)),
            "publicKey": .string(certificate.publicKey.rawValue),
            "createdAt": .string(certificate.createdAt.description),
        ]
        object["thing"] = thing.map { .string($0.rawValue) }
        object["statusReason"] = certificate.statusReason.map { .string($0) }
        object["claim"] = origin?.claim.map { .string($0.rawValue) }
        object["flow"] = origin.map { .string($0.flow.rawValue) }
        object["template"] = registration?.template.map { .string($0.rawValue) }
        object["serial"] = registration.flatMap {
            DeviceSerial.find(in: $0.parameters, named: services.serialParameter)
        }.map { .string($0) }
        object["station"] = registration?.station.map { .string($0) }
        object["lot"] = registration?.lot.map { .string($0) }
        object["source"] = registration.map { .string($0.sourceAddress) }
        object["registeredAt"] = registration.map { .string($0.registeredAt.description) }
        object["provenAt"] = certificate.firstSeenAt.map { .string($0.description) }
        return object
    }
}
