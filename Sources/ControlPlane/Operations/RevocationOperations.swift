import Fleet
import HTTPTypes
import JSON
import Registry

/// Revoking: one certificate with its reason, and many by where they came from.
package enum RevocationOperations {
    package static let all: [Operation] = [
        Operation(
            "RevokeCertificate", .put, "/slipway/certificates/{certificateId}/revocation",
            members: ["reason", "note", "decision"],
            summary: "Revokes with a reason of RFC 5280; certificateHold can be taken back",
            target: CertificateOperations.certificate, handle: Self.revoke),
        Operation(
            "RemoveCertificate", .delete, "/slipway/certificates/{certificateId}",
            summary:
                "Deletes a certificate that is not active, with its attachments; a revoked one "
                + "stays on the CRL",
            target: CertificateOperations.certificate, handle: Self.remove),
        Operation(
            "PlanRevocation", .post, "/slipway/revocations/plan", members: ["where"],
            summary: "What a revocation by provenance would reach, and the digest to name then",
            handle: Self.plan),
    ]

    /// Certificates one plan may reach.
    static let plannedMax = 200_000
    /// An entry of a CRL: a serial number of 20 octets, a time and a reason, with their framing.
    private static let entryBytes = 53

    private static func revoke(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try CertificateID(request.label("certificateId"))
        let reason = try RevocationReason(
            named: try request.optionalText("reason") ?? "unspecified")
        let note = try request.optionalText("note")
        let decision = try request.optionalText("decision")
        let decided = try await services.decide([.certificate(id)], by: request.actor) {
            view, now throws(FleetError) in
            var set = try Certificates.revoke(id, reason, note: note, in: view, at: now)
            if let decision { set.detail["decision"] = .string(decision) }
            return set
        }
        return ["changed": .bool(!decided.set.changes.isEmpty)]
    }

    private static func remove(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try CertificateID(request.label("certificateId"))
        _ = try await services.decide(Certificates.keysToDelete(id), by: request.actor) {
            view, _ throws(FleetError) in
            try Certificates.delete(id, cascade: true, in: view)
        }
        return .null
    }

    // MARK: The plan

    private static func plan(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let query = try RevocationQuery(try request.text("where"), at: services.clock.now)
        var reach = Reach()
        let lines = try await Self.lines(services)
        try await Self.everyPage(.certificates, services) { record throws(FleetError) in
            guard case .certificate(let certificate) = record,
                query.matches(certificate, lines: lines)
            else { return }
            let things = try await services.store.load([.thingsOfCertificate(certificate.id)])
                .thingsOfCertificate(certificate.id).map(\.thing)
            guard try await Self.isMember(things, of: query.groups, services) else { return }
            guard reach.certificates.count < Self.plannedMax else {
                throw FleetError(
                    .limitExceeded,
                    "--where reaches more than \(Self.plannedMax) certificates: narrow it, such as "
                        + "by 'issued between', and revoke in parts")
            }
            reach.add(
                certificate, line: certificate.provenance?.origin.claim.flatMap { lines[$0] },
                isOnline: try await Self.isOnline(things, services))
        }
        return reach.json(entryBytes: Self.entryBytes)
    }

    private static func lines(
        _ services: ControlPlaneServices
    ) async throws(FleetError) -> [CertificateID: String] {
        var lines: [CertificateID: String] = [:]
        try await Self.everyPage(.claims, services) { record throws(FleetError) in
            if case .claim(let claim) = record { lines[claim.certificate] = claim.label }
        }
        return lines
    }

    private static func everyPage(
        _ subject: ListQuery.Subject, _ services: ControlPlaneServices,
        _ take: (Record) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        var after: String?
        repeat {
            let page = try await services.store.page(ListQuery(subject, after: after))
            for record in page.records { try await take(record) }
            after = page.next
        } while after != nil
    }

    private static func isMember(
        _ things: [ThingName], of groups: [ThingGroupName], _ services: ControlPlaneServices
    ) async throws(FleetError) -> Bool {
        if groups.isEmpty { return true }
        var found: Set<ThingGroupName> = []
        for thing in things {
            guard
                case .groups(let names)? = try await services.store.load([.groupsOfThing(thing)])
                    .entry(.groupsOfThing(thing))?.record
            else { continue }
            found.formUnion(names)
        }
        return groups.allSatisfy(found.contains)
    }

    private static func isOnline(
        _ things: [ThingName], _ services: ControlPlaneServices
    ) async throws(FleetError) -> Bool {
        for thing in things {
            let view = try await services.store.load([.documentOfThing(thing)])
            if case .document(let document)? = view.entry(.documentOfThing(thing))?.record,
                document.connectivity?.isConnected == true
            {
                return true
            }
        }
        return false
    }

    /// What a plan counts, as it goes through the certificates.
    private struct Reach {
        private(set) var certificates: [CertificateID] = []
        private var revoked = 0
        private var online = 0
        private var lines: [String: Int] = [:]
        private var stations: [String: Int] = [:]
        private var lots: [String: Int] = [:]
        private var templates: [String: Int] = [:]

        mutating func add(_ certificate: Certificate, line: String?, isOnline: Bool) {
            self.certificates.append(certificate.id)
            if certificate.status == .revoked { self.revoked += 1 }
            if isOnline { self.online += 1 }
            let registration = certificate.provenance?.registration
            self.lines[line ?? "-", default: 0] += 1
            self.stations[registration?.station ?? "-", default: 0] += 1
            self.lots[registration?.lot ?? "-", default: 0] += 1
            let version = registration?.templateVersion.map { " v\($0)" } ?? ""
            self.templates[
                (registration?.template?.rawValue ?? "-") + version, default: 0] += 1
        }

        func json(entryBytes: Int) -> JSONValue {
            func counts(_ counts: [String: Int]) -> JSONValue {
                .object(
                    JSONObject(counts.sorted { $0.key < $1.key }.map { ($0.key, .int($0.value)) }))
            }
            let plan = RevocationPlan(self.certificates)
            return [
                "plan": .string(plan.digest),
                "count": .int(plan.certificates.count),
                "revokedAlready": .int(self.revoked),
                "online": .int(self.online),
                "crlBytesMore": .int((plan.certificates.count - self.revoked) * entryBytes),
                "lines": counts(self.lines), "stations": counts(self.stations),
                "lots": counts(self.lots), "templates": counts(self.templates),
                "certificates": .array(plan.certificates.map { .string($0.rawValue) }),
            ]
        }
    }
}
