internal import Fleet

/// Listing what the tables hold: every row of the subject, sorted, and cut to the page.
struct InMemoryPage {
    let tables: FleetTables
    let log: [Commit]

    func page(_ query: ListQuery) -> ListPage {
        var rows = self.rows(query.subject).sorted { $0.key.precedes($1.key) }
        let order = Self.order(of: query.subject)
        if order == .descending { rows.reverse() }
        let rest = rows.drop { row in
            guard let after = query.after else { return false }
            let place = SortKey(after, of: query.subject)
            return order == .ascending
                ? !place.precedes(row.key) : !row.key.precedes(place)
        }
        let page = rest.prefix(query.limit)
        return ListPage(
            records: page.map(\.record), next: rest.count > page.count ? page.last?.key.text : nil)
    }

    /// Bytes decide, as in the database; times and the log's numbers by value.
    private struct SortKey {
        let number: Int64
        let text: String

        init(number: Int64 = 0, text: String) {
            self.number = number
            self.text = text
        }

        init(_ after: String, of subject: ListQuery.Subject) {
            switch subject {
            case .commits, .ownershipTokensExpired, .policiesByCreation, .certificatesByCreation,
                .temporaryClaimsEnded, .certificatesOfIssuer, .authoritiesByCreation,
                .versionsOfTemplate,
                .versionsOfHook, .registrationTasks, .claimHours, .allowlistHistory,
                .enrolmentFindings, .enrolmentsHeld,
                .allowlistVersions:
                let number = after.split(separator: ":").first.flatMap { Int64($0) } ?? 0
                self.init(number: number, text: after)
            case .things, .thingTypes, .certificates, .policies, .templates, .hooks, .claims,
                .authorities, .allowlists, .accessKeys, .roles, .claimTerms, .allowlistEntries,
                .allowlistUnits, .thingsWhere,
                .thingGroups,
                .thingsInGroup, .groupsOfThing, .billingGroups, .thingsInBillingGroup,
                .principalsOfThing, .thingsOfCertificate, .policiesOfTarget, .targetsOfPolicy,
                .principalsOfPolicy, .search, .values, .certificatesUnproven, .certificatesWhere,
                .renewalsOpen:
                self.init(text: after)
            }
        }

        func precedes(_ other: SortKey) -> Bool {
            self.number != other.number
                ? self.number < other.number
                : self.text.utf8.lexicographicallyPrecedes(other.text.utf8)
        }
    }

    private static func order(of subject: ListQuery.Subject) -> ListOrder {
        switch subject {
        case .policiesByCreation(let order), .principalsOfPolicy(_, let order),
            .certificatesByCreation(let order), .certificatesOfIssuer(_, let order),
            .authoritiesByCreation(let order, _):
            order
        case .registrationTasks: .descending
        case .things, .thingTypes, .certificates, .policies, .templates, .hooks, .claims,
            .authorities, .allowlists, .accessKeys, .roles, .claimTerms, .claimHours,
            .allowlistEntries, .allowlistUnits, .allowlistHistory, .allowlistVersions,
            .thingsWhere,
            .thingGroups,
            .thingsInGroup, .groupsOfThing, .billingGroups, .thingsInBillingGroup,
            .principalsOfThing, .thingsOfCertificate, .policiesOfTarget, .targetsOfPolicy,
            .versionsOfTemplate, .versionsOfHook, .ownershipTokensExpired, .commits, .search,
            .values, .temporaryClaimsEnded, .certificatesUnproven, .certificatesWhere,
            .enrolmentFindings, .enrolmentsHeld, .renewalsOpen:
            .ascending
        }
    }

    private typealias Row = (key: SortKey, record: Record)

    private func rows(_ subject: ListQuery.Subject) -> [Row] {
        switch subject {
        case .commits:
            self.log.map {
                (SortKey(number: $0.sequence, text: String($0.sequence)), .commit($0))
            }
        case .allowlistEntries(let list):
            self.tables.allowlistEntries[list, default: []].map {
                (SortKey(text: $0.rawValue), .allowlistEntry($0))
            }
        case .claimHours(let name):
            (self.tables.claimSpending.hours[name] ?? [:]).values.map { hour in
                let number = hour.hour.milliseconds
                return (
                    SortKey(number: number, text: "\(number):\(hour.station)"), .claimHour(hour)
                )
            }
        case .allowlistUnits(let list):
            self.tables.allowlistEntries[list, default: []].compactMap { serial in
                self.tables.allowlistUnit(list, serial).map {
                    (SortKey(text: serial.rawValue), .allowlistUnit($0))
                }
            }
        case .allowlistHistory(let list, let serial):
            (self.tables.books.history[list]?[serial] ?? []).enumerated().map { index, row in
                (
                    SortKey(number: Int64(index + 1), text: String(index + 1)),
                    .allowlistStanding(row)
                )
            }
        case .allowlistVersions(let list):
            (self.tables.books.versions[list] ?? []).map { row in
                (SortKey(number: Int64(row.version), text: String(row.version)), .allowlist(row))
            }
        case .search(let search): self.found(search)
        case .values(let field, let search): self.values(of: field, search)
        case .thingsWhere(let filter): self.things(filter)
        case .thingGroups(let filter): self.groups(filter)
        case .thingsInGroup(let name, let recursive): self.members(of: name, recursive)
        case .groupsOfThing(let name):
            self.tables.groups[name, default: []].compactMap(self.tables.thingGroup).map {
                (SortKey(text: $0.name.rawValue), .thingGroup($0))
            }
        case .thingsInBillingGroup(let name):
            self.tables.allThings.filter { $0.billingGroup == name }.map {
                (SortKey(text: $0.name.rawValue), .thingName($0.name))
            }
        case .principalsOfThing(let name, let exclusivity):
            self.principals(exclusivity) { $0.thing == name ? $0.certificate.rawValue : nil }
        case .thingsOfCertificate(let id, let exclusivity):
            self.principals(exclusivity) { $0.certificate == id ? $0.thing.rawValue : nil }
        case .policiesOfTarget(let target):
            self.tables.policies[target, default: []].map {
                (SortKey(text: $0.rawValue), .policyName($0))
            }
        case .targetsOfPolicy(let name): self.targets(of: name)
        case .principalsOfPolicy(let name, _):
            self.targets(of: name).filter { row in
                if case .policyTarget(.certificate) = row.record { true } else { false }
            }
        case .versionsOfTemplate(let name):
            self.tables.versions(of: name).map {
                (SortKey(number: Int64($0.id), text: String($0.id)), .templateVersion($0))
            }
        case .versionsOfHook(let name):
            self.tables.records.compactMap { key, entry in
                guard case .hookVersion(name, _) = key, case .hook(let hook) = entry.record
                else { return nil }
                return (SortKey(number: Int64(hook.version), text: "\(hook.version)"), entry.record)
            }
        case .certificatesWhere(let filter): self.certificates(filter)
        case .certificatesUnproven(let lot):
            self.tables.records.values.compactMap { entry in
                guard case .certificate(let one) = entry.record, one.kind == .device,
                    one.status == .active, one.firstSeenAt == nil,
                    lot == nil || one.provenance?.registration?.lot == lot
                else { return nil }
                return (SortKey(text: one.id.rawValue), entry.record)
            }
        case .enrolmentFindings(let kind): self.findings { kind == nil || $0.kind == kind }
        case .enrolmentsHeld: self.findings { $0.policy == .hold }
        case .renewalsOpen:
            self.tables.records.values.compactMap { entry in
                guard case .renewal(let one) = entry.record, one.settledAt == nil else {
                    return nil
                }
                return (SortKey(text: one.predecessor.rawValue), entry.record)
            }
        case .policiesByCreation, .certificatesByCreation, .certificatesOfIssuer,
            .authoritiesByCreation, .ownershipTokensExpired, .temporaryClaimsEnded,
            .registrationTasks:
            self.tables.records.values.compactMap { entry in
                Self.dated(entry.record, subject).map { time, name in
                    let number = time.milliseconds
                    return (SortKey(number: number, text: "\(number):\(name)"), entry.record)
                }
            }
        case .things, .thingTypes, .certificates, .policies, .templates, .hooks, .claims,
            .authorities, .allowlists, .accessKeys, .roles, .billingGroups, .claimTerms:
            self.tables.records.compactMap { key, entry in
                Self.name(key, subject).map { (SortKey(text: $0), entry.record) }
            }
        }
    }

    private func findings(_ isMeant: (EnrolmentFinding) -> Bool) -> [Row] {
        self.tables.findings.filter { isMeant($0.finding) }.map { row in
            (SortKey(number: row.number, text: "\(row.number)"), .enrolmentFinding(row.finding))
        }
    }

    private func certificates(_ filter: CertificateFilter) -> [Row] {
        self.tables.records.values.compactMap { entry in
            guard case .certificate(let one) = entry.record else { return nil }
            var facts = CertificateFilter.Facts()
            for (thing, principals) in self.tables.principals where principals[one.id] != nil {
                facts.groups.formUnion(self.tables.groups[thing, default: []])
            }
            if case .knownKey(let key)? = self.tables.records[.knownKey(one.publicKey)]?.record {
                facts.weakness = key.weakness
            }
            guard filter.matches(one, facts) else { return nil }
            return (SortKey(text: one.id.rawValue), entry.record)
        }
    }

    private func found(_ search: FleetQuery) -> [Row] {
        switch search.index {
        case .things:
            self.tables.allThings.compactMap { self.tables.document($0.name) }
                .filter { search.matches($0) }.map {
                    (SortKey(text: $0.thing.name.rawValue), .document($0))
                }
        case .thingGroups:
            self.tables.allGroups.filter { search.matches($0) }.map {
                (SortKey(text: $0.name.rawValue), .thingGroup($0))
            }
        }
    }

    private func values(of field: QueryField, _ search: FleetQuery) -> [Row] {
        var counts: [FieldValue: Int] = [:]
        for row in self.found(search) {
            let values: [FieldValue] =
                switch row.record {
                case .document(let document): document.values(of: field)
                case .thingGroup(let group): group.values(of: field)
                default: []
                }
            for value in values { counts[value, default: 0] += 1 }
        }
        return counts.map {
            (SortKey(text: "\($0.key)"), .fieldValue($0.key, count: $0.value))
        }
    }

    private static func name(_ key: RecordKey, _ subject: ListQuery.Subject) -> String? {
        switch (subject, key) {
        case (.things, .thing(let name)): name.rawValue
        case (.thingTypes, .thingType(let name)): name.rawValue
        case (.certificates, .certificate(let id)): id.rawValue
        case (.policies, .policy(let name)): name.rawValue
        case (.templates, .template(let name)): name.rawValue
        case (.hooks, .hook(let name)): name.rawValue
        case (.claims, .claim(let id)): id.rawValue
        case (.claimTerms, .claimTerms(let name)): name.rawValue
        case (.authorities, .authority(let id)): id.rawValue
        case (.allowlists, .allowlist(let name)): name.rawValue
        case (.accessKeys, .accessKey(let id)): id.rawValue
        case (.roles, .role(let name)): name.rawValue
        case (.billingGroups(let prefix), .billingGroup(let name)):
            name.rawValue.hasPrefix(prefix) ? name.rawValue : nil
        // Pairs of two enums, most of which say nothing; listing them all is beyond the compiler.
        default: nil
        }
    }

    /// The time that a record is listed by, and its name among those of the same time.
    private static func dated(
        _ record: Record, _ subject: ListQuery.Subject
    ) -> (UnixTime, String)? {
        switch (subject, record) {
        case (.policiesByCreation, .policy(let policy)): (policy.createdAt, policy.name.rawValue)
        case (.registrationTasks(let status), .registrationTask(let task)):
            status == nil || status == task.state.status
                ? (task.createdAt, task.id.rawValue) : nil
        case (.certificatesByCreation, .certificate(let found)):
            (found.createdAt, found.id.rawValue)
        case (.certificatesOfIssuer(let issuer, _), .certificate(let found))
        where found.issuerID == issuer:
            (found.createdAt, found.id.rawValue)
        case (.authoritiesByCreation(_, let template), .authority(let found))
        where template == nil || found.registration.config?.templateName == template:
            (found.createdAt, found.id.rawValue)
        case (.temporaryClaimsEnded(let moment), .certificate(let found))
        where found.kind == .temporaryClaim && found.status != .revoked && found.notAfter < moment:
            (found.notAfter, found.id.rawValue)
        case (.ownershipTokensExpired(let moment), .ownershipToken(let token))
        where token.expiresAt < moment:
            (token.expiresAt, token.hash.rawValue)
        case (_, _): nil
        }
    }
}

// MARK: Things, groups and attachments

extension InMemoryPage {
    private func things(_ filter: ThingFilter) -> [Row] {
        self.tables.allThings.compactMap { thing in
            if let type = filter.typeName, thing.typeName != type { return nil }
            guard let wanted = filter.attribute else {
                return (SortKey(text: thing.name.rawValue), .thing(thing))
            }
            guard let value = thing.attributes[wanted.name] else { return nil }
            if wanted.isPrefix {
                guard value.hasPrefix(wanted.value) else { return nil }
                // By value, whatever its case, then by name: nothing sorts before a NUL.
                return (SortKey(text: "\(value.caseFolded)\u{0}\(thing.name)"), .thing(thing))
            }
            return value == wanted.value
                ? (SortKey(text: thing.name.rawValue), .thing(thing)) : nil
        }
    }

    private func groups(_ filter: ThingGroupFilter) -> [Row] {
        self.tables.allGroups.filter { $0.name.rawValue.hasPrefix(filter.prefix) }
            .compactMap { group in
                switch filter.scope {
                case .all: (SortKey(text: group.name.rawValue), .thingGroup(group))
                case .roots:
                    group.parent == nil
                        ? (SortKey(text: group.name.rawValue), .thingGroup(group)) : nil
                case .children(let parent):
                    group.parent == parent
                        ? (SortKey(text: group.name.rawValue), .thingGroup(group)) : nil
                case .descendants(let top):
                    // A group that is not there has nothing below it.
                    group.ancestors.contains(top) && self.tables.thingGroup(top) != nil
                        ? (SortKey(text: Self.path(group)), .thingGroup(group)) : nil
                }
            }
    }

    private static func path(_ group: ThingGroup) -> String {
        "/" + (group.ancestors + [group.name]).map { "\($0)/" }.joined()
    }

    private func members(of top: ThingGroupName, _ recursive: Bool) -> [Row] {
        let groups = self.tables.allGroups.filter { group in
            group.name == top
                || recursive && group.ancestors.contains(top) && self.tables.thingGroup(top) != nil
        }
        return groups.flatMap { group in
            self.tables.groups.filter { $0.value.contains(group.name) }.keys.map { thing in
                let place = recursive ? "\(Self.path(group))\u{0}\(thing)" : thing.rawValue
                return (SortKey(text: place), .thingName(thing))
            }
        }
    }

    private func principals(
        _ exclusivity: ThingPrincipal.Exclusivity?, _ key: (ThingPrincipal) -> String?
    ) -> [Row] {
        self.tables.principals.values.flatMap(\.values).compactMap { principal in
            guard exclusivity == nil || principal.exclusivity == exclusivity else { return nil }
            return key(principal).map { (SortKey(text: $0), .thingPrincipal(principal)) }
        }
    }

    private func targets(of policy: PolicyName) -> [Row] {
        self.tables.targets(of: policy).map { target in
            switch target {
            case .certificate(let id): (SortKey(text: "cert|\(id)"), .policyTarget(target))
            case .thingGroup(let name): (SortKey(text: "group|\(name)"), .policyTarget(target))
            }
        }
    }
}
