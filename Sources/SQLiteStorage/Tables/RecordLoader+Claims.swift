internal import Fleet
internal import GRDB

// Claims and allowlists, as single records.

extension RecordLoader {
    /// The record of a claim's certificate, or the claim's terms.
    func claim(_ key: RecordKey) throws -> RegistryView.Entry? {
        if case .claim(let id) = key {
            return try self.one(
                "claims", CertificateTables.claimColumns, "certificate = ?", id.rawValue
            ) { .claim(try CertificateTables.claim(&$0)) }
        }
        if case .claimTerms(let name) = key {
            return try self.one("claim_terms", "terms", "name = ?", name.rawValue) {
                .claimTerms(try ClaimTables.terms(&$0))
            }
        }
        guard case .termsOfClaim(let id) = key else { return nil }
        return try self.one("claim_terms", "terms", ClaimTables.ofCertificate, id.rawValue) {
            .claimTerms(try ClaimTables.terms(&$0))
        }
    }

    /// What a claim has spent and who speaks for it; what an allowlist says of a unit.
    func counted(_ key: RecordKey) throws -> Fleet.Record? {
        switch key {
        case .claimSpent(let name): try ClaimTables.spent(name, self.db)
        case .claimUnit(let name, let thing): try ClaimTables.unit(name, thing, self.db)
        case .pendingOfClaim(let id): try ClaimTables.pending(id, self.db)
        case .certificatesOfClaim(let name):
            try self.certificates(
                "SELECT certificate FROM claims WHERE label = ? ORDER BY certificate",
                name.rawValue)
        case .allowlistUnit(let list, let serial):
            try AllowlistUnitTables.unit(serial, of: list, self.db).map { .allowlistUnit($0) }
        default: nil
        }
    }

    func allowlist(_ name: AllowlistName) throws -> RegistryView.Entry? {
        try self.one(
            "allowlists", AllowlistTables.listColumns,
            "name = ? AND \(AllowlistTables.published)", name.rawValue
        ) { .allowlist(try AllowlistTables.list(&$0)) }
    }
}
