internal import Fleet
internal import GRDB

// Listings of certificates, policies and what hangs on what. Each reads one index from where the
// page before ended.

/// A listing in the order of creation: the place in it is the time and, among equals, the key.
struct Creation {
    let order: ListOrder
    /// Holds the table's own condition, or nothing.
    let condition: String
    let argument: String?

    /// - Parameter argument: nil where the condition does not apply.
    init(_ order: ListOrder, _ condition: String = "", _ argument: String? = nil) {
        self.order = order
        self.condition = condition
        self.argument = argument
    }

    static func place(_ time: UnixTime, _ key: String) -> String { "\(time.milliseconds):\(key)" }

    /// What follows `WHERE`, and its arguments.
    func clause(
        key: String, after: String?
    ) throws -> (sql: String, arguments: [(any DatabaseValueConvertible)?]) {
        var conditions: [String] = []
        var arguments: [(any DatabaseValueConvertible)?] = []
        if let argument {
            conditions.append(self.condition)
            arguments.append(argument)
        }
        let direction = self.order == .ascending ? "ASC" : "DESC"
        if let after {
            let parts = after.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, let time = Int64(parts[0]) else {
                throw ListPages.badPlace(after)
            }
            let comparison = self.order == .ascending ? ">" : "<"
            conditions.append("(created_at, \(key)) \(comparison) (?, ?)")
            arguments += [time, String(parts[1])]
        }
        let filter = conditions.isEmpty ? "" : "WHERE " + conditions.joined(separator: " AND ")
        return (
            "\(filter) ORDER BY created_at \(direction), \(key) \(direction) LIMIT ?", arguments
        )
    }
}

extension ListPages {
    // MARK: Certificates and authorities

    func certificates(_ creation: Creation, _ query: ListQuery) throws -> ListPage {
        let clause = try creation.clause(key: "id", after: query.after)
        let rows = try self.rows(
            "SELECT \(CertificateTables.certificateColumns) FROM certificates \(clause.sql)",
            clause.arguments, limit: query.limit + 1, of: "certificates"
        ) { row in
            let certificate = try CertificateTables.certificate(&row)
            return (
                Creation.place(certificate.createdAt, certificate.id.rawValue),
                .certificate(certificate)
            )
        }
        return Self.cut(rows, query)
    }

    func registrationTasks(
        _ status: RegistrationTask.Status?, _ query: ListQuery
    ) throws -> ListPage {
        let creation = Creation(.descending, "status = ?", status?.rawValue)
        let clause = try creation.clause(key: "id", after: query.after)
        let rows = try self.rows(
            "SELECT \(TaskTables.taskColumns) FROM registration_tasks \(clause.sql)",
            clause.arguments, limit: query.limit + 1, of: "registration_tasks"
        ) { row in
            let task = try TaskTables.task(&row)
            return (Creation.place(task.createdAt, task.id.rawValue), .registrationTask(task))
        }
        return Self.cut(rows, query)
    }

    func authorities(
        _ order: ListOrder, _ template: TemplateName?, _ query: ListQuery
    ) throws -> ListPage {
        let creation = Creation(
            order, "json_extract(registration_config, '$.templateName') = ?", template?.rawValue)
        let clause = try creation.clause(key: "id", after: query.after)
        let rows = try self.rows(
            "SELECT \(CertificateTables.authorityColumns) FROM authorities \(clause.sql)",
            clause.arguments, limit: query.limit + 1, of: "authorities"
        ) { row in
            let authority = try CertificateTables.authority(&row)
            return (
                Creation.place(authority.createdAt, authority.id.rawValue), .authority(authority)
            )
        }
        return Self.cut(rows, query)
    }

    // MARK: Principals of things

    func principals(
        of thing: ThingName, _ exclusivity: ThingPrincipal.Exclusivity?, _ query: ListQuery
    ) throws -> ListPage {
        try self.attachments("thing", thing.rawValue, "certificate", exclusivity, query) {
            $0.certificate.rawValue
        }
    }

    func things(
        of certificate: CertificateID, _ exclusivity: ThingPrincipal.Exclusivity?,
        _ query: ListQuery
    ) throws -> ListPage {
        try self.attachments("certificate", certificate.rawValue, "thing", exclusivity, query) {
            $0.thing.rawValue
        }
    }

    private func attachments(
        _ column: String, _ value: String, _ key: String,
        _ exclusivity: ThingPrincipal.Exclusivity?, _ query: ListQuery,
        place: (ThingPrincipal) -> String
    ) throws -> ListPage {
        let rows = try self.rows(
            """
            SELECT thing, certificate, exclusivity FROM thing_principals
            WHERE \(column) = ? AND \(key) > ? ORDER BY \(key) LIMIT ?
            """, [value, query.after ?? ""], limit: query.limit + 1, of: "thing_principals"
        ) { row in
            let principal = try PolicyTables.thingPrincipal(&row)
            return (place(principal), .thingPrincipal(principal))
        }
        let page = Self.cut(rows, query)
        guard let exclusivity else { return page }
        return ListPage(
            records: page.records.filter { record in
                if case .thingPrincipal(let principal) = record {
                    principal.exclusivity == exclusivity
                } else {
                    false
                }
            }, next: page.next)
    }

    // MARK: Policies

    func policies(_ order: ListOrder, _ query: ListQuery) throws -> ListPage {
        let clause = try Creation(order).clause(key: "name", after: query.after)
        let found = try self.db.all(
            "SELECT \(PolicyTables.policyColumns) FROM policies \(clause.sql)",
            arguments: clause.arguments + [query.limit + 1], of: "policies"
        ) { try PolicyTables.PolicyRow(&$0) }
        let rows = try found.map { row in
            (
                key: Creation.place(row.createdAt, row.name.rawValue),
                record: Fleet.Record.policy(try row.policy(self.db))
            )
        }
        return Self.cut(rows, query)
    }

    func policies(of target: PolicyTarget, _ query: ListQuery) throws -> ListPage {
        let (table, column, value) =
            switch target {
            case .certificate(let id): ("certificate_policies", "certificate", id.rawValue)
            case .thingGroup(let name): ("group_policies", "thing_group", name.rawValue)
            }
        let rows = try self.rows(
            """
            SELECT policy FROM \(table) WHERE \(column) = ? AND policy > ? ORDER BY policy LIMIT ?
            """, [value, query.after ?? ""], limit: query.limit + 1, of: table
        ) { row in
            let name: PolicyName = try row.name()
            return (name.rawValue, .policyName(name))
        }
        return Self.cut(rows, query)
    }

    /// Certificates by id, then groups by name; the place says which of the two it is in.
    func targets(of policy: PolicyName, _ query: ListQuery) throws -> ListPage {
        let place = try Self.place(query.after) ?? (name: "cert", rest: "")
        guard ["cert", "group"].contains(place.name) else { throw Self.badPlace(place.name) }
        var rows: [Row] = []
        if place.name == "cert" {
            rows = try self.principals(
                of: policy, .ascending, after: place.rest, limit: query.limit + 1)
        }
        let missing = query.limit + 1 - rows.count
        if missing > 0 {
            rows += try self.rows(
                """
                SELECT thing_group FROM group_policies WHERE policy = ? AND thing_group > ?
                ORDER BY thing_group LIMIT ?
                """, [policy.rawValue, place.name == "group" ? place.rest : ""], limit: missing,
                of: "group_policies"
            ) { row in
                let name: ThingGroupName = try row.name()
                return ("group|\(name)", .policyTarget(.thingGroup(name)))
            }
        }
        return Self.cut(rows, query)
    }

    func principals(
        of policy: PolicyName, _ order: ListOrder, _ query: ListQuery
    ) throws -> ListPage {
        let place = try Self.place(query.after)
        return Self.cut(
            try self.principals(of: policy, order, after: place?.rest, limit: query.limit + 1),
            query)
    }

    private func principals(
        of policy: PolicyName, _ order: ListOrder, after id: String?, limit: Int
    ) throws -> [Row] {
        let (comparison, direction, start) =
            switch order {
            case .ascending: (">", "ASC", id ?? "")
            // Ids are hex digits, all of which are smaller.
            case .descending: ("<", "DESC", id ?? "~")
            }
        return try self.rows(
            """
            SELECT certificate FROM certificate_policies
            WHERE policy = ? AND certificate \(comparison) ? ORDER BY certificate \(direction)
            LIMIT ?
            """, [policy.rawValue, start], limit: limit, of: "certificate_policies"
        ) { row in
            let id = try row.certificateID()
            return ("cert|\(id)", .policyTarget(.certificate(id)))
        }
    }

    // MARK: Template versions

    func versions(of template: TemplateName, _ query: ListQuery) throws -> ListPage {
        guard let after = query.after.map({ Int64($0) }) ?? 0 else {
            throw Self.badPlace(query.after ?? "")
        }
        let rows = try self.rows(
            """
            SELECT \(ProvisioningTables.templateVersionColumns) FROM template_versions
            WHERE template = ? AND id > ? ORDER BY id LIMIT ?
            """, [template.rawValue, after], limit: query.limit + 1, of: "template_versions"
        ) { row in
            let version = try ProvisioningTables.templateVersion(&row)
            return (String(version.id), .templateVersion(version))
        }
        return Self.cut(rows, query)
    }

    func versions(of hook: HookName, _ query: ListQuery) throws -> ListPage {
        guard let after = query.after.map({ Int64($0) }) ?? 0 else {
            throw Self.badPlace(query.after ?? "")
        }
        let rows = try self.rows(
            """
            SELECT \(ProvisioningTables.hookVersionColumns) FROM hook_versions
            WHERE hook = ? AND number > ? ORDER BY number LIMIT ?
            """, [hook.rawValue, after], limit: query.limit + 1, of: "hook_versions"
        ) { row in
            let version = try ProvisioningTables.hookVersion(&row)
            return (String(version.version), .hook(version))
        }
        return Self.cut(rows, query)
    }
}
