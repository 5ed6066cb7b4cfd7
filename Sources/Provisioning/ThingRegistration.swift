import Fleet
import JSON

/// The one decision that turns a pending certificate into a device's identity.
struct ThingRegistration {
    struct Decided {
        let plan: ProvisioningPlan
        let changeSet: ChangeSet
    }

    let request: RegisterThingRequest
    let publisher: Publisher
    let pending: TokenJudgement.Pending
    let template: UsableTemplate
    let hook: HookCall.Outcome?
    let rendering: RegistrationRendering
    /// The view that token, certificate, claim and template were judged by.
    let start: RegistryView
    let newThingID: ResourceID
    let at: UnixTime
    let standing: ClaimStanding
    let enrolment: EnrolmentSettings
    let renewal: RenewalSettings

    private var passage: AllowlistPassage? {
        self.hook.flatMap {
            AllowlistPassage(
                $0.trace.outcome.reads,
                of: DeviceSerial.all(
                    in: self.request.parameters, named: self.enrolment.serialParameter)
                    + DeviceSerial.all(
                        in: self.rendering.parameters.texts, named: self.enrolment.serialParameter))
        }
    }

    /// The entries of lists that the hook asked for.
    var unitKeys: Set<RecordKey> { self.passage?.keys ?? [] }

    /// What it means that this key and this serial are seen, perhaps again. The key comes first:
    /// a copied image is the graver of the two.
    func verdicts(in view: RegistryView) -> [EnrolmentVerdict] {
        let certificate = self.pending.certificate
        let thing = self.rendering.rendered.thing
        let copy = EnrolmentVerdict.judgeKey(
            KeyOwnership.others(of: certificate, in: view), key: certificate.publicKey,
            of: certificate.id, for: thing, in: view, settings: self.enrolment)
        let renewed = self.renewed(in: view)
        let serial = EnrolmentVerdict.judge(
            thing,
            EnrolmentVerdict.Arrival(
                certificate: certificate.id, key: certificate.publicKey,
                claim: self.publisher.principal, isRenewal: renewed != nil,
                station: self.provenance(renewing: renewed).registration?.station), in: view,
            settings: self.enrolment, at: self.at)
        return [copy, serial].compactMap { $0 }
    }

    /// What is kept of a verdict; nothing of a first time.
    func finding(_ verdict: EnrolmentVerdict) -> EnrolmentFinding? {
        var evidence: JSONObject = [
            "claim": .string(self.publisher.principal.rawValue),
            "clientId": .string(self.publisher.clientID.clipped),
            "source": .string(self.publisher.sourceAddress),
        ]
        let provenance = self.provenance()
        evidence["station"] = provenance.station.map { .string($0.clipped) }
        evidence["lot"] = provenance.lot.map { .string($0.clipped) }
        return verdict.finding(evidence, at: self.at)
    }

    /// The certificate that asks, where it speaks for the very thing: AWS's own way to renew one.
    private func renewed(in view: RegistryView) -> Certificate? {
        guard self.publisher.kind == .device, self.renewal.windowSeconds > 0,
            view.thingsOfCertificate(self.publisher.principal).contains(where: {
                $0.thing == self.rendering.rendered.thing
            })
        else { return nil }
        return self.start.certificate(self.publisher.principal)
    }

    /// What makes the certificate wait for a person, with the facts that the person needs.
    func holding(
        _ verdict: EnrolmentVerdict, _ finding: EnrolmentFinding, in view: RegistryView
    ) -> ChangeSet {
        let certificate = self.pending.certificate
        return ChangeSet(
            action: "HoldEnrolment",
            preconditions: [
                self.start.asSeen(.certificate(certificate.id)),
                view.asSeen(.principalsOfThing(verdict.thing)),
            ],
            changes: [
                .setCertificateStatus(
                    certificate.id, .pendingActivation,
                    reason: EnrolmentMark.held(finding.kind, verdict.thing), at: self.at),
                .setProvenance(certificate.id, self.provenance()),
                .recordFinding(finding),
            ],
            detail: [
                "thing": .string(verdict.thing.rawValue),
                "certificate": .string(certificate.id.rawValue),
                "enrolment": .object(verdict.detail),
            ])
    }

    func decide(
        in view: RegistryView, verdicts: [EnrolmentVerdict]
    ) throws(FleetError) -> Decided {
        let certificate = self.pending.certificate
        let others = KeyOwnership.others(of: certificate, in: view)
        try KeyOwnership.checkNotRevoked(others, in: view)
        try KeyOwnership.checkNotSpent(certificate.publicKey, in: view)
        try CertificateDemandJudge.check(
            self.rendering.rendered.certificateDemands, of: .init(certificate))
        let plan = try self.rendering.plan(
            self.template.document, from: ProvisioningPlan.Source(self.template.version),
            certificate: certificate.id, newThingID: self.newThingID, in: view, at: self.at)
        let relied: [RecordKey] = [
            .ownershipToken(self.pending.token.hash), .certificate(certificate.id),
            .certificate(self.publisher.principal), .template(self.template.record.name),
        ]
        let isAllowed = EnrolmentMark.isAllowed(certificate, for: self.rendering.rendered.thing)
        var changes = verdicts.filter {
            $0.policy == .replace || (isAllowed && $0.policy != .allow)
        }.flatMap { $0.superseding(at: self.at) }
        changes += verdicts.compactMap(self.finding).map { .recordFinding($0) }
        changes += plan.changes(at: self.at)
        let renewed = self.renewed(in: view)
        let provenance = self.provenance(renewing: renewed)
        changes.append(.setProvenance(certificate.id, provenance))
        changes.append(.redeemOwnershipToken(self.pending.token.hash, self.redemption(plan)))
        let spending = try self.standing.spending(
            on: plan.thing.name, parameters: self.rendering.parameters.texts,
            station: provenance.station, in: view, at: self.at)
        changes += spending?.changes ?? []
        let passage = try self.passage?.changeSet(
            thing: plan.thing.name,
            AllowlistPassage.Device(
                key: certificate.publicKey, station: provenance.station,
                vouchedStation: Self.vouchedStation(
                    self.standing, self.hook?.trace.outcome.attributes ?? [:]),
                parameters: self.rendering.parameters.texts,
                claim: certificate.provenance?.origin.claim), in: view, at: self.at)
        changes += passage?.changes ?? []
        let link = renewed.map {
            RenewalLink(of: $0, to: certificate.id, settings: self.renewal, at: self.at)
        }
        changes += link?.changes(in: view) ?? []
        var detail: JSONObject = [
            "template": .string(self.template.record.name.rawValue),
            "templateVersion": .int(self.template.version.id),
            "clientId": .string(self.publisher.clientID),
            "thing": .string(plan.thing.name.rawValue),
            "certificate": .string(certificate.id.rawValue),
        ]
        detail["hook"] = self.hook.map { .object($0.trace.summary) }
        for member in plan.detail.members { detail[member.key] = member.value }
        for verdict in verdicts where verdict.finding != .first {
            let key = verdict.finding == .copiedImage ? "copiedImage" : "enrolment"
            detail[key] = .object(verdict.detail)
        }
        return Decided(
            plan: plan,
            changeSet: ChangeSet(
                action: ProvisioningOperation.registerThing.rawValue,
                preconditions: relied.map(self.start.asSeen) + plan.preconditions
                    + [view.asSeen(.principalsOfThing(plan.thing.name))]
                    + Set(others + verdicts.flatMap { $0.holders.map(\.id) }).map {
                        view.asSeen(.certificate($0))
                    }
                    + (spending?.preconditions ?? []) + (passage?.preconditions ?? [])
                    + (link?.preconditions(in: view) ?? []),
                changes: changes, detail: detail))
    }

    private func redemption(_ plan: ProvisioningPlan) -> OwnershipToken.Redemption {
        OwnershipToken.Redemption(
            template: self.template.record.name, templateVersion: self.template.version.id,
            parametersDigest: self.request.parametersDigest,
            answer: JSONPrinter.print(.object(plan.answer)), redeemedAt: self.at)
    }

    /// Where a device is registered: the claim says so, else the hook, else the device.
    static func station(
        _ standing: ClaimStanding?, _ kept: [String: String], _ texts: [String: String]
    ) -> String? {
        Self.vouchedStation(standing, kept) ?? Self.label(["Station", "station"], in: texts)
    }

    /// The same without the device's own word, which opens nothing: whoever holds a claim's key
    /// can name any station.
    static func vouchedStation(_ standing: ClaimStanding?, _ kept: [String: String]) -> String? {
        standing?.station ?? Self.label(["station"], in: kept)
    }

    /// What a hook or a device says, where it is fit to stand in tables and reports.
    private static func label(_ names: [String], in texts: [String: String]) -> String? {
        names.lazy.compactMap { texts[$0] }.first(where: ClaimTerms.isLabel)
    }

    /// - Parameter old: the certificate that this one takes over from: what let that one in is
    ///   what let this one in.
    private func provenance(renewing old: Certificate? = nil) -> Provenance {
        let texts = self.rendering.parameters.texts
        let asked =
            self.pending.certificate.provenance?.origin
            ?? Provenance.Origin(
                flow: .operatorMade, claim: self.publisher.principal, clientID: nil,
                sourceAddress: nil, requestedAt: self.pending.token.issuedAt)
        let before = old?.provenance
        let origin =
            old == nil
            ? asked
            : Provenance.Origin(
                flow: asked.flow, claim: before?.origin.claim, clientID: asked.clientID,
                sourceAddress: asked.sourceAddress, requestedAt: asked.requestedAt,
                station: before?.origin.station, lot: before?.origin.lot,
                profile: asked.profile)
        let kept = self.hook?.trace.outcome.attributes ?? [:]
        return Provenance(
            origin: origin,
            registration: Provenance.Registration(
                template: self.template.record.name, templateVersion: self.template.version.id,
                templateDigest: self.template.version.digest, hook: self.hook?.script.name,
                hookDigest: self.hook?.script.digest, allowlist: self.hook?.allowlist?.list,
                allowlistVersion: self.hook?.allowlist?.version,
                clientID: self.publisher.clientID, sourceAddress: self.publisher.sourceAddress,
                station: Self.station(self.standing, kept, texts) ?? before?.station,
                lot: self.standing.lot ?? Self.label(["lot"], in: kept)
                    ?? Self.label(["Lot", "lot"], in: texts) ?? before?.lot,
                parameters: texts, registeredAt: before?.registration?.registeredAt ?? self.at),
            renewal: old.map { Provenance.Renewal(of: $0) })
    }
}

/// One key, one device: a key that already speaks for a thing cannot come to speak for another.
enum KeyOwnership {
    /// The certificates that share the key of `certificate`.
    static func others(of certificate: Certificate, in view: RegistryView) -> [CertificateID] {
        view.certificatesWithKey(certificate.publicKey).filter { $0 != certificate.id }
    }

    static func keys(of others: [CertificateID]) -> Set<RecordKey> {
        Set(others.flatMap { [RecordKey.certificate($0), .thingsOfCertificate($0)] })
    }

    /// What is known of the key from certificates that are no longer there.
    static func checkMemory(
        of key: PublicKeyFingerprint, for thing: ThingName, in view: RegistryView
    ) throws(FleetError) {
        if let taken = view.knownKey(key)?.thing, taken != thing {
            throw FleetError(
                .resourceConflict, "this key belonged to thing '\(taken)'",
                resource: taken.rawValue
            ).because(.copiedImage)
        }
        try self.checkNotSpent(key, in: view)
    }

    /// A key whose certificate was revoked is no better for the certificate being gone.
    static func checkNotSpent(
        _ key: PublicKeyFingerprint, in view: RegistryView
    ) throws(FleetError) {
        guard view.knownKey(key)?.isRevoked != true else {
            throw FleetError(
                .resourceConflict, "this key belonged to a revoked certificate",
                resource: key.rawValue
            ).because(.keyOfRevokedCertificate)
        }
    }

    /// Two registrations of one key at the same moment meet at these certificates' revisions,
    /// which either of them would change.
    static func check(
        _ others: [CertificateID], for thing: ThingName, in view: RegistryView
    ) throws(FleetError) {
        for other in others {
            if let taken = view.thingsOfCertificate(other).first(where: { $0.thing != thing }) {
                throw FleetError(
                    .resourceConflict, "this key already belongs to thing '\(taken.thing)'",
                    resource: taken.thing.rawValue
                ).because(.copiedImage)
            }
        }
        try self.checkNotRevoked(others, in: view)
    }

    static func checkNotRevoked(
        _ others: [CertificateID], in view: RegistryView
    ) throws(FleetError) {
        for other in others where view.certificate(other)?.status == .revoked {
            throw FleetError(
                .resourceConflict, "this key belongs to a revoked certificate",
                resource: other.rawValue
            ).because(.keyOfRevokedCertificate)
        }
    }
}
