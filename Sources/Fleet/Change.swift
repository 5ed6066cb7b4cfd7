package import JSON

/// One thing that becomes true. Changes are values: deciding one does nothing, committing it does
/// everything, and the audit log is the list of those that were committed.
package enum Change: Hashable, Sendable {
    case putThing(Thing)
    case deleteThing(ThingName)
    case putThingType(ThingType)
    case deleteThingType(ThingTypeName)
    case putThingGroup(ThingGroup)
    /// Its members and its policies lose it.
    case deleteThingGroup(ThingGroupName)
    case addThingToGroup(ThingName, ThingGroupName)
    case removeThingFromGroup(ThingName, ThingGroupName)
    case putBillingGroup(BillingGroup)
    /// A thing's billing group alone, which its version does not count (AWS:
    /// AddThingToBillingGroup and its inverse).
    case setBillingGroup(ThingName, BillingGroupName?)
    /// The things in it are in none from then on.
    case deleteBillingGroup(BillingGroupName)
    case putCertificateProvider(CertificateProvider)
    case deleteCertificateProvider(CertificateProviderName)
    /// All tags of the resource, in place of those it had. They go with the resource.
    case setTags(TaggedResource, [String: String])
    case putEventConfigurations(EventConfigurations)
    case putIndexingConfiguration(IndexingConfiguration)

    case putCertificate(Certificate)
    /// One that becomes REVOKED is revoked for reason `unspecified`, unless a `putRevocation` says
    /// more.
    case setCertificateStatus(
        CertificateID, Certificate.Status, reason: String?, at: UnixTime)
    case setProvenance(CertificateID, Provenance)
    /// Keeps the first time only.
    case recordFirstSeen(CertificateID, at: UnixTime)
    /// Its revocation stays, and so does it stay on the CRL.
    case deleteCertificate(CertificateID)
    /// In place of an earlier one: a hold can become final.
    case putRevocation(Revocation)
    /// In place of an earlier finding of its kind on the same certificate.
    case recordFinding(EnrolmentFinding)
    /// Takes a certificateHold back. Any other revocation stays.
    case releaseHold(CertificateID)
    /// What an audit of all keys found. Needs the key to be known.
    case noteKeyWeakness(PublicKeyFingerprint, KeyWeakness)
    /// In place of an earlier one of the same predecessor, which must be there.
    case putRenewal(Renewal)

    /// A policy with the versions it has: how one comes to be.
    case putPolicy(Policy)
    /// One version more; what is already there is not said again, so that a policy's hundredth
    /// version costs what its second did.
    case addPolicyVersion(PolicyName, Policy.Version, isDefault: Bool)
    case setDefaultPolicyVersion(PolicyName, Int, at: UnixTime)
    case deletePolicyVersion(PolicyName, Int, at: UnixTime)
    case deletePolicy(PolicyName)
    case attachPolicy(PolicyName, PolicyTarget)
    case detachPolicy(PolicyName, PolicyTarget)
    case attachThingPrincipal(ThingPrincipal)
    case detachThingPrincipal(ThingName, CertificateID)

    case putTemplate(ProvisioningTemplate)
    /// With all its versions.
    case deleteTemplate(TemplateName)
    case putTemplateVersion(TemplateVersion)
    case deleteTemplateVersion(TemplateName, Int)
    case putHook(HookScript)
    case putClaim(Claim)
    /// The claim's record; its certificate stays.
    case deleteClaim(CertificateID)
    case putClaimTerms(ClaimTerms)
    /// Counts a registration; whether the budget has room for it is a precondition.
    case spendClaim(ClaimSpend)
    /// Units that a claim has spent elsewhere, in place of what was counted.
    case setClaimSpent(ClaimName, Int)
    case putAuthority(Authority)
    case deleteAuthority(CertificateID)
    case putRegistrationCode(RegistrationCode)
    case deleteRegistrationCode

    case putOwnershipToken(OwnershipToken)
    case redeemOwnershipToken(OwnershipTokenHash, OwnershipToken.Redemption)
    case deleteOwnershipToken(OwnershipTokenHash)

    case putAccessKey(AccessKey)
    case deleteAccessKey(AccessKeyID)
    case putRole(AccessRole)
    case deleteRole(RoleName)
    case putRegistrationTask(RegistrationTask)
    case setRegistrationTaskState(RegistrationTaskID, RegistrationTask.State)
    /// With what is left of its lines.
    case deleteRegistrationTask(RegistrationTaskID)
    /// Needs its task. Once: recording a line again is a conflict.
    case recordRegisteredLine(RegisteredLine)
    case forgetRegisteredLines(RegistrationTaskID, through: Int)

    case publishAllowlist(AllowlistDraft, at: UnixTime)
    case addAllowlistEntries(AllowlistName, [SerialNumber], at: UnixTime)
    case removeAllowlistEntries(AllowlistName, [SerialNumber], at: UnixTime)
    /// What has become of a unit, kept with all that became of it before.
    case setAllowlistStanding(AllowlistName, SerialNumber, AllowlistStanding)
}

/// What a decision relied upon. The store checks each inside the transaction; one that no longer
/// holds fails the whole set with `FleetError.conflict`, and the use case decides afresh.
package enum Precondition: Hashable, Sendable {
    case absent(RecordKey)
    case present(RecordKey)
    /// The record is the very one that was read. Only for keys that name one record.
    case revision(RecordKey, Revision)
    /// The set is what was read. Sets have no revision, so they are compared; only for keys that
    /// name a set, and meant for small ones.
    case holds(RecordKey, Record)
    /// The counter that the key names is below the number.
    case below(RecordKey, Int)
}

/// A decision: what must still hold, and what shall become true, together or not at all.
package struct ChangeSet: Hashable, Sendable {
    /// The operation's name for the audit log, an AWS operation's where there is one.
    package let action: String
    package var preconditions: [Precondition]
    package var changes: [Change]
    /// Facts for the audit record that the changes themselves do not show. Never a secret.
    package var detail: JSONObject

    package init(
        action: String, preconditions: [Precondition] = [], changes: [Change] = [],
        detail: JSONObject = [:]
    ) {
        self.action = action
        self.preconditions = preconditions
        self.changes = changes
        self.detail = detail
    }
}
