/// The sequence number of the commit that last wrote a record.
package typealias Revision = Commit.Sequence

/// What may be asked of the store. The first group names one record each, the second a set.
package enum RecordKey: Hashable, Sendable {
    case thing(ThingName)
    case thingType(ThingTypeName)
    case thingGroup(ThingGroupName)
    case certificate(CertificateID)
    case policy(PolicyName)
    case template(TemplateName)
    case templateVersion(TemplateName, Int)
    case hook(HookName)
    case claim(CertificateID)
    case authority(CertificateID)
    case ownershipToken(OwnershipTokenHash)
    case allowlist(AllowlistName)

    case groupsOfThing(ThingName)
    case certificatesWithKey(PublicKeyFingerprint)
    case authoritiesWithKey(PublicKeyFingerprint)
    case policiesOfTarget(PolicyTarget)
    case principalsOfThing(ThingName)
    case thingsOfCertificate(CertificateID)
    /// Present where the serial is on the list in its current version.
    case allowlistEntry(AllowlistName, SerialNumber)
}

package enum Record: Hashable, Sendable {
    case thing(Thing)
    case thingType(ThingType)
    case thingGroup(ThingGroup)
    case certificate(Certificate)
    case policy(Policy)
    case template(ProvisioningTemplate)
    case templateVersion(TemplateVersion)
    case hook(HookScript)
    case claim(Claim)
    case authority(Authority)
    case ownershipToken(OwnershipToken)
    case allowlist(Allowlist)

    case groups([ThingGroupName])
    case certificates([CertificateID])
    case policies([PolicyName])
    case thingPrincipals([ThingPrincipal])
    case allowlistEntry(SerialNumber)
    case commit(Commit)
}

/// One consistent read of the store, as a plain value: just the keys that were named. Pure code
/// decides upon it, and the decision travels with the revisions it relied on.
package struct RegistryView: Sendable {
    /// A record, and the revision of the commit that wrote it. Sets have revision 0.
    package struct Entry: Sendable {
        package let record: Record
        package let revision: Revision
        package init(record: Record, revision: Revision) {
            self.record = record
            self.revision = revision
        }
    }

    private let keys: Set<RecordKey>
    private let entries: [RecordKey: Entry]

    /// - Parameter keys: everything that was asked; a key without an entry is known to be absent.
    package init(keys: Set<RecordKey>, entries: [RecordKey: Entry]) {
        self.keys = keys
        self.entries = entries
    }

    package func entry(_ key: RecordKey) -> Entry? {
        precondition(
            self.keys.contains(key),
            "\(key) was not loaded: a decision may rely on loaded keys only.")
        return self.entries[key]
    }

    /// The precondition that `key` is still what this view says it is.
    package func asSeen(_ key: RecordKey) -> Precondition {
        self.entry(key).map { .revision(key, $0.revision) } ?? .absent(key)
    }

    package func thing(_ name: ThingName) -> Thing? {
        if case .thing(let record)? = self.entry(.thing(name))?.record { record } else { nil }
    }

    package func thingType(_ name: ThingTypeName) -> ThingType? {
        if case .thingType(let record)? = self.entry(.thingType(name))?.record {
            record
        } else {
            nil
        }
    }

    package func thingGroup(_ name: ThingGroupName) -> ThingGroup? {
        if case .thingGroup(let record)? = self.entry(.thingGroup(name))?.record {
            record
        } else {
            nil
        }
    }

    package func certificate(_ id: CertificateID) -> Certificate? {
        if case .certificate(let record)? = self.entry(.certificate(id))?.record {
            record
        } else {
            nil
        }
    }

    package func policy(_ name: PolicyName) -> Policy? {
        if case .policy(let record)? = self.entry(.policy(name))?.record { record } else { nil }
    }

    package func template(_ name: TemplateName) -> ProvisioningTemplate? {
        if case .template(let record)? = self.entry(.template(name))?.record { record } else { nil }
    }

    package func templateVersion(_ name: TemplateName, _ id: Int) -> TemplateVersion? {
        if case .templateVersion(let record)? = self.entry(.templateVersion(name, id))?.record {
            record
        } else {
            nil
        }
    }

    package func hook(_ name: HookName) -> HookScript? {
        if case .hook(let record)? = self.entry(.hook(name))?.record { record } else { nil }
    }

    package func claim(_ id: CertificateID) -> Claim? {
        if case .claim(let record)? = self.entry(.claim(id))?.record { record } else { nil }
    }

    package func authority(_ id: CertificateID) -> Authority? {
        if case .authority(let record)? = self.entry(.authority(id))?.record { record } else { nil }
    }

    package func ownershipToken(_ hash: OwnershipTokenHash) -> OwnershipToken? {
        if case .ownershipToken(let record)? = self.entry(.ownershipToken(hash))?.record {
            record
        } else {
            nil
        }
    }

    package func allowlist(_ name: AllowlistName) -> Allowlist? {
        if case .allowlist(let record)? = self.entry(.allowlist(name))?.record {
            record
        } else {
            nil
        }
    }

    package func isOnAllowlist(_ name: AllowlistName, _ serial: SerialNumber) -> Bool {
        self.entry(.allowlistEntry(name, serial)) != nil
    }

    package func groupsOfThing(_ name: ThingName) -> [ThingGroupName] {
        if case .groups(let names)? = self.entry(.groupsOfThing(name))?.record { names } else { [] }
    }

    package func certificatesWithKey(_ key: PublicKeyFingerprint) -> [CertificateID] {
        if case .certificates(let ids)? = self.entry(.certificatesWithKey(key))?.record {
            ids
        } else {
            []
        }
    }

    package func authoritiesWithKey(_ key: PublicKeyFingerprint) -> [CertificateID] {
        if case .certificates(let ids)? = self.entry(.authoritiesWithKey(key))?.record {
            ids
        } else {
            []
        }
    }

    package func policiesOfTarget(_ target: PolicyTarget) -> [PolicyName] {
        if case .policies(let names)? = self.entry(.policiesOfTarget(target))?.record {
            names
        } else {
            []
        }
    }

    package func principalsOfThing(_ name: ThingName) -> [ThingPrincipal] {
        if case .thingPrincipals(let found)? = self.entry(.principalsOfThing(name))?.record {
            found
        } else {
            []
        }
    }

    package func thingsOfCertificate(_ id: CertificateID) -> [ThingPrincipal] {
        if case .thingPrincipals(let found)? = self.entry(.thingsOfCertificate(id))?.record {
            found
        } else {
            []
        }
    }
}
