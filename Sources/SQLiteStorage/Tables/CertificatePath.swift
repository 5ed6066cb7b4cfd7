internal import Fleet
internal import GRDB

/// The one index along which certificates of a filter are read: that of the term which is likely to
/// leave the fewest. What other terms say is asked of each row.
struct CertificatePath {
    /// A column that the rows are in the order of.
    enum Column {
        case text(String)
        case number(String)

        var sql: String {
            switch self {
            case .text(let sql), .number(let sql): sql
            }
        }
    }

    /// What stands behind `FROM`.
    let source: String
    /// What holds all along.
    let condition: String
    let arguments: [any DatabaseValueConvertible]
    /// Where the first page begins; a later one begins at its place.
    var start: (condition: String, argument: any DatabaseValueConvertible)?
    /// The last of them tells rows apart.
    let order: [Column]

    fileprivate static let rowID = "certificates.rowid"
}

extension CertificatePath {
    init(_ filter: CertificateFilter) {
        let paths = filter.terms.compactMap { Self.path(of: $0, in: filter) }
        self = paths.min { $0.rank < $1.rank }?.path ?? Self.everything
    }

    /// A lower rank is likely to find fewer; nil for a term without an index.
    private static func path(
        of term: CertificateFilter.Term, in filter: CertificateFilter
    ) -> (rank: Int, path: CertificatePath)? {
        switch term {
        case .key(let digits):
            (
                0,
                Self.digits(
                    digits, "public_key", index: "certificates_by_key",
                    then: [.number(Self.rowID)])
            )
        case .weakness(let weakness): (1, Self.weak(weakness))
        case .claim(let id): (2, Self.equal("claim", id.rawValue, filter))
        case .lot(let text): (3, Self.equal("lot", text.storable, filter))
        case .station(let text): (4, Self.equal("station", text.storable, filter))
        case .hook(let digits):
            (
                5,
                Self.digits(
                    digits, "hook_digest", index: "certificates_by_hook",
                    then: [.number("created_at"), .number(Self.rowID)])
            )
        case .group(let name): (6, Self.members(of: name))
        case .template(let name): (7, Self.equal("template", name.rawValue, filter))
        case .issued(let from, let to): (8, Self.issued(from, to))
        case .issuer(let digits):
            (
                9,
                Self.digits(
                    digits, "issuer_id", index: "certificates_by_issuer",
                    then: [.number("created_at"), .text("id")])
            )
        case .version, .status, .kind: nil
        }
    }

    private static var everything: CertificatePath {
        CertificatePath(
            source: "certificates", condition: "TRUE", arguments: [], start: ("id > ?", ""),
            order: [.text("id")])
    }

    /// A renewed certificate may be meant by its first one's day, which is before its own.
    private static let createdBy =
        #"(created_at <= ? OR instr(provenance, '"renewal":') > 0)"#

    /// In the order of creation, and within the time that is asked for.
    private static func equal(
        _ column: String, _ value: String, _ filter: CertificateFilter
    ) -> CertificatePath {
        var (from, to) = (Int64.min, Int64.max)
        for case .issued(let first, let last) in filter.terms {
            (from, to) = (max(from, first.milliseconds), min(to, last.milliseconds))
        }
        return CertificatePath(
            source: "certificates INDEXED BY certificates_by_\(column)",
            condition: "\(column) = ? AND \(Self.createdBy)", arguments: [value, to],
            start: ("created_at >= ?", from), order: [.number("created_at"), .number(Self.rowID)])
    }

    private static func digits(
        _ digits: String, _ column: String, index: String, then order: [Column]
    ) -> CertificatePath {
        CertificatePath(
            source: "certificates INDEXED BY \(index)",
            // Beyond every digit.
            condition: "\(column) < ?", arguments: [digits + "g"],
            start: ("\(column) >= ?", digits), order: [.text(column)] + order)
    }

    private static func issued(_ from: UnixTime, _ to: UnixTime) -> CertificatePath {
        CertificatePath(
            source: "certificates INDEXED BY certificates_by_creation",
            condition: Self.createdBy, arguments: [to.milliseconds],
            start: ("created_at >= ?", from.milliseconds),
            order: [.number("created_at"), .text("id")])
    }

    private static func weak(_ weakness: KeyWeakness) -> CertificatePath {
        CertificatePath(
            source: """
                public_keys INDEXED BY public_keys_by_weakness
                CROSS JOIN certificates ON certificates.public_key = fingerprint
                """, condition: "weakness = ?", arguments: [weakness.rawValue],
            order: [.text("fingerprint"), .number(Self.rowID)])
    }

    /// One row for each thing of the group that a certificate speaks for.
    private static func members(of group: ThingGroupName) -> CertificatePath {
        CertificatePath(
            source: """
                group_members AS m INDEXED BY group_members_by_group
                CROSS JOIN thing_principals AS p ON p.thing = m.thing
                CROSS JOIN certificates ON certificates.id = p.certificate
                """, condition: "m.thing_group = ?", arguments: [group.rawValue],
            order: [.text("m.thing"), .text("p.certificate")])
    }

    // MARK: Pages

    private static let separator: Character = "|"

    func rows(
        _ db: Database, after place: String?, limit: Int
    ) throws -> [(place: String, certificate: Certificate)] {
        var conditions = [self.condition]
        var arguments: [(any DatabaseValueConvertible)?] = self.arguments
        if let place {
            let columns = self.order.map(\.sql).joined(separator: ", ")
            let marks = self.order.map { _ in "?" }.joined(separator: ", ")
            conditions.append("(\(columns)) > (\(marks))")
            arguments += try self.values(of: place)
        } else if let start {
            conditions.append(start.condition)
            arguments.append(start.argument)
        }
        let order = self.order.map(\.sql)
        return try db.all(
            """
            SELECT \(order.joined(separator: ", ")), \(CertificateTables.certificateColumns)
            FROM \(self.source) WHERE \(conditions.joined(separator: " AND "))
            ORDER BY \(order.joined(separator: ", ")) LIMIT ?
            """, arguments: arguments + [limit], of: "certificates"
        ) { row in
            var parts: [String] = []
            for column in self.order {
                switch column {
                case .text: parts.append(try row.text())
                case .number: parts.append(String(try row.int64()))
                }
            }
            return (
                parts.joined(separator: String(Self.separator)),
                try CertificateTables.certificate(&row)
            )
        }
    }

    private func values(of place: String) throws -> [any DatabaseValueConvertible] {
        let parts = place.split(separator: Self.separator, omittingEmptySubsequences: false)
        guard parts.count == self.order.count else { throw ListPages.badPlace(place) }
        return try zip(parts, self.order).map { part, column in
            switch column {
            case .text: return String(part)
            case .number:
                guard let number = Int64(part) else { throw ListPages.badPlace(place) }
                return number
            }
        }
    }
}

extension ListPages {
    /// A page may come out shorter than its limit, since only one term has the index.
    func certificates(where filter: CertificateFilter, _ query: ListQuery) throws -> ListPage {
        let rows = try CertificatePath(filter).rows(
            self.db, after: query.after, limit: query.limit + 1)
        let page = rows.prefix(query.limit)
        return ListPage(
            records: try page.filter { row in
                filter.matches(row.certificate, try self.facts(of: row.certificate, filter))
            }.map { .certificate($0.certificate) },
            next: rows.count > page.count ? page.last?.place : nil)
    }

    private func facts(
        of certificate: Certificate, _ filter: CertificateFilter
    ) throws -> CertificateFilter.Facts {
        var facts = CertificateFilter.Facts()
        if filter.asksForGroups {
            facts.groups = Set(
                try self.db.all(
                    """
                    SELECT m.thing_group FROM thing_principals AS p
                    JOIN group_members AS m ON m.thing = p.thing WHERE p.certificate = ?
                    """, certificate.id.rawValue, of: "group_members"
                ) { try $0.name(ThingGroupName.self) })
        }
        if filter.asksForWeakness {
            facts.weakness = try self.db.first(
                "SELECT \(KeyTable.columns) FROM public_keys WHERE fingerprint = ?",
                certificate.publicKey.rawValue, of: "public_keys"
            ) { try KeyTable.key(&$0) }?.weakness
        }
        return facts
    }
}
