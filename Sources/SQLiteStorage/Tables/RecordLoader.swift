internal import Fleet
internal import GRDB

/// Reads what one key names, from the snapshot the connection is in.
struct RecordLoader {
    let db: Database

    func view(_ keys: Set<RecordKey>) throws -> RegistryView {
        var entries: [RecordKey: RegistryView.Entry] = [:]
        entries.reserveCapacity(keys.count)
        for key in keys { entries[key] = try self.entry(key) }
        return RegistryView(keys: keys, entries: entries)
    }

    func entry(_ key: RecordKey) throws -> RegistryView.Entry? {
        switch key {
        case .thing(let name):
            try self.one("things", ThingTables.thingColumns, "name = ?", name.rawValue) {
                .thing(try ThingTables.thing(&$0))
            }
        case .thingType(let name):
            try self.one(
                "thing_types", ThingTables.thingTypeColumns, "name = ?", name.rawValue
            ) { .thingType(try ThingTables.thingType(&$0)) }
        case .thingGroup(let name): try self.group(name)
        case .billingGroup(let name):
            try self.one(
                "billing_groups", GroupTables.billingGroupColumns, "name = ?", name.rawValue
            ) { .billingGroup(try GroupTables.billingGroup(&$0)) }
        case .certificateProvider(let name): try self.certificateProvider(name)
        case .certificate(let id):
            try self.one(
                "certificates", CertificateTables.certificateColumns, "id = ?", id.rawValue
            ) { .certificate(try CertificateTables.certificate(&$0)) }
        case .knownKey(let key): try self.knownKey(key)
        case .renewal(let id): try self.renewal(of: id)
        case .policy(let name): try self.policy(name)
        case .template(let name):
            try self.one(
                "templates", ProvisioningTables.templateColumns, "name = ?", name.rawValue
            ) { .template(try ProvisioningTables.template(&$0)) }
        case .templateVersion(let name, let id):
            try self.one(
                "template_versions", ProvisioningTables.templateVersionColumns,
                "template = ? AND id = ?", name.rawValue, id
            ) { .templateVersion(try ProvisioningTables.templateVersion(&$0)) }
        case .hookVersion(let name, let digest):
            try self.one(
                "hook_versions", ProvisioningTables.hookVersionColumns,
                "hook = ? AND digest = ?", name.rawValue, digest.storable
            ) { .hook(try ProvisioningTables.hookVersion(&$0)) }
        case .hook(let name):
            try self.one("hooks", ProvisioningTables.hookColumns, "name = ?", name.rawValue) {
                .hook(try ProvisioningTables.hook(&$0))
            }
        case .claim, .claimTerms, .termsOfClaim: try self.claim(key)
        case .authority(let id):
            try self.one(
                "authorities", CertificateTables.authorityColumns, "id = ?", id.rawValue
            ) { .authority(try CertificateTables.authority(&$0)) }
        case .ownershipToken(let hash):
            try self.one(
                "ownership_tokens", ProvisioningTables.tokenColumns, "hash = ?", hash.rawValue
            ) { .ownershipToken(try ProvisioningTables.token(&$0)) }
        case .allowlist(let name): try self.allowlist(name)
        case .tags(let resource): try self.tags(of: resource)
        case .eventConfigurations: try self.eventConfigurations()
        case .indexingConfiguration: try self.indexingConfiguration()
        case .registrationCode: try self.registrationCode()
        case .accessKey(let id): try self.accessKey(id)
        case .role(let name): try self.role(name)
        case .registrationTask(let id): try self.task(id)
        case .registeredLine(let line): try self.line(line)
        case .documentOfThing, .groupsOfThing, .groupRecordsOfThing, .childrenOfGroup,
            .dynamicGroups, .certificateProviders, .anyThingOfType, .certificatesWithKey,
            .authoritiesWithKey,
            .authoritiesWithSubject,
            .policiesOfTarget, .anyTargetOfPolicy, .principalsOfThing, .thingsOfCertificate,
            .attachment, .anyOtherThing, .versionsOfTemplate, .versionsInUse,
            .fileOfDeletedTemplate, .lastVersionOfDeletedTemplate, .claimSpent,
            .claimUnit, .pendingOfClaim, .certificatesOfClaim, .allowlistEntry,
            .allowlistUnit:
            try self.set(key).map { RegistryView.Entry(record: $0, revision: 0) }
        }
    }

    private func group(_ name: ThingGroupName) throws -> RegistryView.Entry? {
        try self.one("thing_groups", GroupTables.groupColumns, "name = ?", name.rawValue) {
            .thingGroup(try GroupTables.group(&$0))
        }
    }

    private func knownKey(_ key: PublicKeyFingerprint) throws -> RegistryView.Entry? {
        try self.one("public_keys", KeyTable.columns, "fingerprint = ?", key.rawValue) {
            .knownKey(try KeyTable.key(&$0))
        }
    }

    private func indexingConfiguration() throws -> RegistryView.Entry? {
        try self.one("indexing_configuration", "configuration", "id = 1") {
            .indexingConfiguration(try IndexingTable.configuration(&$0))
        }
    }

    func one(
        _ table: String, _ columns: String, _ condition: String,
        _ arguments: (any DatabaseValueConvertible)?...,
        decode: (inout RowReader) throws -> Fleet.Record
    ) throws -> RegistryView.Entry? {
        try self.db.first(
            "SELECT revision, \(columns) FROM \(table) WHERE \(condition)", arguments: arguments,
            of: table
        ) { reader in
            // First, since a decoder need not read to the end of what may be absent.
            let revision = try reader.int64()
            return RegistryView.Entry(record: try decode(&reader), revision: revision)
        }
    }

    private func task(_ id: RegistrationTaskID) throws -> RegistryView.Entry? {
        try self.one("registration_tasks", TaskTables.taskColumns, "id = ?", id.rawValue) {
            .registrationTask(try TaskTables.task(&$0))
        }
    }

    private func line(_ line: RegistrationLine) throws -> RegistryView.Entry? {
        try self.one(
            "registered_lines", TaskTables.lineColumns, "task = ? AND line = ?",
            line.task.rawValue, line.number
        ) { .registeredLine(try TaskTables.line(&$0)) }
    }

    private func tags(of resource: TaggedResource) throws -> RegistryView.Entry? {
        try self.one("tags", "tags", "resource = ?", resource.path) {
            .tags(try TagTables.tags(&$0))
        }
    }

    private func eventConfigurations() throws -> RegistryView.Entry? {
        try self.one("event_configurations", TagTables.eventConfigurationColumns, "id = 1") {
            .eventConfigurations(try TagTables.eventConfigurations(&$0))
        }
    }

    private func accessKey(_ id: AccessKeyID) throws -> RegistryView.Entry? {
        try self.one("access_keys", AccessTables.keyColumns, "id = ?", id.rawValue) {
            .accessKey(try AccessTables.key(&$0))
        }
    }

    private func role(_ name: RoleName) throws -> RegistryView.Entry? {
        try self.one("access_roles", AccessTables.roleColumns, "name = ?", name.rawValue) {
            .role(try AccessTables.role(&$0))
        }
    }

    private func registrationCode() throws -> RegistryView.Entry? {
        try self.one("registration_code", TagTables.registrationCodeColumns, "id = 1") {
            .registrationCode(try TagTables.registrationCode(&$0))
        }
    }

    private func policy(_ name: PolicyName) throws -> RegistryView.Entry? {
        let found = try self.db.first(
            "SELECT \(PolicyTables.policyColumns), revision FROM policies WHERE name = ?",
            name.rawValue, of: "policies"
        ) { (row: try PolicyTables.PolicyRow(&$0), revision: try $0.int64()) }
        return try found.map {
            RegistryView.Entry(record: .policy(try $0.row.policy(self.db)), revision: $0.revision)
        }
    }
}
