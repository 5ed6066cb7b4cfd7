internal import Fleet
internal import GRDB

/// Reads what one key names, from the snapshot the connection is in.
struct RecordLoader {
    let db: Database

    func view(_ keys: Set<RecordKey>) throws -> RegistryView {
        var entries: [RecordKey: RegistryView.Entry] = [:]
        for key in keys { entries[key] = try self.entry(key) }
        return RegistryView(keys: keys, entries: entries)
    }

    func entry(_ key: RecordKey) throws -> RegistryView.Entry? {
        switch key {
        case .thing(let name):
            try self.one("things", RegistryTables.thingColumns, "name = ?", name.rawValue) {
                .thing(try RegistryTables.thing(&$0))
            }
        case .thingType(let name):
            try self.one(
                "thing_types", RegistryTables.thingTypeColumns, "name = ?", name.rawValue
            ) { .thingType(try RegistryTables.thingType(&$0)) }
        case .thingGroup(let name):
            try self.one(
                "thing_groups", RegistryTables.thingGroupColumns, "name = ?", name.rawValue
            ) { .thingGroup(try RegistryTables.thingGroup(&$0)) }
        case .certificate(let id):
            try self.one(
                "certificates", CertificateTables.certificateColumns, "id = ?", id.rawValue
            ) { .certificate(try CertificateTables.certificate(&$0)) }
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
        case .hook(let name):
            try self.one("hooks", ProvisioningTables.hookColumns, "name = ?", name.rawValue) {
                .hook(try ProvisioningTables.hook(&$0))
            }
        case .claim(let id):
            try self.one(
                "claims", CertificateTables.claimColumns, "certificate = ?", id.rawValue
            ) { .claim(try CertificateTables.claim(&$0)) }
        case .authority(let id):
            try self.one(
                "authorities", CertificateTables.authorityColumns, "id = ?", id.rawValue
            ) { .authority(try CertificateTables.authority(&$0)) }
        case .ownershipToken(let hash):
            try self.one(
                "ownership_tokens", ProvisioningTables.tokenColumns, "hash = ?", hash.rawValue
            ) { .ownershipToken(try ProvisioningTables.token(&$0)) }
        case .allowlist(let name):
            try self.one(
                "allowlists", AllowlistTables.listColumns,
                "name = ? AND \(AllowlistTables.published)", name.rawValue
            ) { .allowlist(try AllowlistTables.list(&$0)) }
        case .groupsOfThing, .certificatesWithKey, .authoritiesWithKey, .policiesOfTarget,
            .principalsOfThing, .thingsOfCertificate, .allowlistEntry:
            try self.set(key).map { RegistryView.Entry(record: $0, revision: 0) }
        }
    }

    private func one(
        _ table: String, _ columns: String, _ condition: String,
        _ arguments: (any DatabaseValueConvertible)...,
        decode: (inout RowReader) throws -> Fleet.Record
    ) throws -> RegistryView.Entry? {
        let cursor = try StatementRow.fetchCursor(
            self.db.cachedStatement(
                sql: "SELECT revision, \(columns) FROM \(table) WHERE \(condition)"),
            arguments: StatementArguments(arguments))
        guard let row = try cursor.next() else { return nil }
        var reader = RowReader(row, table)
        // First, since a decoder need not read to the end of what may be absent.
        let revision = try reader.int64()
        return RegistryView.Entry(record: try decode(&reader), revision: revision)
    }

    private func policy(_ name: PolicyName) throws -> RegistryView.Entry? {
        let found = try self.db.first(
            "SELECT \(RegistryTables.policyColumns), revision FROM policies WHERE name = ?",
            name.rawValue, of: "policies"
        ) { (row: try RegistryTables.PolicyRow(&$0), revision: try $0.int64()) }
        return try found.map {
            RegistryView.Entry(record: .policy(try $0.row.policy(self.db)), revision: $0.revision)
        }
    }
}

// MARK: Sets

extension RecordLoader {
    private func set(_ key: RecordKey) throws -> Fleet.Record? {
        switch key {
        case .groupsOfThing(let name):
            try Self.unlessEmpty(
                self.db.all(
                    "SELECT thing_group FROM group_members WHERE thing = ? ORDER BY thing_group",
                    name.rawValue, of: "group_members"
                ) { try $0.name() }
            ).map { .groups($0) }
        case .certificatesWithKey(let fingerprint):
            try self.certificates(
                "SELECT id FROM certificates WHERE public_key = ? ORDER BY id",
                fingerprint.rawValue)
        case .authoritiesWithKey(let fingerprint):
            try self.certificates(
                "SELECT id FROM authorities WHERE public_key = ? ORDER BY id",
                fingerprint.rawValue)
        case .policiesOfTarget(.certificate(let id)):
            try self.policies(
                "SELECT policy FROM certificate_policies WHERE certificate = ? ORDER BY policy",
                id.rawValue)
        case .policiesOfTarget(.thingGroup(let name)):
            try self.policies(
                "SELECT policy FROM group_policies WHERE thing_group = ? ORDER BY policy",
                name.rawValue)
        case .principalsOfThing(let name):
            try self.principals("thing = ?", name.rawValue)
        case .thingsOfCertificate(let id): try self.principals("certificate = ?", id.rawValue)
        case .allowlistEntry(let list, let serial):
            try self.db.first(
                """
                SELECT 1 FROM allowlists AS list
                JOIN allowlist_entries AS entry ON entry.list_id = list.id
                JOIN allowlist_batches AS batch
                    ON batch.list_id = list.id AND batch.version = entry.version
                WHERE list.name = ? AND entry.serial = ? AND batch.state = 1
                """, list.rawValue, serial.rawValue, of: "allowlist_entries"
            ) { _ in .allowlistEntry(serial) }
        case .thing, .thingType, .thingGroup, .certificate, .policy, .template, .templateVersion,
            .hook, .claim, .authority, .ownershipToken, .allowlist:
            nil
        }
    }

    private static func unlessEmpty<Element>(_ elements: [Element]) -> [Element]? {
        elements.isEmpty ? nil : elements
    }

    private func certificates(_ sql: String, _ key: String) throws -> Fleet.Record? {
        try Self.unlessEmpty(
            self.db.all(sql, key, of: "certificates") { try $0.certificateID() }
        ).map { .certificates($0) }
    }

    private func policies(_ sql: String, _ key: String) throws -> Fleet.Record? {
        try Self.unlessEmpty(self.db.all(sql, key, of: "attachments") { try $0.name() })
            .map { .policies($0) }
    }

    private func principals(_ condition: String, _ key: String) throws -> Fleet.Record? {
        try Self.unlessEmpty(
            self.db.all(
                """
                SELECT thing, certificate, exclusivity FROM thing_principals WHERE \(condition)
                ORDER BY thing, certificate
                """, key, of: "thing_principals"
            ) { try RegistryTables.thingPrincipal(&$0) }
        ).map { .thingPrincipals($0) }
    }
}

// MARK: Preconditions

extension RecordLoader {
    func check(_ precondition: Precondition) throws {
        switch precondition {
        case .absent(let key):
            guard try self.revision(key) == nil else { throw Self.exists(key) }
        case .present(let key):
            guard try self.revision(key) != nil else { throw Self.gone(key) }
        case .revision(let key, let revision):
            guard key.namesOneRecord else {
                throw FleetError(.internalFailure, "\(key) names a set, which has no revision")
            }
            guard try self.revision(key) == revision else {
                throw FleetError.conflict(
                    "\(key) was written by another since revision \(revision)")
            }
        }
    }

    private static func exists(_ key: RecordKey) -> FleetError { .conflict("\(key) exists by now") }
    private static func gone(_ key: RecordKey) -> FleetError { .conflict("\(key) is gone") }

    /// The revision alone, without reading the record; 0 for a set that is not empty.
    private func revision(_ key: RecordKey) throws -> Revision? {
        switch key {
        case .thing(let name): try self.revision("things", "name = ?", name.rawValue)
        case .thingType(let name): try self.revision("thing_types", "name = ?", name.rawValue)
        case .thingGroup(let name): try self.revision("thing_groups", "name = ?", name.rawValue)
        case .certificate(let id): try self.revision("certificates", "id = ?", id.rawValue)
        case .policy(let name): try self.revision("policies", "name = ?", name.rawValue)
        case .template(let name): try self.revision("templates", "name = ?", name.rawValue)
        case .templateVersion(let name, let id):
            try self.db.first(
                "SELECT revision FROM template_versions WHERE template = ? AND id = ?",
                name.rawValue, id, of: "template_versions"
            ) { try $0.int64() }
        case .hook(let name): try self.revision("hooks", "name = ?", name.rawValue)
        case .claim(let id): try self.revision("claims", "certificate = ?", id.rawValue)
        case .authority(let id): try self.revision("authorities", "id = ?", id.rawValue)
        case .ownershipToken(let hash):
            try self.revision("ownership_tokens", "hash = ?", hash.rawValue)
        case .allowlist(let name):
            try self.revision(
                "allowlists", "name = ? AND \(AllowlistTables.published)", name.rawValue)
        case .groupsOfThing, .certificatesWithKey, .authoritiesWithKey, .policiesOfTarget,
            .principalsOfThing, .thingsOfCertificate, .allowlistEntry:
            try self.set(key).map { _ in 0 }
        }
    }

    private func revision(
        _ table: String, _ condition: String, _ key: String
    ) throws -> Revision? {
        try self.db.first(
            "SELECT revision FROM \(table) WHERE \(condition)", key, of: table
        ) { try $0.int64() }
    }
}

extension RecordKey {
    /// Whether the key names one record, which has a revision, or a set, which has none.
    var namesOneRecord: Bool {
        switch self {
        case .thing, .thingType, .thingGroup, .certificate, .policy, .template, .templateVersion,
            .hook, .claim, .authority, .ownershipToken, .allowlist:
            true
        case .groupsOfThing, .certificatesWithKey, .authoritiesWithKey, .policiesOfTarget,
            .principalsOfThing, .thingsOfCertificate, .allowlistEntry:
            false
        }
    }
}
