/// The sequence number of the commit that last wrote a record.
package typealias Revision = Commit.Sequence

/// What may be asked of the store. The first group names one record each, the second a set.
package enum RecordKey: Hashable, Sendable {
    case thing(ThingName)
    case thingType(ThingTypeName)
    case thingGroup(ThingGroupName)
    case billingGroup(BillingGroupName)
    case certificateProvider(CertificateProviderName)
    case certificate(CertificateID)
    /// A public key that was ever seen, whether or not a certificate of it is left.
    case knownKey(PublicKeyFingerprint)
    /// The renewal of this certificate, whose predecessor it is.
    case renewal(CertificateID)
    case policy(PolicyName)
    case template(TemplateName)
    case templateVersion(TemplateName, Int)
    case hook(HookName)
    /// A text that the hook has or had, by digest.
    case hookVersion(HookName, String)
    case claim(CertificateID)
    case claimTerms(ClaimName)
    /// The same terms, by a certificate of the claim.
    case termsOfClaim(CertificateID)
    case authority(CertificateID)
    case ownershipToken(OwnershipTokenHash)
    case allowlist(AllowlistName)
    /// The tags of a resource, all together one record; absent where it has none.
    case tags(TaggedResource)
    case eventConfigurations
    case indexingConfiguration
    case registrationCode
    case accessKey(AccessKeyID)
    case role(RoleName)
    case registrationTask(RegistrationTaskID)
    case registeredLine(RegistrationLine)

    /// A thing as searches see it.
    case documentOfThing(ThingName)
    case groupsOfThing(ThingName)
    /// The same groups as records, for the rules that ask what kind of groups they are.
    case groupRecordsOfThing(ThingName)
    case childrenOfGroup(ThingGroupName)
    /// Every dynamic group there is: AWS allows a hundred.
    case dynamicGroups
    /// Every certificate provider there is: AWS allows one.
    case certificateProviders
    /// One thing of the type, where there is any.
    case anyThingOfType(ThingTypeName)
    case certificatesWithKey(PublicKeyFingerprint)
    case authoritiesWithKey(PublicKeyFingerprint)
    case authoritiesWithSubject(String)
    case policiesOfTarget(PolicyTarget)
    /// One target the policy is attached to, where there is any.
    case anyTargetOfPolicy(PolicyName)
    case principalsOfThing(ThingName)
    case thingsOfCertificate(CertificateID)
    /// The one attachment, where there is it.
    case attachment(ThingName, CertificateID)
    /// One attachment of the certificate to another thing, where there is any: a certificate may
    /// be shared by very many.
    case anyOtherThing(CertificateID, besides: ThingName)
    /// The versions a template has, by number.
    case versionsOfTemplate(TemplateName)
    /// The versions by which certificates were registered that are not revoked, each with the end
    /// of the last of them.
    case versionsInUse(TemplateName)
    /// The digest of the file that was last loaded into a template that is deleted.
    case fileOfDeletedTemplate(TemplateName)
    /// Counter: the number of the last version that a deleted template had.
    case lastVersionOfDeletedTemplate(TemplateName)
    /// Counter: units spent under the claim's name.
    case claimSpent(ClaimName)
    /// Counter: how often the claim has paid for the thing.
    case claimUnit(ClaimName, ThingName)
    /// Counter: ownership tokens that the principal holds and has not redeemed.
    case pendingOfClaim(CertificateID)
    case certificatesOfClaim(ClaimName)
    /// Present where the serial is on the list in its current version.
    case allowlistEntry(AllowlistName, SerialNumber)
    /// The same, with all that is known of it.
    case allowlistUnit(AllowlistName, SerialNumber)

    /// Whether the key names one record, which has a revision, or a set, which has none.
    package var namesOneRecord: Bool {
        switch self {
        case .thing, .thingType, .thingGroup, .billingGroup, .certificate, .renewal, .policy,
            .template, .templateVersion, .hook, .hookVersion, .claim, .claimTerms, .termsOfClaim,
            .authority,
            .ownershipToken, .allowlist, .tags,
            .eventConfigurations, .indexingConfiguration, .registrationCode, .accessKey, .role,
            .registrationTask, .registeredLine, .knownKey, .certificateProvider:
            true
        case .documentOfThing, .groupsOfThing, .groupRecordsOfThing, .childrenOfGroup,
            .dynamicGroups, .certificateProviders,
            .anyThingOfType, .certificatesWithKey, .authoritiesWithKey, .authoritiesWithSubject,
            .policiesOfTarget, .anyTargetOfPolicy, .principalsOfThing, .thingsOfCertificate,
            .attachment, .anyOtherThing, .versionsOfTemplate, .versionsInUse,
            .fileOfDeletedTemplate, .lastVersionOfDeletedTemplate, .claimSpent,
            .claimUnit, .pendingOfClaim, .certificatesOfClaim, .allowlistEntry,
            .allowlistUnit:
            false
        }
    }
}

/// What a key names, or one row of a listing.
package enum Record: Hashable, Sendable {
    case thing(Thing)
    case thingType(ThingType)
    case thingGroup(ThingGroup)
    case billingGroup(BillingGroup)
    case certificateProvider(CertificateProvider)
    case certificate(Certificate)
    case renewal(Renewal)
    case policy(Policy)
    case template(ProvisioningTemplate)
    case templateVersion(TemplateVersion)
    case hook(HookScript)
    case claim(Claim)
    case claimTerms(ClaimTerms)
    case authority(Authority)
    case ownershipToken(OwnershipToken)
    case allowlist(Allowlist)
    case tags([String: String])
    case eventConfigurations(EventConfigurations)
    case indexingConfiguration(IndexingConfiguration)
    case registrationCode(RegistrationCode)
    case accessKey(AccessKey)
    case role(AccessRole)
    case registrationTask(RegistrationTask)
    case registeredLine(RegisteredLine)
    case knownKey(KnownKey)

    case things([ThingName])
    case groups([ThingGroupName])
    case groupRecords([ThingGroup])
    case certificateProviders([CertificateProvider])
    case certificates([CertificateID])
    case policies([PolicyName])
    case policyTargets([PolicyTarget])
    case thingPrincipals([ThingPrincipal])
    case versionNumbers([Int])
    case versionsInUse([Int: UnixTime])
    case loadedDigest(String)
    case allowlistEntry(SerialNumber)
    case allowlistUnit(AllowlistUnit)
    case allowlistStanding(AllowlistStanding)
    case count(Int)
    case claimHour(ClaimHour)
    case enrolmentFinding(EnrolmentFinding)

    // Rows of listings that name no more than this.
    case document(FleetDocument)
    case fieldValue(FieldValue, count: Int)
    case thingName(ThingName)
    case thingPrincipal(ThingPrincipal)
    case policyName(PolicyName)
    case policyTarget(PolicyTarget)
    case commit(Commit)
}
