internal import Fleet
internal import GRDB

// What the keys that name a set find: nil where it is empty.

extension RecordLoader {
    func set(_ key: RecordKey) throws -> Fleet.Record? {
        switch key {
        case .documentOfThing(let name): try self.document(of: name).map { .document($0) }
        case .groupsOfThing(let name):
            try self.groups(
                "SELECT thing_group FROM group_members WHERE thing = ? ORDER BY thing_group",
                name.rawValue)
        case .groupRecordsOfThing(let name): try self.groupRecords(of: name)
        case .childrenOfGroup(let name):
            try self.groups(
                "SELECT name FROM thing_groups WHERE parent = ? ORDER BY name", name.rawValue)
        case .dynamicGroups:
            try self.groups(
                "SELECT name FROM thing_groups WHERE index_name IS NOT NULL ORDER BY name")
        case .certificateProviders: try self.certificateProviders()
        case .anyThingOfType(let name):
            try self.db.first(
                "SELECT name FROM things WHERE type_name = ? ORDER BY name LIMIT 1",
                name.rawValue, of: "things"
            ) { .things([try $0.name()]) }
        case .certificatesWithKey(let fingerprint):
            try self.certificates(
                "SELECT id FROM certificates WHERE public_key = ? ORDER BY id",
                fingerprint.rawValue)
        case .authoritiesWithKey(let fingerprint):
            try self.certificates(
                "SELECT id FROM authorities WHERE public_key = ? ORDER BY id",
                fingerprint.rawValue)
        case .authoritiesWithSubject(let subject):
            try self.certificates(
                "SELECT id FROM authorities WHERE subject = ? ORDER BY id", subject.storable)
        case .policiesOfTarget(.certificate(let id)):
            try self.policies(
                "SELECT policy FROM certificate_policies WHERE certificate = ? ORDER BY policy",
                id.rawValue)
        case .policiesOfTarget(.thingGroup(let name)):
            try self.policies(
                "SELECT policy FROM group_policies WHERE thing_group = ? ORDER BY policy",
                name.rawValue)
        case .anyTargetOfPolicy(let name): try self.anyTarget(of: name)
        case .principalsOfThing(let name): try self.principals("thing = ?", name.rawValue)
        case .thingsOfCertificate(let id): try self.principals("certificate = ?", id.rawValue)
        case .attachment(let thing, let id):
            try self.principals(
                "thing = ? AND certificate = ?", thing.rawValue, id.rawValue, limit: 1)
        case .anyOtherThing(let id, let thing):
            try self.principals(
                "certificate = ? AND thing <> ?", id.rawValue, thing.rawValue, limit: 1)
        case .versionsOfTemplate(let name):
            try Self.unlessEmpty(
                self.db.all(
                    "SELECT id FROM template_versions WHERE template = ? ORDER BY id",
                    name.rawValue, of: "template_versions"
                ) { try $0.int() }
            ).map { .versionNumbers($0) }
        case .versionsInUse(let name): try self.versionsInUse(of: name)
        case .fileOfDeletedTemplate(let name):
            try self.db.first(
                "SELECT loaded_digest FROM deleted_templates WHERE name = ?", name.rawValue,
                of: "deleted_templates"
            ) { .loadedDigest(try $0.text()) }
        case .lastVersionOfDeletedTemplate(let name):
            try self.db.first(
                "SELECT latest FROM deleted_template_versions WHERE name = ?", name.rawValue,
                of: "deleted_template_versions"
            ) { .count(try $0.int()) }
        case .claimSpent, .claimUnit, .pendingOfClaim, .certificatesOfClaim, .allowlistUnit:
            try self.counted(key)
        case .allowlistEntry(let list, let serial): try self.entry(serial, of: list)
        case .thing, .thingType, .thingGroup, .billingGroup, .certificate, .renewal, .policy,
            .template, .templateVersion, .hook, .hookVersion, .claim, .claimTerms, .termsOfClaim,
            .authority,
            .ownershipToken, .allowlist, .tags,
            .eventConfigurations, .indexingConfiguration, .registrationCode, .accessKey, .role,
            .registrationTask, .registeredLine, .knownKey, .certificateProvider:
            nil
        }
    }

    private static func unlessEmpty<Element>(_ elements: [Element]) -> [Element]? {
        elements.isEmpty ? nil : elements
    }

    /// A walk over the template's certificates, for who prunes it.
    private func versionsInUse(of name: TemplateName) throws -> Fleet.Record? {
        let rows = try self.db.all(
            """
            SELECT json_extract(provenance, '$.registration.templateVersion') AS version,
                max(not_after)
            FROM certificates WHERE template = ? AND status <> ? GROUP BY version
            """, name.rawValue, Certificate.Status.revoked.rawValue, of: "certificates"
        ) { (version: try $0.optionalInt64(), end: try $0.time()) }
        var versions: [Int: UnixTime] = [:]
        for row in rows {
            guard let version = row.version else { continue }
            versions[Int(version)] = row.end
        }
        return versions.isEmpty ? nil : .versionsInUse(versions)
    }

    private func groupRecords(of thing: ThingName) throws -> Fleet.Record? {
        try Self.unlessEmpty(
            self.db.all(
                """
                SELECT \(GroupTables.joinedGroupColumns) FROM group_members AS m
                JOIN thing_groups AS g ON g.name = m.thing_group
                WHERE m.thing = ? ORDER BY m.thing_group
                """, thing.rawValue, of: "thing_groups"
            ) { try GroupTables.group(&$0) }
        ).map { .groupRecords($0) }
    }

    private func entry(
        _ serial: SerialNumber, of list: AllowlistName
    ) throws -> Fleet.Record? {
        try self.db.first(
            """
            SELECT 1 FROM allowlists AS list
            JOIN allowlist_entries AS entry ON entry.list_id = list.id
            JOIN allowlist_batches AS batch
                ON batch.list_id = list.id AND batch.version = entry.version
            WHERE list.name = ? AND entry.serial = ? AND batch.state = 1
            """, list.rawValue, serial.rawValue, of: "allowlist_entries"
        ) { _ in .allowlistEntry(serial) }
    }

    private func groups(
        _ sql: String, _ arguments: (any DatabaseValueConvertible)...
    ) throws -> Fleet.Record? {
        try Self.unlessEmpty(
            self.db.all(sql, arguments: arguments, of: "thing_groups") { try $0.name() }
        ).map { .groups($0) }
    }

    func certificates(_ sql: String, _ key: String) throws -> Fleet.Record? {
        try Self.unlessEmpty(
            self.db.all(sql, key, of: "certificates") { try $0.certificateID() }
        ).map { .certificates($0) }
    }

    private func policies(_ sql: String, _ key: String) throws -> Fleet.Record? {
        try Self.unlessEmpty(self.db.all(sql, key, of: "attachments") { try $0.name() })
            .map { .policies($0) }
    }

    private func anyTarget(of policy: PolicyName) throws -> Fleet.Record? {
        let certificate = try self.db.first(
            """
            SELECT certificate FROM certificate_policies WHERE policy = ?
            ORDER BY certificate LIMIT 1
            """, policy.rawValue, of: "certificate_policies"
        ) { PolicyTarget.certificate(try $0.certificateID()) }
        if let certificate { return .policyTargets([certificate]) }
        return try self.db.first(
            """
            SELECT thing_group FROM group_policies WHERE policy = ? ORDER BY thing_group LIMIT 1
            """, policy.rawValue, of: "group_policies"
        ) { .policyTargets([.thingGroup(try $0.name())]) }
    }

    /// - Parameter limit: -1 for all there are.
    private func principals(
        _ condition: String, _ arguments: String..., limit: Int = -1
    ) throws -> Fleet.Record? {
        try Self.unlessEmpty(
            self.db.all(
                """
                SELECT thing, certificate, exclusivity FROM thing_principals WHERE \(condition)
                ORDER BY thing, certificate LIMIT ?
                """, arguments: arguments + [limit], of: "thing_principals"
            ) { try PolicyTables.thingPrincipal(&$0) }
        ).map { .thingPrincipals($0) }
    }
}
