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
        Operation(
            "CarryOutRevocation", .post, "/slipway/revocations",
            members: ["where", "plan", "reason", "note", "from"],
            summary: "Revokes the next certificates of a plan; a changed set is refused",
            handle: Self.carryOut),
    ]

    /// Certificates that one request of `CarryOutRevocation` revokes, and that share one write to
    /// the disk: a device's own request waits for no more of them.
    static let stageMax = 1000
    /// Ids that a plan names; the digest stands for them all.
    static let namedMax = 1000
    /// An entry of a CRL: a serial number of 20 octets, a time and a reason, with their framing.
    private static let entryBytes = 53

    private static func revoke(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let order = RevocationOrder(
            reason: try RevocationReason(
                named: try request.optionalText("reason") ?? "unspecified"),
            note: try request.optionalText("note"),
            decision: try request.optionalText("decision"))
        let id = try CertificateID(request.label("certificateId"))
        return ["changed": .bool(try await order.revoke(id, by: request.actor, services))]
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

    // MARK: Many at once

    private static func plan(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let search = try await Self.search(request, services)
        var reach = RevocationReach()
        try await search.everyPage { certificates throws(FleetError) in
            try await reach.add(certificates, services)
        }
        return reach.json(entryBytes: Self.entryBytes, namedMax: Self.namedMax)
    }

    private static func search(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> CertificateSearch {
        let query = try CertificateQuery(
            try request.text("where"), for: .plan, at: services.clock.now)
        return try await CertificateSearch(query, services)
    }

    /// Finds the set again whenever it begins, so that it is the one that was shown.
    private static func carryOut(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let digest = try request.text("plan")
        let from = try request.optionalInteger("from") ?? 0
        let order = RevocationOrder(
            reason: try RevocationReason(
                named: try request.optionalText("reason") ?? "unspecified"),
            note: try request.optionalText("note"), decision: digest)
        guard from >= 0 else {
            throw FleetError(.invalidRequest, "from must be a number of certificates")
        }
        var kept = from == 0 ? nil : await services.revocationPlans.plan(digest)
        if kept == nil {
            kept = try await Self.found(digest, request, services)
        }
        guard let plan = kept else {
            throw FleetError(.internalFailure, "a plan was found and lost")
        }
        let stage = Array(plan.certificates.dropFirst(from).prefix(Self.stageMax))
        let changed = try await order.revoke(stage, by: request.actor, services)
        let done = min(plan.certificates.count, from + stage.count)
        if done == plan.certificates.count { await services.revocationPlans.forget(digest) }
        return [
            "count": .int(plan.certificates.count), "done": .int(done), "changed": .int(changed),
        ]
    }

    private static func found(
        _ digest: String, _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> RevocationPlan {
        let search = try await Self.search(request, services)
        var ids: Set<CertificateID> = []
        try await search.everyPage { certificates throws(FleetError) in
            ids.formUnion(certificates.filter(RevocationReach.isMeant).map(\.id))
            try RevocationReach.requireRoom(ids.count, services)
        }
        let plan = RevocationPlan(ids)
        guard plan.digest == digest else {
            throw FleetError(
                .conflict,
                "--where no longer reaches what the plan \(digest.clipped) showed, and nothing "
                    + "was revoked: it reaches \(plan.certificates.count) certificates now; look "
                    + "at the preview again, and name \(plan.digest)")
        }
        await services.revocationPlans.keep(plan)
        return plan
    }
}

/// Why certificates are revoked, and under which decision.
struct RevocationOrder: Sendable {
    let reason: RevocationReason
    let note: String?
    /// The digest of a plan, in the audit record of each certificate.
    let decision: String?

    /// - Parameter seen: the registry as it was a moment ago, looked at once for many; the store
    ///   refuses what is decided upon an old one, and then it is looked at again.
    /// - Returns: whether it was not revoked before.
    func revoke(
        _ id: CertificateID, seen: RegistryView? = nil, by actor: Actor,
        _ services: ControlPlaneServices
    ) async throws(FleetError) -> Bool {
        var seen = seen
        let decided = try await services.decide(
            by: actor,
            load: { store async throws(FleetError) in
                if let view = seen {
                    seen = nil
                    return view
                }
                return try await store.load([.certificate(id)])
            },
            { view, now throws(FleetError) in
                var set = try Certificates.revoke(
                    id, self.reason, note: self.note, in: view, at: now)
                if let decision { set.detail["decision"] = .string(decision) }
                return set
            })
        return !decided.set.changes.isEmpty
    }

    /// One commit, and so one audit record, for each; all of them are under way together, and share
    /// a write to the disk.
    /// - Returns: how many were not revoked before.
    func revoke(
        _ ids: [CertificateID], by actor: Actor, _ services: ControlPlaneServices
    ) async throws(FleetError) -> Int {
        let seen = try await services.store.load(Set(ids.map { .certificate($0) }))
        let results = await withTaskGroup(of: Result<Bool, FleetError>.self) { group in
            for id in ids {
                group.addTask {
                    do throws(FleetError) {
                        return .success(
                            try await self.revoke(id, seen: seen, by: actor, services))
                    } catch {
                        // Deleted since: it stays on the CRL if it was revoked.
                        return error.code == .notFound ? .success(false) : .failure(error)
                    }
                }
            }
            var results: [Result<Bool, FleetError>] = []
            for await result in group { results.append(result) }
            return results
        }
        var changed = 0
        for result in results where try result.get() { changed += 1 }
        return changed
    }
}
