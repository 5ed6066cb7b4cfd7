import Fleet
import JSON
import Registry

/// Taking in a claim that exists outside already.
extension ClaimRecordOperations {
    static func adopt(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("claim", as: ClaimName.self)
        let now = services.clock.now
        var terms = ClaimTerms(name: name, createdAt: now, createdBy: request.actor.person)
        try ClaimTermsBody(request).apply(to: &terms)
        if let text = try request.optionalText("status") {
            guard let status = ClaimTerms.Status(rawValue: text) else {
                throw FleetError(
                    .invalidRequest,
                    "/status must be ACTIVE, DISABLED or REVOKED, not '\(text.clipped)'")
            }
            terms.status = status
        }
        terms.statusReason = try request.optionalText("statusReason")
        let adoption = try ClaimAdoption(
            terms, spent: try request.optionalInteger("spent") ?? 0,
            members: try await Self.members(request, services))
        _ = try await services.decide(adoption.keys, by: request.actor) {
            view, now throws(FleetError) in
            try adoption.changeSet(in: view, by: request.actor, at: now)
        }
        return .object(try await Self.described(name, services))
    }

    private static func members(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> [ClaimAdoption.Member] {
        let given = try request.members.objects("certificates") ?? []
        guard !given.isEmpty else { return [] }
        let inspector = try services.requireIssuing().inspector
        var members: [ClaimAdoption.Member] = []
        for body in given {
            try body.refuseUnknown(["certificatePem", "status", "policies"])
            let pem = try body.text("certificatePem")
            guard (1...AuthorityOperations.pemBytesMax).contains(pem.utf8.count) else {
                throw FleetError(
                    .invalidRequest,
                    "/certificates has a certificatePem of \(pem.utf8.count) bytes; 1 to "
                        + "\(AuthorityOperations.pemBytesMax)")
            }
            let inspected = try inspector.inspect(pem)
            var policies: [PolicyName] = []
            for name in try body.texts("policies") ?? [] { policies.append(try PolicyName(name)) }
            let status = try body.optionalText("status") ?? Certificate.Status.active.rawValue
            members.append(
                try ClaimAdoption.Member(
                    inspected, authority: try await services.ownAuthority(of: inspected)?.id,
                    status: try CertificateOperations.status(status, "/certificates/status"),
                    policies: policies))
        }
        return members
    }
}
