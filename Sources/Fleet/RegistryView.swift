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

    /// This view with `records` in it as well, for a decision that is about to make them. None of
    /// them may become a precondition: they are not in the store yet.
    package func assuming(_ records: [RecordKey: Record]) -> RegistryView {
        RegistryView(
            keys: self.keys.union(records.keys),
            entries: self.entries.merging(
                records.mapValues { Entry(record: $0, revision: 0) }
            ) { $1 })
    }

    /// This view with what a later one holds as well, which goes before where both have a record.
    /// The two saw the store at two moments: what a decision takes from either has to be among its
    /// preconditions.
    package func joined(with later: RegistryView) -> RegistryView {
        var entries = self.entries.filter { !later.keys.contains($0.key) }
        entries.merge(later.entries) { $1 }
        return RegistryView(keys: self.keys.union(later.keys), entries: entries)
    }

    /// Whether `key` was asked for, be there a record or none.
    package func holds(_ key: RecordKey) -> Bool { self.keys.contains(key) }

    package func entry(_ key: RecordKey) -> Entry? {
        precondition(
            self.keys.contains(key),
            "\(key) was not loaded: a decision may rely on loaded keys only.")
        return self.entries[key]
    }

    /// The precondition that `key` is still what this view says it is.
    package func asSeen(_ key: RecordKey) -> Precondition {
        guard let entry = self.entry(key) else { return .absent(key) }
        return key.namesOneRecord
            ? .revision(key, entry.revision) : .holds(key, entry.record)
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

    package func billingGroup(_ name: BillingGroupName) -> BillingGroup? {
        if case .billingGroup(let record)? = self.entry(.billingGroup(name))?.record {
            record
        } else {
            nil
        }
    }

    package func knownKey(_ key: PublicKeyFingerprint) -> KnownKey? {
        if case .knownKey(let record)? = self.entry(.knownKey(key))?.record { record } else { nil }
    }

    package func certificate(_ id: CertificateID) -> Certificate? {
        if case .certificate(let record)? = self.entry(.certificate(id))?.record {
            record
        } else {
            nil
        }
    }

    package func certificateProvider(
        _ name: CertificateProviderName
    ) -> CertificateProvider? {
        if case .certificateProvider(let record)? = self.entry(.certificateProvider(name))?.record {
            record
        } else {
            nil
        }
    }

    package func renewal(of id: CertificateID) -> Renewal? {
        if case .renewal(let record)? = self.entry(.renewal(id))?.record { record } else { nil }
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

    package func hookVersion(_ name: HookName, _ digest: String) -> HookScript? {
        let entry = self.entry(.hookVersion(name, digest))
        if case .hook(let record)? = entry?.record { return record }
        return nil
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

    package func tags(of resource: TaggedResource) -> [String: String] {
        if case .tags(let tags)? = self.entry(.tags(resource))?.record { tags } else { [:] }
    }

    package var indexingConfiguration: IndexingConfiguration? {
        if case .indexingConfiguration(let record)? = self.entry(.indexingConfiguration)?.record {
            record
        } else {
            nil
        }
    }

    package var eventConfigurations: EventConfigurations? {
        if case .eventConfigurations(let record)? = self.entry(.eventConfigurations)?.record {
            record
        } else {
            nil
        }
    }

    package var registrationCode: RegistrationCode? {
        if case .registrationCode(let record)? = self.entry(.registrationCode)?.record {
            record
        } else {
            nil
        }
    }

    package func accessKey(_ id: AccessKeyID) -> AccessKey? {
        if case .accessKey(let record)? = self.entry(.accessKey(id))?.record { record } else { nil }
    }

    package func role(_ name: RoleName) -> AccessRole? {
        if case .role(let record)? = self.entry(.role(name))?.record { record } else { nil }
    }

    package func registrationTask(_ id: RegistrationTaskID) -> RegistrationTask? {
        if case .registrationTask(let record)? = self.entry(.registrationTask(id))?.record {
            record
        } else {
            nil
        }
    }

    package func registeredLine(_ line: RegistrationLine) -> RegisteredLine? {
        if case .registeredLine(let record)? = self.entry(.registeredLine(line))?.record {
            record
        } else {
            nil
        }
    }

    package func isOnAllowlist(_ name: AllowlistName, _ serial: SerialNumber) -> Bool {
        self.entry(.allowlistEntry(name, serial)) != nil
    }
}
