import Fleet
import HTTPTypes
import JSON
import Registry

/// Claims with terms: made, limited, stopped, ended and given new certificates.
package enum ClaimRecordOperations {
    static let terms = [
        "templates", "budget", "registrationsPerUnit", "pendingMax", "perMinute", "notBefore",
        "notAfter", "networks", "serials", "shifts", "station", "lot",
    ]
    /// A claim's certificate where nothing else is said.
    private static let validityDaysDefault = 365
    private static let validityDaysMax = 3650

    package static let all: [Operation] = [
        Operation(
            "CreateClaim", .post, "/slipway/claims",
            members: ["name", "validityDays"] + Self.terms,
            summary: "A claim with its terms and its first certificate",
            target: { request, realm throws(FleetError) in
                realm.claim(try ClaimName(try request.text("name")))
            }, handleSecret: Self.create),
        Operation(
            "AdoptClaim", .put, "/slipway/claims/{claim}",
            members: ["status", "statusReason", "spent", "certificates"] + Self.terms,
            summary: "A claim from elsewhere, with what it has spent and its certificates",
            target: Self.target, handle: Self.adopt),
        Operation(
            "ListClaims", .get, "/slipway/claims", query: ["after", "limit"],
            summary: "Every claim with its terms and what it has spent", handle: Self.list),
        Operation(
            "DescribeClaim", .get, "/slipway/claims/{claim}",
            summary: "One claim: terms, spend against budget, certificates",
            target: Self.target, handle: Self.describe),
        Operation(
            "ListClaimSpend", .get, "/slipway/claims/{claim}/spend", query: ["after", "limit"],
            summary: "What a claim has spent, by hour and station", target: Self.target,
            handle: Self.spend),
        Operation(
            "LimitClaim", .put, "/slipway/claims/{claim}/terms", members: Self.terms,
            summary: "Other terms for a claim; those not named stay, null takes one away",
            target: Self.target, handle: Self.limit),
        Operation(
            "SetClaimStatus", .put, "/slipway/claims/{claim}/status",
            members: ["status", "reason"],
            summary: "DISABLED stops a claim, ACTIVE lets it go on, REVOKED ends it",
            target: Self.target, handle: Self.setStatus),
        Operation(
            "RotateClaim", .post, "/slipway/claims/{claim}/certificates",
            members: ["validityDays", "keepOld"],
            summary: "A new certificate for a claim; the old ones are revoked",
            target: Self.target, handleSecret: Self.rotate),
    ]

    private static let target: Operation.Target = { request, realm throws(FleetError) in
        realm.claim(try request.name("claim", as: ClaimName.self))
    }

    // MARK: Making

    private static func create(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> SecretAnswer {
        let now = services.clock.now
        var terms = ClaimTerms(
            name: try ClaimName(try request.text("name")), createdAt: now,
            createdBy: request.actor.person)
        try ClaimTermsBody(request).apply(to: &terms)
        guard let templates = terms.templates else {
            throw FleetError(.invalidRequest, "/templates is missing: name those it may use")
        }
        try Claims.check(terms)
        let keys = Claims.keys(terms.name).union(templates.map { .template($0) })
        // Before a key is made for a claim that cannot be.
        try await Self.requireTemplates(templates, "slipway:CreateClaim", request, services)
        let made = try await Self.issue(request, terms, services)
        _ = try await services.decide(
            keys.union([.certificate(made.issuance.certificate.id)]),
            by: request.actor
        ) { view, now throws(FleetError) in
            try made.issuance.create(in: view, at: now)
        }
        return try await Self.answer(terms.name, made, services)
    }

    private static func rotate(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> SecretAnswer {
        let name = try request.name("claim", as: ClaimName.self)
        let keepsOld = try request.optionalFlag("keepOld") ?? false
        let terms = try Claims.existing(
            name, in: try await services.store.load([.claimTerms(name)]))
        let made = try await Self.issue(request, terms, services)
        _ = try await services.decide(
            by: request.actor,
            load: { store async throws(FleetError) in
                let new = RecordKey.certificate(made.issuance.certificate.id)
                return try await store.load(Claims.keys(name).union([new])) { view in
                    Self.keysOfCertificates(of: name, in: view)
                }
            }
        ) { view, now throws(FleetError) in
            try made.issuance.rotate(keepingOld: keepsOld, in: view, at: now)
        }
        return try await Self.answer(name, made, services)
    }

    /// Whoever holds a claim may provision by its templates: a right upon the claim alone would
    /// be one upon every template.
    private static func requireTemplates(
        _ templates: [TemplateName], _ action: String, _ request: OperationRequest,
        _ services: ControlPlaneServices
    ) async throws(FleetError) {
        for template in templates {
            try request.authorize(action, services.realm.template(template))
        }
        let view = try await services.store.load(Set(templates.map { .template($0) }))
        for template in templates { _ = try Templates.existing(template, in: view) }
    }

    private struct Made {
        let issuance: ClaimIssuance
        let pair: KeyPair
    }

    private static func issue(
        _ request: OperationRequest, _ terms: ClaimTerms, _ services: ControlPlaneServices
    ) async throws(FleetError) -> Made {
        let days = try request.optionalInteger("validityDays") ?? Self.validityDaysDefault
        guard (1...Self.validityDaysMax).contains(days) else {
            throw FleetError(
                .invalidRequest, "/validityDays is \(days); it must be 1 to \(Self.validityDaysMax)"
            )
        }
        let issuing = try services.requireIssuing()
        let pair = try await issuing.keyPairs.next()
        let now = services.clock.now
        let issued = try await issuing.issuer.issueClaim(
            publicKey: pair.publicKey, validitySeconds: Int64(days) * 86_400, at: now)
        return Made(
            issuance: ClaimIssuance(
                issued, for: terms, in: services.realm, by: request.actor, at: now), pair: pair)
    }

    private static func answer(
        _ name: ClaimName, _ made: Made, _ services: ControlPlaneServices
    ) async throws(FleetError) -> SecretAnswer {
        var answer = try await Self.described(name, services)
        answer["certificateId"] = .string(made.issuance.certificate.id.rawValue)
        answer["certificatePem"] = .string(made.issuance.certificate.pem)
        return SecretAnswer(answer, keyPair: made.pair)
    }

    // MARK: Changing

    private static func limit(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("claim", as: ClaimName.self)
        let body = try ClaimTermsBody(request)
        try await Self.requireTemplates(
            body.templates ?? [], "slipway:LimitClaim", request, services)
        _ = try await services.decide(Claims.keys(name), by: request.actor) {
            view, now throws(FleetError) in
            try Claims.limit(name, in: view, realm: services.realm, at: now) {
                terms throws(FleetError) in try body.apply(to: &terms)
            }
        }
        return .object(try await Self.described(name, services))
    }

    private static func setStatus(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("claim", as: ClaimName.self)
        let text = try request.text("status")
        guard let status = ClaimTerms.Status(rawValue: text) else {
            throw FleetError(
                .invalidRequest,
                "/status must be ACTIVE, DISABLED or REVOKED, not '\(text.clipped)'")
        }
        if status == .active {
            // Whoever stopped it may have had a reason that the line does not know. To let it go
            // on is to take it in again.
            try request.authorize("slipway:AdoptClaim", services.realm.claim(name))
        }
        let reason = try request.optionalText("reason")
        let decided = try await services.decide(
            by: request.actor,
            load: { store async throws(FleetError) in
                try await store.load(Claims.keys(name)) { view in
                    Set(view.certificates(ofClaim: name).map { .certificate($0) })
                }
            }
        ) { view, now throws(FleetError) in
            status == .revoked
                ? try Claims.revoke(name, reason: reason, in: view, at: now)
                : try Claims.setStatus(name, status, reason: reason, in: view, at: now)
        }
        var answer = try await Self.described(name, services)
        if let before = decided.view.claimTerms(name), before.status == status {
            // Whoever believes to have just ended it should know that somebody did before.
            answer["wasSo"] = true
            answer["reasonBefore"] = before.statusReason.map { .string($0) }
        }
        return .object(answer)
    }

    /// The claim's certificates, what is attached to them, and those policies.
    private static func keysOfCertificates(
        of name: ClaimName, in view: RegistryView
    ) -> Set<RecordKey> {
        var keys: Set<RecordKey> = []
        for id in view.certificates(ofClaim: name) {
            let attached = RecordKey.policiesOfTarget(.certificate(id))
            keys.formUnion([.certificate(id), attached])
            guard view.holds(attached) else { continue }
            keys.formUnion(view.policiesOfTarget(.certificate(id)).map { .policy($0) })
        }
        return keys
    }

    // MARK: Reading

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let limit = try request.queryInteger("limit") ?? ListQuery.limitMax
        let page = try await services.store.page(
            ListQuery(.claimTerms, after: request.query["after"], limit: limit))
        let all = page.records.compactMap { record -> ClaimTerms? in
            if case .claimTerms(let terms) = record { terms } else { nil }
        }
        let view = try await services.store.load(Set(all.map { .claimSpent($0.name) }))
        let claims = all.map { terms -> JSONValue in
            .object(ClaimShape.json(terms, spent: view.count(.claimSpent(terms.name))))
        }
        return ["claims": .array(claims), "next": page.next.map { .string($0) } ?? nil]
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        .object(try await Self.described(try request.name("claim"), services))
    }

    static func described(
        _ name: ClaimName, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONObject {
        let first = try await services.store.load([
            .claimTerms(name), .certificatesOfClaim(name), .claimSpent(name),
        ])
        let terms = try Claims.existing(name, in: first)
        let ids = first.certificates(ofClaim: name)
        let second = try await services.store.load(
            Set(ids.flatMap { [RecordKey.certificate($0), .pendingOfClaim($0)] }))
        let now = services.clock.now
        var answer = ClaimShape.json(terms, spent: first.count(.claimSpent(name)))
        answer["certificates"] = .array(
            ids.compactMap { id in
                second.certificate(id).map { certificate in
                    .object(
                        .present(
                            ("certificateId", .string(id.rawValue)),
                            ("status", .string(certificate.status.rawValue)),
                            ("notAfter", .string(certificate.notAfter.description)),
                            ("expired", .bool(now >= certificate.notAfter)),
                            ("pending", .int(second.count(.pendingOfClaim(id))))))
                }
            })
        return answer
    }

    private static func spend(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("claim", as: ClaimName.self)
        _ = try Claims.existing(name, in: try await services.store.load([.claimTerms(name)]))
        let limit = try request.queryInteger("limit") ?? ListQuery.limitMax
        let page = try await services.store.page(
            ListQuery(.claimHours(name), after: request.query["after"], limit: limit))
        let hours = page.records.compactMap { record -> JSONValue? in
            guard case .claimHour(let hour) = record else { return nil }
            return [
                "hour": .string(hour.hour.description), "station": .string(hour.station),
                "units": .int(hour.units), "repeats": .int(hour.repeats),
            ]
        }
        return ["spend": .array(hours), "next": page.next.map { .string($0) } ?? nil]
    }
}
