internal import Fleet
internal import GRDB

// Claims and allowlists, a page at a time.

extension ListPages {
    func claims(_ query: ListQuery) throws -> ListPage {
        if case .claimHours(let name) = query.subject {
            return try ClaimTables.hours(of: name, query, self.db)
        }
        if case .claimTerms = query.subject {
            return try self.named(query, "claim_terms", "terms", "name") {
                .claimTerms(try ClaimTables.terms(&$0))
            }
        }
        return try self.named(query, "claims", CertificateTables.claimColumns, "certificate") {
            .claim(try CertificateTables.claim(&$0))
        }
    }

    func allowlists(_ query: ListQuery) throws -> ListPage {
        switch query.subject {
        case .allowlistUnits(let list):
            return try AllowlistUnitTables.units(of: list, query, self.db)
        case .allowlistHistory(let list, let serial):
            return try AllowlistUnitTables.history(of: serial, on: list, query, self.db)
        case .allowlistVersions(let list):
            return try AllowlistUnitTables.versions(of: list, query, self.db)
        default:
            return try self.named(
                query, "allowlists", AllowlistTables.listColumns, "name",
                also: "AND \(AllowlistTables.published)"
            ) { .allowlist(try AllowlistTables.list(&$0)) }
        }
    }
}
