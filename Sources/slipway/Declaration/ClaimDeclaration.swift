import ControlPlane
import Fleet
import JSON

/// A claim with its terms, what it has spent, and the certificates that speak for it: whoever holds
/// one's key goes on, under the same budget.
struct ClaimDeclaration: DeclaredBehaviour {
    private static let terms = [
        "templates", "budget", "registrationsPerUnit", "pendingMax", "perMinute", "notBefore",
        "notAfter", "networks", "serials", "shifts", "station", "lot",
    ]
    private static let lists = ["templates", "networks", "shifts"]
    private static let defaults: [String: JSONValue] = [
        "registrationsPerUnit": .int(ClaimTerms.registrationsPerUnitDefault),
        "pendingMax": .int(ClaimTerms.pendingDefault),
        "status": .string(ClaimTerms.Status.active.rawValue),
    ]

    let members = Self.terms + ["status", "statusReason", "spent", "certificates"]
    let making = ["statusReason", "spent"]
    let left = ["certificates"]

    func forEachName(
        _ access: ControlAccess, _ take: (String) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        try await self.forEach(
            Listing(ControlCall("ListClaims"), "claims", .after(sized: true), []), "name", access,
            take)
    }

    func current(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> CurrentResource? {
        let call = ControlCall("DescribeClaim", path: ["claim": name])
        guard let answer = try await self.found(call, access) else { return nil }
        var state = JSONObject()
        for member in Self.terms + ["status", "statusReason", "spent"] {
            guard let value = answer[member]?.present, value != Self.defaults[member],
                value != .int(0) || member == "budget"
            else { continue }
            state[member] = Self.lists.contains(member) ? .sorted(answer[member].names) : value
        }
        var certificates: [JSONValue] = []
        for listed in answer["certificates"]?.arrayValue ?? [] {
            guard listed["expired"]?.boolValue != true,
                let id = listed["certificateId"]?.stringValue
            else { continue }
            let call = ControlCall("DescribeCertificate", path: ["certificateId": id])
            guard let found = try await self.found(call, access)?["certificateDescription"],
                let arn = found["certificateArn"]?.stringValue
            else { continue }
            certificates.append(
                .object(
                    .present(
                        ("certificateId", .string(id)), ("status", found["status"]),
                        ("policies", try await self.policies(arn, access)),
                        ("certificatePem", found["certificatePem"]))))
        }
        certificates.sort { Self.id($0) < Self.id($1) }
        state["certificates"] = .list(certificates) ?? []
        return CurrentResource(state: state)
    }

    private static func id(_ certificate: JSONValue) -> String {
        certificate["certificateId"]?.stringValue ?? ""
    }

    func references(_ state: JSONObject) -> [DeclaredReference] {
        let policies = (state["certificates"]?.arrayValue ?? []).flatMap { $0["policies"].names }
        return state["templates"].names.map { DeclaredReference(kind: .template, name: $0) }
            + Set(policies).sorted().map { DeclaredReference(kind: .policy, name: $0) }
    }

    /// A station that is a thing itself may be one by its claim's certificate.
    func brought(_ state: JSONObject) -> [DeclaredReference] {
        (state["certificates"]?.arrayValue ?? []).map {
            DeclaredReference(kind: .certificate, name: Self.id($0))
        }
    }

    func check(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError) {
        guard let current else { return }
        try RevokedForGood.check("the claim", current.state["status"], wanted["status"])
        for certificate in wanted["certificates"]?.arrayValue ?? [] {
            let id = Self.id(certificate)
            let there = current.state["certificates"]?.arrayValue?.first { Self.id($0) == id }
            try RevokedForGood.check(
                "certificate \(id)", there?["status"], certificate["status"])
        }
    }

    func steps(
        _ name: String, from current: CurrentResource?, to wanted: JSONObject
    ) throws(FleetError) -> [DeclaredStep] {
        let declared = wanted["certificates"]?.arrayValue ?? []
        for certificate in declared
        where certificate["certificateId"]?.stringValue == nil
            || certificate["certificatePem"]?.stringValue == nil
        {
            throw FleetError(
                .invalidRequest,
                "a certificate of a claim has a certificateId, a certificatePem and a status")
        }
        guard let current else { return [self.adoption(name, wanted, declared)] }
        return self.changes(name, current.state, wanted)
            + self.certificateSteps(name, current.state, declared)
    }

    private func adoption(
        _ name: String, _ wanted: JSONObject, _ certificates: [JSONValue]
    ) -> DeclaredStep {
        var body = wanted
        body["certificates"] = .array(
            certificates.map { certificate in
                .object(
                    .present(
                        ("certificatePem", certificate["certificatePem"]),
                        ("status", certificate["status"]), ("policies", certificate["policies"])))
            })
        return DeclaredStep(ControlCall("AdoptClaim", path: ["claim": name], body: body))
    }

    private func changes(
        _ name: String, _ current: JSONObject, _ wanted: JSONObject
    ) -> [DeclaredStep] {
        var steps: [DeclaredStep] = []
        var body = JSONObject()
        for member in Self.terms where current[member] != wanted[member] {
            body[member] = wanted[member] ?? .null
        }
        if !body.isEmpty {
            steps.append(
                DeclaredStep(ControlCall("LimitClaim", path: ["claim": name], body: body)))
        }
        if current["status"] != wanted["status"] {
            steps.append(
                DeclaredStep(
                    ControlCall(
                        "SetClaimStatus", path: ["claim": name],
                        body: .present(
                            ("status", wanted["status"] ?? Self.defaults["status"]),
                            ("reason", wanted["statusReason"])))))
        }
        return steps
    }

    private func certificateSteps(
        _ name: String, _ current: JSONObject, _ declared: [JSONValue]
    ) -> [DeclaredStep] {
        let there = Dictionary(
            (current["certificates"]?.arrayValue ?? []).map { (Self.id($0), $0) },
            uniquingKeysWith: { first, _ in first })
        let new = declared.filter { there[Self.id($0)] == nil }
        var steps = new.isEmpty ? [] : [self.adoption(name, [:], new)]
        for certificate in declared {
            let id = Self.id(certificate)
            guard let present = there[id] else { continue }
            if present["status"] != certificate["status"] {
                steps.append(
                    DeclaredStep(
                        ControlCall(
                            "UpdateCertificate", path: ["certificateId": id],
                            query: ["newStatus": certificate["status"]?.stringValue])))
            }
            steps += self.policySteps(
                id, CurrentResource(state: present.objectValue ?? [:]),
                certificate.objectValue ?? [:])
        }
        return steps
    }
}
