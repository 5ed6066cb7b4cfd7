internal import Fleet
internal import GRDB

/// Listings, a page at a time, each in the order of its table's key.
struct ListPages {
    let db: Database
    var budget = SearchBudget()

    func page(_ query: ListQuery) throws -> ListPage {
        switch query.subject {
        case .things:
            try self.named(query, "things", ThingTables.thingColumns, "name") {
                .thing(try ThingTables.thing(&$0))
            }
        case .thingTypes:
            try self.named(query, "thing_types", ThingTables.thingTypeColumns, "name") {
                .thingType(try ThingTables.thingType(&$0))
            }
        case .thingsWhere(let filter): try self.things(filter, query)
        case .thingGroups(let filter): try self.groups(filter, query)
        case .thingsInGroup(let name, recursive: false): try self.things(in: name, query)
        case .thingsInGroup(let name, recursive: true): try self.things(below: name, query)
        case .groupsOfThing(let name): try self.groups(of: name, query)
        case .billingGroups(let prefix): try self.billingGroups(prefix, query)
        case .thingsInBillingGroup(let name): try self.things(in: name, query)
        case .principalsOfThing(let name, let exclusivity):
            try self.principals(of: name, exclusivity, query)
        case .thingsOfCertificate(let id, let exclusivity):
            try self.things(of: id, exclusivity, query)
        case .policiesByCreation(let order): try self.policies(order, query)
        case .policiesOfTarget(let target): try self.policies(of: target, query)
        case .targetsOfPolicy(let name): try self.targets(of: name, query)
        case .principalsOfPolicy(let name, let order):
            try self.principals(of: name, order, query)
        case .certificatesByCreation(let order):
            try self.certificates(Creation(order), query)
        case .certificatesOfIssuer(let issuer, let order):
            try self.certificates(Creation(order, "issuer_id = ?", issuer.rawValue), query)
        case .certificatesWhere(let filter): try self.certificates(where: filter, query)
        case .certificatesUnproven(let lot): try self.unproven(lot: lot, query)
        case .temporaryClaimsEnded(let moment):
            try self.temporaryClaims(endedBefore: moment, query)
        case .enrolmentFindings, .enrolmentsHeld: try FindingTable.page(query, self.db)
        case .renewalsOpen: try self.renewalsOpen(query)
        case .authoritiesByCreation(let order, let template):
            try self.authorities(order, template, query)
        case .versionsOfTemplate(let name): try self.versions(of: name, query)
        case .versionsOfHook(let name): try self.versions(of: name, query)
        case .certificates:
            try self.named(query, "certificates", CertificateTables.certificateColumns, "id") {
                .certificate(try CertificateTables.certificate(&$0))
            }
        case .policies: try self.policies(query)
        case .templates:
            try self.named(query, "templates", ProvisioningTables.templateColumns, "name") {
                .template(try ProvisioningTables.template(&$0))
            }
        case .hooks:
            try self.named(query, "hooks", ProvisioningTables.hookColumns, "name") {
                .hook(try ProvisioningTables.hook(&$0))
            }
        case .claims, .claimTerms, .claimHours: try self.claims(query)
        case .authorities:
            try self.named(query, "authorities", CertificateTables.authorityColumns, "id") {
                .authority(try CertificateTables.authority(&$0))
            }
        case .allowlists, .allowlistUnits, .allowlistHistory, .allowlistVersions:
            try self.allowlists(query)
        case .accessKeys: try self.accessKeys(query)
        case .roles: try self.roles(query)
        case .registrationTasks(let status): try self.registrationTasks(status, query)
        case .search(let search): try self.search(search, query)
        case .values(let field, let search): try self.values(of: field, where: search, query)
        case .allowlistEntries(let list): try self.entries(of: list, query)
        case .ownershipTokensExpired(let moment): try self.tokens(expiredBefore: moment, query)
        case .commits: try self.commits(query)
        }
    }

    private func accessKeys(_ query: ListQuery) throws -> ListPage {
        try self.named(query, "access_keys", AccessTables.keyColumns, "id") {
            .accessKey(try AccessTables.key(&$0))
        }
    }

    private func roles(_ query: ListQuery) throws -> ListPage {
        try self.named(query, "access_roles", AccessTables.roleColumns, "name") {
            .role(try AccessTables.role(&$0))
        }
    }

    /// One row more than asked for tells whether there is a next page.
    static func cut(_ rows: [(key: String, record: Fleet.Record)], _ query: ListQuery)
        -> ListPage
    {
        let page = rows.prefix(query.limit)
        return ListPage(
            records: page.map(\.record), next: rows.count > page.count ? page.last?.key : nil)
    }

    func named(
        _ query: ListQuery, _ table: String, _ columns: String, _ key: String,
        also condition: String = "", decode: (inout RowReader) throws -> Fleet.Record
    ) throws -> ListPage {
        // Records are wide: each is made once, and moved nowhere.
        var records: [Fleet.Record] = []
        var (last, isMore) = ("", false)
        try self.db.each(
            """
            SELECT \(key), \(columns) FROM \(table) WHERE \(key) > ? \(condition)
            ORDER BY \(key) LIMIT ?
            """, query.after ?? "", query.limit + 1, of: table
        ) { row in
            guard records.count < query.limit else { return isMore = true }
            // Where the next page begins.
            if records.count + 1 == query.limit { last = try row.text() } else { row.skip() }
            records.append(try decode(&row))
        }
        return ListPage(records: records, next: isMore ? last : nil)
    }

    private func policies(_ query: ListQuery) throws -> ListPage {
        let rows = try self.db.all(
            """
            SELECT \(PolicyTables.policyColumns) FROM policies WHERE name > ?
            ORDER BY name LIMIT ?
            """, query.after ?? "", query.limit + 1, of: "policies"
        ) { try PolicyTables.PolicyRow(&$0) }
        return Self.cut(
            try rows.map { (key: $0.name.rawValue, record: .policy(try $0.policy(self.db))) },
            query)
    }

    private func entries(of list: AllowlistName, _ query: ListQuery) throws -> ListPage {
        let rows = try self.db.all(
            """
            SELECT entry.serial FROM allowlists AS list
            JOIN allowlist_entries AS entry ON entry.list_id = list.id
            JOIN allowlist_batches AS batch
                ON batch.list_id = list.id AND batch.version = entry.version
            WHERE list.name = ? AND entry.serial > ? AND batch.state = 1
            ORDER BY entry.serial LIMIT ?
            """, list.rawValue, query.after ?? "", query.limit + 1, of: "allowlist_entries"
        ) { row in
            let text = try row.text()
            guard let serial = try? SerialNumber(text) else {
                throw DamagedRow("allowlist \(list) holds a serial number that is none")
            }
            return (key: text, record: Fleet.Record.allowlistEntry(serial))
        }
        return Self.cut(rows, query)
    }

    /// Oldest first; the place in the order is the time and, among equals, the hash.
    private func tokens(expiredBefore moment: UnixTime, _ query: ListQuery) throws -> ListPage {
        let after = try Self.dated(query.after)
        let rows = try self.db.all(
            """
            SELECT \(ProvisioningTables.tokenColumns) FROM ownership_tokens
            WHERE expires_at < ? AND (expires_at, hash) > (?, ?)
            ORDER BY expires_at, hash LIMIT ?
            """, moment.milliseconds, after.time, after.name, query.limit + 1,
            of: "ownership_tokens"
        ) { try ProvisioningTables.token(&$0) }
        return Self.cut(
            rows.map { token in
                ("\(token.expiresAt.milliseconds):\(token.hash)", .ownershipToken(token))
            }, query)
    }

    /// A place in an order by time and, among equals, by name.
    static func dated(_ place: String?) throws -> (time: Int64, name: String) {
        guard let place else { return (.min, "") }
        let parts = place.split(separator: ":", maxSplits: 1)
        guard parts.count == 2, let time = Int64(parts[0]) else { throw Self.badPlace(place) }
        return (time, String(parts[1]))
    }

    private func commits(_ query: ListQuery) throws -> ListPage {
        guard let after = query.after.map({ Int64($0) }) ?? 0 else {
            throw Self.badPlace(query.after ?? "")
        }
        let rows = try self.entries(after: after, limit: query.limit + 1, refusals: true)
        return Self.cut(
            try rows.map { (String($0.sequence), .commit(try $0.commit())) }, query)
    }

    static func badPlace(_ text: String) -> FleetError {
        FleetError(.invalidRequest, "'\(text.clipped)' is no place in this listing")
    }

    private func entries(
        after: Commit.Sequence, limit: Int, refusals: Bool
    ) throws -> [AuditEntry] {
        try self.db.all(
            """
            SELECT \(AuditEntry.columns) FROM commits
            WHERE sequence > ? \(refusals ? "" : "AND refusal IS NULL") ORDER BY sequence LIMIT ?
            """, after, limit, of: "commits"
        ) { try AuditEntry(&$0) }
    }

    /// For the feed: the next commits, and up to where the log has been looked through.
    func replay(
        after cursor: Commit.Sequence
    ) throws -> (commits: [Commit], upTo: Commit.Sequence) {
        let rows = try self.entries(
            after: cursor, limit: StorageLimits.replayCommitsMax, refusals: false)
        let commits = try rows.map { try $0.commit() }
        if rows.count == StorageLimits.replayCommitsMax, let last = rows.last {
            return (commits, last.sequence)
        }
        return (commits, max(cursor, try AuditLog.state(self.db).size))
    }
}
