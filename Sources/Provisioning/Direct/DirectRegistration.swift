package import Fleet
import JSON

/// The use case of operators: a template and its parameters become a device at once, without a
/// claim, a token or a hook. AWS: RegisterThing (REST), and each line of a bulk registration.
///
/// It ends in the very decision that a device's own dialogue ends in, and in one commit: thing,
/// groups, policies, certificate and attachments appear together or not at all. A certificate that
/// was issued on the way is returned only after that commit.
package struct DirectRegistration: Sendable {
    package struct Ports: Sendable {
        package let store: any FleetStore
        package let issuer: any CertificateIssuer
        package let inspector: any CertificateInspector
        package let clock: any WallClock
        package let entropy: any Entropy

        package init(
            store: any FleetStore, issuer: any CertificateIssuer,
            inspector: any CertificateInspector, clock: any WallClock, entropy: any Entropy
        ) {
            self.store = store
            self.issuer = issuer
            self.inspector = inspector
            self.clock = clock
            self.entropy = entropy
        }
    }

    /// How often a lost race is decided afresh. Lines of one file race for the policy that all of
    /// them name, and only until it is there.
    static let conflictRetriesMax = 5

    private let ports: Ports
    let realm: Realm

    package init(ports: Ports, realm: Realm) {
        self.ports = ports
        self.realm = realm
    }

    /// Idempotent in AWS's sense: the same order again finds its thing, policies and attachments
    /// there and changes nothing, but a `CertificateSigningRequest` is answered by one more
    /// certificate each time. A line of a task is done once, whatever it holds.
    ///
    /// - Throws: `FleetError.resourceRegistrationFailure`, saying what and where, for whatever the
    ///   order or the registry forbids; `.invalidRequest` for parameters out of bounds; `.conflict`
    ///   where the registry kept changing.
    package func register(
        _ order: RegistrationOrder, by actor: Actor
    ) async throws(FleetError) -> RegisteredDevice {
        if let problem = ParameterRules.problem(in: order.parameters)
            ?? ParameterRules.problem(
                in: order.parameters, declared: order.template.document.parameters)
        {
            throw FleetError(.invalidRequest, "parameters: \(problem)")
        }
        do throws(FleetError) {
            if let done = try await self.recognised(order.line) { return done }
            let candidate = try await self.candidate(for: order)
            for _ in 0..<Self.conflictRetriesMax {
                do throws(FleetError) {
                    return try await self.attempt(order, candidate, by: actor)
                } catch {
                    guard error.code == .conflict else { throw error }
                }
                if let done = try await self.recognised(order.line) { return done }
            }
            return try await self.attempt(order, candidate, by: actor)
        } catch {
            throw error.asRegistrationFailure
        }
    }

    private func attempt(
        _ order: RegistrationOrder, _ candidate: CertificateCandidate?, by actor: Actor
    ) async throws(FleetError) -> RegisteredDevice {
        let parameters = ResolvedParameters(
            fromCaller: order.parameters, document: order.template.document,
            certificate: candidate?.id, realm: self.realm)
        let rendered = try TemplateRenderer.render(order.template.document, with: parameters)
        let decision = DirectDecision(
            order: order, candidate: candidate, parameters: parameters, actor: actor,
            realm: self.realm, newThingID: self.ports.entropy.resourceID(),
            idsOfMissing: order.createsMissing
                ? (0..<MissingResources.idsMax).map { _ in self.ports.entropy.resourceID() } : [],
            at: self.ports.clock.now)
        let view = try await self.load(rendered, candidate, order.line)
        let decided = try decision.decide(rendered, in: view)
        if !decided.changeSet.changes.isEmpty {
            CrashPoint.reached(.beforeDirectCommit)
            _ = try await self.ports.store.commit(decided.changeSet, by: actor)
            CrashPoint.reached(.afterDirectCommit)
        }
        return decided.outcome
    }

    private func load(
        _ rendered: RenderedTemplate, _ candidate: CertificateCandidate?,
        _ line: RegistrationLine?
    ) async throws(FleetError) -> RegistryView {
        var keys = rendered.keys.union(candidate?.keys ?? [])
        if let line { keys.insert(.registeredLine(line)) }
        return try await self.ports.store.load(keys) { view in
            guard let candidate else { return [] }
            return KeyOwnership.keys(
                of: view.certificatesWithKey(candidate.publicKey).filter { $0 != candidate.id })
        }
    }

    /// What a line became before the process died, between its commit and its report.
    private func recognised(
        _ line: RegistrationLine?
    ) async throws(FleetError) -> RegisteredDevice? {
        guard let line,
            let record = try await self.ports.store.load([.registeredLine(line)])
                .registeredLine(line)
        else { return nil }
        var pem: String?
        if let id = record.certificate {
            pem = try await self.ports.store.load([.certificate(id)]).certificate(id)?.pem
        }
        return try RegisteredDevice(record, certificatePEM: pem)
    }

    // MARK: The certificate

    private func candidate(
        for order: RegistrationOrder
    ) async throws(FleetError) -> CertificateCandidate? {
        let document = order.template.document
        guard let resource = document.certificate else { return nil }
        let sent = order.parameters[PseudoParameter.certificateID.rawValue]
        let parameters = ResolvedParameters(
            fromCaller: order.parameters, document: document,
            certificate: try sent.map { text throws(FleetError) in try CertificateID(text) },
            realm: self.realm)
        guard
            let rendered = try TemplateRenderer.certificate(of: document, with: parameters)
        else { return nil }
        let place = "/Resources/\(resource.logicalName)/Properties"
        do throws(FleetError) {
            let choice = document.certificateDemands?.choice {
                TemplateRenderer.text($0, of: document, with: parameters)
            }
            return try await self.candidate(rendered, as: choice ?? .standard)
        } catch {
            throw error.at("\(place)/\(rendered.property)")
        }
    }

    private func candidate(
        _ rendered: RenderedCertificate, as choice: CertificateChoice
    ) async throws(FleetError) -> CertificateCandidate {
        switch rendered {
        case .existing(let id):
            guard let found = try await self.ports.store.load([.certificate(id)]).certificate(id)
            else {
                throw FleetError(
                    .notFound, "there is no certificate \(id)", resource: id.rawValue)
            }
            return .existing(found)
        case .request(let csr):
            guard csr.count <= Limits.csrCharactersMax else {
                throw FleetError(
                    .invalidCSR,
                    "it has \(csr.count) characters; at most \(Limits.csrCharactersMax)")
            }
            return .issued(
                try await self.ports.issuer.issue(
                    csr: csr, as: choice, at: self.ports.clock.now))
        case .foreign(let pem, let authorityPEM):
            let inspected = try self.ports.inspector.inspect(pem)
            try inspected.requireDevice(at: self.ports.clock.now)
            let authority = try await AuthoritySearch(
                store: self.ports.store, inspector: self.ports.inspector
            ).authority(of: inspected, named: authorityPEM, at: self.ports.clock.now)
            return .foreign(inspected, authority: authority)
        }
    }
}

extension RenderedCertificate {
    /// The property that says which certificate is meant.
    fileprivate var property: String {
        switch self {
        case .existing: "CertificateId"
        case .request: "CertificateSigningRequest"
        case .foreign: "CertificatePem"
        }
    }
}

extension FleetError {
    /// The faults that lie in an order, or in what the registry holds against it.
    private static let faultsOfOrders: Set<Code> = [
        .invalidParameters, .invalidCSR, .invalidRequest, .resourceConflict, .notFound,
        .alreadyExists, .limitExceeded, .certificateState, .certificateValidation,
        .malformedPolicy,
    ]

    /// AWS: ResourceRegistrationFailureException for these; what is the service's own fault stays
    /// what it is.
    var asRegistrationFailure: FleetError {
        Self.faultsOfOrders.contains(self.code)
            ? FleetError(.resourceRegistrationFailure, self.message, resource: self.resource)
            : self
    }
}
