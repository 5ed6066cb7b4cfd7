internal import Fleet
internal import GRDB

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
        case .holds(let key, let record):
            guard !key.namesOneRecord else {
                throw FleetError(.internalFailure, "\(key) names one record, which is no set")
            }
            guard try self.set(key) == record else {
                throw FleetError.conflict("\(key) is no longer what it was")
            }
        case .below(let key, let bound):
            var counted = 0
            if case .count(let count)? = try self.set(key) { counted = count }
            guard counted < bound else {
                throw FleetError.conflict("\(key) has reached \(bound)")
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
        case .billingGroup(let name):
            try self.revision("billing_groups", "name = ?", name.rawValue)
        case .certificateProvider(let name):
            try self.revision("certificate_providers", "name = ?", name.rawValue)
        case .certificate(let id): try self.revision("certificates", "id = ?", id.rawValue)
        case .knownKey(let key):
            try self.revision("public_keys", "fingerprint = ?", key.rawValue)
        case .renewal(let id):
            try self.revision("renewals", "predecessor = ?", id.rawValue)
        case .policy(let name): try self.revision("policies", "name = ?", name.rawValue)
        case .template(let name): try self.revision("templates", "name = ?", name.rawValue)
        case .templateVersion(let name, let id):
            try self.db.first(
                "SELECT revision FROM template_versions WHERE template = ? AND id = ?",
                name.rawValue, id, of: "template_versions"
            ) { try $0.int64() }
        case .hookVersion(let name, let digest):
            try self.db.first(
                "SELECT revision FROM hook_versions WHERE hook = ? AND digest = ?",
                name.rawValue, digest.storable, of: "hook_versions"
            ) { try $0.int64() }
        case .hook(let name): try self.revision("hooks", "name = ?", name.rawValue)
        case .claim(let id): try self.revision("claims", "certificate = ?", id.rawValue)
        case .claimTerms(let name): try self.revision("claim_terms", "name = ?", name.rawValue)
        case .termsOfClaim(let id):
            try self.revision("claim_terms", ClaimTables.ofCertificate, id.rawValue)
        case .authority(let id): try self.revision("authorities", "id = ?", id.rawValue)
        case .ownershipToken(let hash):
            try self.revision("ownership_tokens", "hash = ?", hash.rawValue)
        case .allowlist(let name):
            try self.revision(
                "allowlists", "name = ? AND \(AllowlistTables.published)", name.rawValue)
        case .tags(let resource): try self.revision("tags", "resource = ?", resource.path)
        case .eventConfigurations: try self.revision("event_configurations", "id = ?", 1)
        case .indexingConfiguration:
            try self.revision("indexing_configuration", "id = ?", 1)
        case .registrationCode: try self.revision("registration_code", "id = ?", 1)
        case .accessKey(let id): try self.revision("access_keys", "id = ?", id.rawValue)
        case .role(let name): try self.revision("access_roles", "name = ?", name.rawValue)
        case .registrationTask(let id):
            try self.revision("registration_tasks", "id = ?", id.rawValue)
        case .registeredLine(let line):
            try self.db.first(
                "SELECT revision FROM registered_lines WHERE task = ? AND line = ?",
                line.task.rawValue, line.number, of: "registered_lines"
            ) { try $0.int64() }
        case .documentOfThing, .groupsOfThing, .groupRecordsOfThing, .childrenOfGroup,
            .dynamicGroups, .certificateProviders, .anyThingOfType, .certificatesWithKey,
            .authoritiesWithKey,
            .authoritiesWithSubject,
            .policiesOfTarget, .anyTargetOfPolicy, .principalsOfThing, .thingsOfCertificate,
            .attachment, .anyOtherThing, .versionsOfTemplate, .versionsInUse,
            .fileOfDeletedTemplate, .lastVersionOfDeletedTemplate, .claimSpent,
            .claimUnit, .pendingOfClaim, .certificatesOfClaim, .allowlistEntry,
            .allowlistUnit:
            try self.set(key).map { _ in 0 }
        }
    }

    private func revision(
        _ table: String, _ condition: String, _ key: any DatabaseValueConvertible
    ) throws -> Revision? {
        try self.db.first(
            "SELECT revision FROM \(table) WHERE \(condition)", key, of: table
        ) { try $0.int64() }
    }
}
