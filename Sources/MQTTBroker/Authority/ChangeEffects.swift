import Fleet

/// What a commit means to live connections: which records they may have relied upon are no longer
/// what they read, and which principals must go at once, whatever else is true.
struct ChangeEffects: Sendable {
    private(set) var changedKeys: Set<RecordKey> = []
    private(set) var dropped: [CertificateID: PrincipalRefusal] = [:]
    let cause: Cause

    /// The commit, for the time from it to the sockets that it closes.
    struct Cause: Hashable, Sendable {
        let sequence: Commit.Sequence
        let time: UnixTime
        /// The digest of the plan that it is a part of; nil where it stands alone.
        var decision: String?
    }

    var isEmpty: Bool { self.changedKeys.isEmpty }

    init(_ commit: Commit) {
        self.cause = Cause(
            sequence: commit.sequence, time: commit.time, decision: commit.decision)
        for change in commit.changes { self.add(change) }
    }

    private mutating func add(_ change: Change) {
        switch change {
        case .setCertificateStatus(let id, let status, _, _):
            self.changedKeys.insert(.certificate(id))
            self.dropped[id] = status == .active ? nil : .notActive(status)
        case .deleteCertificate(let id):
            self.changedKeys.insert(.certificate(id))
            self.dropped[id] = .unknownCertificate
        case .putCertificate(let certificate):
            self.changedKeys.insert(.certificate(certificate.id))
        case .putAuthority(let authority):
            self.changedKeys.insert(.authority(authority.id))
        case .deleteAuthority(let id):
            self.changedKeys.insert(.authority(id))
        case .putClaim(let claim):
            self.changedKeys.insert(.termsOfClaim(claim.certificate))
        case .putClaimTerms(let terms):
            self.changedKeys.insert(.claimTerms(terms.name))
        case .putThing(let thing):
            self.changedKeys.insert(.thing(thing.name))
        case .deleteThing(let name):
            self.changedKeys.insert(.thing(name))
            self.changedKeys.insert(.groupsOfThing(name))
        case .putThingGroup(let group):
            self.changedKeys.insert(.thingGroup(group.name))
        case .deleteThingGroup(let name):
            // Members' connections rely on the group's own record, all of them.
            self.changedKeys.insert(.thingGroup(name))
            self.changedKeys.insert(.policiesOfTarget(.thingGroup(name)))
        case .addThingToGroup(let thing, _), .removeThingFromGroup(let thing, _):
            self.changedKeys.insert(.groupsOfThing(thing))
        case .putPolicy(let policy):
            self.changedKeys.insert(.policy(policy.name))
        case .deletePolicy(let name), .setDefaultPolicyVersion(let name, _, _),
            .addPolicyVersion(let name, _, isDefault: true):
            self.changedKeys.insert(.policy(name))
        case .attachPolicy(_, let target), .detachPolicy(_, let target):
            self.changedKeys.insert(.policiesOfTarget(target))
        case .attachThingPrincipal(let attachment):
            self.changedKeys.insert(.thingsOfCertificate(attachment.certificate))
        case .detachThingPrincipal(_, let certificate):
            self.changedKeys.insert(.thingsOfCertificate(certificate))
        // Nothing of these is read to judge a connection; a first sight, above all, must not make
        // every new device be judged twice.
        case .setProvenance, .recordFirstSeen, .deletePolicyVersion,
            // The status that comes with it is what counts here.
            .putRevocation, .recordFinding, .releaseHold, .noteKeyWeakness, .putRenewal,
            .addPolicyVersion(_, _, isDefault: false), .putThingType, .deleteThingType,
            .putBillingGroup, .setBillingGroup, .deleteBillingGroup, .setTags,
            .putCertificateProvider, .deleteCertificateProvider,
            .putEventConfigurations, .putIndexingConfiguration,
            .putTemplate, .deleteTemplate, .putTemplateVersion, .deleteTemplateVersion,
            .putHook, .deleteClaim, .spendClaim, .setClaimSpent, .putRegistrationCode,
            .deleteRegistrationCode,
            .putOwnershipToken, .redeemOwnershipToken, .deleteOwnershipToken,
            .putAccessKey, .deleteAccessKey, .putRole, .deleteRole,
            .putRegistrationTask, .setRegistrationTaskState, .deleteRegistrationTask,
            .recordRegisteredLine, .forgetRegisteredLines,
            .publishAllowlist, .addAllowlistEntries, .removeAllowlistEntries,
            .setAllowlistStanding:
            break
        }
    }
}
