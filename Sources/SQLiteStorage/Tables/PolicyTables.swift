internal import Fleet
internal import GRDB

/// Policies, what they hang on, and the principals of things: their SQL, both ways.
///
/// Rows are written by upsert, never by replacement: replacing deletes first, and the deletion
/// would take what hangs on the row with it.
enum PolicyTables {
    static let policyColumns =
        "name, default_version, latest_version, created_at, last_modified_at"

    /// A policy's own row; its versions are read beside it.
    struct PolicyRow {
        let name: PolicyName
        let defaultVersionID: Int
        let latestVersionID: Int
        let createdAt: UnixTime
        let lastModifiedAt: UnixTime

        init(_ row: inout RowReader) throws {
            self.name = try row.name()
            self.defaultVersionID = try row.int()
            self.latestVersionID = try row.int()
            self.createdAt = try row.time()
            self.lastModifiedAt = try row.time()
        }

        func policy(_ db: Database) throws -> Policy {
            let versions = try db.all(
                """
                SELECT id, document, created_at FROM policy_versions WHERE policy = ?
                ORDER BY position
                """, self.name.rawValue, of: "policy_versions"
            ) { row in
                Policy.Version(
                    id: try row.int(), document: try row.text(), createdAt: try row.time())
            }
            return Policy(
                name: self.name, versions: versions, defaultVersionID: self.defaultVersionID,
                latestVersionID: self.latestVersionID, createdAt: self.createdAt,
                lastModifiedAt: self.lastModifiedAt)
        }
    }

    static func put(_ policy: Policy, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO policies (\(Self.policyColumns), revision) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (name) DO UPDATE SET default_version = excluded.default_version,
                latest_version = excluded.latest_version, created_at = excluded.created_at,
                last_modified_at = excluded.last_modified_at, revision = excluded.revision
            """,
            policy.name.rawValue, policy.defaultVersionID, policy.latestVersionID,
            policy.createdAt.milliseconds, policy.lastModifiedAt.milliseconds, revision)
        try db.run("DELETE FROM policy_versions WHERE policy = ?", policy.name.rawValue)
        for (position, version) in policy.versions.enumerated() {
            try Self.insert(version, of: policy.name, at: position, db)
        }
    }

    private static func insert(
        _ version: Policy.Version, of policy: PolicyName, at position: Int, _ db: Database
    ) throws {
        try db.run(
            """
            INSERT INTO policy_versions (policy, position, id, document, created_at)
            VALUES (?, ?, ?, ?, ?)
            """,
            policy.rawValue, position, version.id, version.document.storable,
            version.createdAt.milliseconds)
    }

    static func add(
        _ version: Policy.Version, to policy: PolicyName, isDefault: Bool, _ revision: Revision,
        _ db: Database
    ) throws {
        let last = try db.first(
            "SELECT max(position) FROM policy_versions WHERE policy = ?", policy.rawValue,
            of: "policy_versions"
        ) { try $0.optionalInt64() }
        try Self.insert(version, of: policy, at: (last ?? nil).map { Int($0) + 1 } ?? 0, db)
        try db.run(
            """
            UPDATE policies SET default_version = iif(?, ?, default_version),
                latest_version = max(latest_version, ?), last_modified_at = ?, revision = ?
            WHERE name = ?
            """,
            isDefault, version.id, version.id, version.createdAt.milliseconds, revision,
            policy.rawValue)
    }

    static func setDefault(
        _ id: Int, of policy: PolicyName, at time: UnixTime, _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            """
            UPDATE policies SET default_version = ?, last_modified_at = ?, revision = ?
            WHERE name = ?
            """,
            id, time.milliseconds, revision, policy.rawValue)
    }

    static func deleteVersion(
        _ id: Int, of policy: PolicyName, at time: UnixTime, _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            "DELETE FROM policy_versions WHERE policy = ? AND id = ?", policy.rawValue, id)
        try db.run(
            "UPDATE policies SET last_modified_at = ?, revision = ? WHERE name = ?",
            time.milliseconds, revision, policy.rawValue)
    }

    static func deletePolicy(_ name: PolicyName, _ db: Database) throws {
        try db.run("DELETE FROM policies WHERE name = ?", name.rawValue)
        try TagTables.set(.policy(name), [:], 0, db)
    }

    static func attach(_ policy: PolicyName, to target: PolicyTarget, _ db: Database) throws {
        switch target {
        case .certificate(let id):
            try db.run(
                "INSERT OR IGNORE INTO certificate_policies (certificate, policy) VALUES (?, ?)",
                id.rawValue, policy.rawValue)
        case .thingGroup(let group):
            try db.run(
                "INSERT OR IGNORE INTO group_policies (thing_group, policy) VALUES (?, ?)",
                group.rawValue, policy.rawValue)
        }
    }

    static func detach(_ policy: PolicyName, from target: PolicyTarget, _ db: Database) throws {
        switch target {
        case .certificate(let id):
            try db.run(
                "DELETE FROM certificate_policies WHERE certificate = ? AND policy = ?",
                id.rawValue, policy.rawValue)
        case .thingGroup(let group):
            try db.run(
                "DELETE FROM group_policies WHERE thing_group = ? AND policy = ?", group.rawValue,
                policy.rawValue)
        }
    }

    // MARK: Principals of things

    static func thingPrincipal(_ row: inout RowReader) throws -> ThingPrincipal {
        ThingPrincipal(
            thing: try row.name(), certificate: try row.certificateID(),
            exclusivity: try row.oneOf())
    }

    static func attach(
        _ principal: ThingPrincipal, _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            """
            INSERT INTO thing_principals (thing, certificate, exclusivity) VALUES (?, ?, ?)
            ON CONFLICT (thing, certificate) DO UPDATE SET exclusivity = excluded.exclusivity
            """,
            principal.thing.rawValue, principal.certificate.rawValue,
            principal.exclusivity.rawValue)
        try KeyTable.speak(
            for: principal.thing, certificate: principal.certificate, revision, db)
    }

    static func detach(_ thing: ThingName, _ id: CertificateID, _ db: Database) throws {
        try db.run(
            "DELETE FROM thing_principals WHERE thing = ? AND certificate = ?", thing.rawValue,
            id.rawValue)
    }
}
