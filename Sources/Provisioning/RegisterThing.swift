package import Fleet
package import JSON
import Registry

/// AWS: RegisterThing request, as it came in.
package struct RegisterThingRequest: Sendable {
    /// From the topic; unchecked.
    package let template: String
    package let ownershipToken: Secret<String>
    package let parameters: [String: String]

    package init(
        template: String, ownershipToken: Secret<String>, parameters: [String: String]
    ) {
        self.template = template
        self.ownershipToken = ownershipToken
        self.parameters = parameters
    }

    /// What tells this request from another with the same token.
    var parametersDigest: String {
        ContentDigest.sha256(of: JSONPrinter.print(.object(self.document), style: .canonical))
    }

    var document: JSONObject {
        JSONObject(
            self.parameters.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
    }
}

extension Provisioner {
    /// The service's algorithm for RegisterThing: token, template, hook, rendering, plan, and one
    /// commit for thing, groups, policies, attachments, activation, provenance and token.
    ///
    /// Idempotent: a device whose reply was lost sends the same again and gets the same answer,
    /// also where the template has changed meanwhile or the hook would now refuse.
    ///
    /// - Returns: the accepted reply's `deviceConfiguration` and `thingName`.
    package func registerThing(
        _ request: RegisterThingRequest, for publisher: Publisher
    ) async throws(FleetError) -> JSONObject {
        try await self.perform(.registerThing, of: request.template, for: publisher) {
            () async throws(FleetError) -> JSONObject in
            let token = try TokenJudgement.contents(
                of: request.ownershipToken, from: publisher, mint: self.mint)
            var hookCall: HookCall?
            return try await self.settle { () async throws(FleetError) -> JSONObject in
                try await self.attempt(
                    request, with: token, for: publisher, hookCall: &hookCall)
            }
        }
    }

    private func attempt(
        _ request: RegisterThingRequest, with contents: OwnershipTokenMint.Contents,
        for publisher: Publisher, hookCall: inout HookCall?
    ) async throws(FleetError) -> JSONObject {
        let now = try self.issuingTime()
        let name = try? TemplateName(request.template)
        let view = try await self.loadStart(contents, template: name)
        try Speaker.check(publisher.principal, in: view.registry)
        let judgement = try TokenJudgement.judge(
            contents, for: request, in: view.registry, at: now)
        let pending: TokenJudgement.Pending
        switch judgement {
        case .answered(let redemption):
            try TokenJudgement.checkStands(view.registry.certificate(contents.certificate))
            return try self.replay(redemption, contents, publisher)
        case .pending(let found): pending = found
        }
        Attempt.current?.judged(pending)
        let template = try await self.template(name, request.template, in: view)
        Attempt.current?.found(template)
        var standing = ClaimStanding(publisher, in: view.registry)
        standing.serialParameter = self.settings.enrolment.serialParameter
        standing.declared = Set(template.document.parameters.map(\.name))
        try standing.checkRegistration(by: template.record.name, at: now)
        try RegistrationRendering.check(request.parameters, for: template.document)
        let outcome = try await self.ask(
            template, about: pending, request, publisher,
            claim: view.registry.claim(contents.claim), memo: &hookCall)
        CrashPoint.reached(.afterHook)
        let rendering = try RegistrationRendering(
            sent: request.parameters, overrides: outcome?.overrides ?? [:],
            document: template.document, certificate: contents.certificate,
            realm: self.settings.realm)
        Attempt.current?.registers(serial: self.serial(in: rendering.parameters.texts))
        let registration = ThingRegistration(
            request: request, publisher: publisher, pending: pending, template: template,
            hook: outcome, rendering: rendering, start: view.registry,
            newThingID: self.ports.entropy.resourceID(), at: now, standing: standing,
            enrolment: self.settings.enrolment, renewal: self.settings.renewal)
        let registry = try await self.loadRegistry(
            rendering.rendered, for: pending.certificate, by: publisher,
            and: standing.keysToSpend(on: rendering.rendered.thing).union(registration.unitKeys))
        let decided = try await self.decide(registration, in: registry)
        Attempt.current?.planned(decided.plan)
        CrashPoint.reached(.beforeRegisterCommit)
        _ = try await self.ports.store.commit(
            decided.changeSet, by: .principal(publisher.principal, from: publisher.sourceAddress))
        CrashPoint.reached(.afterRegisterCommit)
        Attempt.current?.committed()
        self.announce(
            .thingRegistered(
                .init(
                    thing: decided.plan.thing.name, certificate: contents.certificate,
                    template: template.record.name, templateVersion: template.version.id,
                    publisher: publisher, isReplay: false)))
        return decided.plan.answer
    }

    /// - Throws: the refusal; `FleetError.conflict` where another request with the same token was
    ///   faster: what its registration did is no fault of this one's parameters, and decided afresh
    ///   the token says so.
    private func decide(
        _ registration: ThingRegistration, in registry: RegistryView
    ) async throws(FleetError) -> ThingRegistration.Decided {
        do throws(FleetError) {
            let verdicts = registration.verdicts(in: registry)
            for verdict in verdicts {
                try await self.settleVerdict(verdict, registration, in: registry)
            }
            return try registration.decide(in: registry, verdicts: verdicts)
        } catch {
            let token = registration.pending.token
            let view = try await self.ports.store.load([.ownershipToken(token.hash)])
            guard view.ownershipToken(token.hash) == token else {
                throw FleetError(.conflict, "the ownership token was used meanwhile")
            }
            throw error
        }
    }

    // MARK: Loading

    /// A view, and what it was asked for.
    struct StartView {
        let registry: RegistryView
        let guess: TemplateCache.Guess?
    }

    private func loadStart(
        _ contents: OwnershipTokenMint.Contents, template: TemplateName?
    ) async throws(FleetError) -> StartView {
        var keys: Set<RecordKey> = [
            .ownershipToken(contents.hash), .certificate(contents.certificate),
            .certificate(contents.claim), .claim(contents.claim), .termsOfClaim(contents.claim),
        ]
        var guess: TemplateCache.Guess?
        if let template {
            keys.insert(.template(template))
            guess = self.templates.guess(template)
            if let guess {
                keys.insert(.templateVersion(template, guess.version))
                if let hook = guess.hook { keys.insert(.hook(hook)) }
            }
        }
        return StartView(registry: try await self.ports.store.load(keys), guess: guess)
    }

    private func loadRegistry(
        _ rendered: RenderedTemplate, for certificate: Certificate, by publisher: Publisher,
        and further: Set<RecordKey>
    ) async throws(FleetError) -> RegistryView {
        var keys = rendered.keys
            .union(PlanDecision.keys(of: certificate.id))
            .union([
                .certificatesWithKey(certificate.publicKey), .knownKey(certificate.publicKey),
                .principalsOfThing(rendered.thing),
            ])
            .union(further)
        let claim = publisher.principal
        let isDevice = publisher.kind == .device
        if isDevice { keys.formUnion([.thingsOfCertificate(claim), .renewal(claim)]) }
        return try await self.ports.store.load(keys) { view in
            let lost = isDevice ? RenewalLink.further(view, of: claim) : []
            return EnrolmentVerdict.further(
                KeyOwnership.others(of: certificate, in: view), of: rendered.thing, by: claim,
                in: view
            ).union(lost)
        }
    }

    private func template(
        _ name: TemplateName?, _ text: String, in start: StartView
    ) async throws(FleetError) -> UsableTemplate {
        guard let name, let record = start.registry.template(name) else {
            throw FleetError(
                .templateNotFound, "there is no provisioning template '\(text.clipped)'",
                resource: text.clipped)
        }
        if let refusal = TemplateGate.refusal(of: record) { throw refusal }
        let needed = TemplateCache.Guess(version: record.defaultVersionID, hook: record.hook)
        var view = start.registry
        if start.guess != needed {
            var keys: Set<RecordKey> = [.templateVersion(name, needed.version)]
            if let hook = needed.hook { keys.insert(.hook(hook)) }
            view = try await self.ports.store.load(keys)
            self.templates.remember(needed, of: name)
        }
        guard let version = view.templateVersion(name, needed.version) else {
            throw FleetError(
                .internalFailure, "template '\(name)' has no version \(needed.version)")
        }
        return UsableTemplate(
            record: record, version: version, document: try self.templates.document(of: version),
            hook: needed.hook.map { name in view.hook(name).map { .script($0) } ?? .missing(name) })
    }

    // MARK: Answers

    private func replay(
        _ redemption: OwnershipToken.Redemption, _ contents: OwnershipTokenMint.Contents,
        _ publisher: Publisher
    ) throws(FleetError) -> JSONObject {
        guard let answer = try? JSONParser.parse(redemption.answer).objectValue,
            let thing = answer["thingName"]?.stringValue, let name = try? ThingName(thing)
        else {
            throw FleetError(.internalFailure, "a stored answer cannot be read")
        }
        Attempt.current?.replayed(name, contents.certificate)
        self.announce(
            .thingRegistered(
                .init(
                    thing: name, certificate: contents.certificate,
                    template: redemption.template, templateVersion: redemption.templateVersion,
                    publisher: publisher, isReplay: true)))
        return answer
    }
}

/// A template with everything a registration by it needs.
struct UsableTemplate {
    let record: ProvisioningTemplate
    let version: TemplateVersion
    let document: TemplateDocument
    /// nil where the template names no hook.
    let hook: Hook?

    enum Hook {
        case script(HookScript)
        /// The template names one that is not there.
        case missing(HookName)
    }
}
