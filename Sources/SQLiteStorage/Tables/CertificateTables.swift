internal import Fleet
internal import GRDB
internal import JSON

/// Certificates and the authorities and claims among them: their SQL, both ways.
enum CertificateTables {
    static let certificateColumns = """
        id, kind, serial_number, issuer_id, issuer, subject, public_key, not_before, not_after, \
        pem, created_at, status, status_changed_at, status_reason, provenance, first_seen_at, \
        mode, customer_version
        """

    static func certificate(_ row: inout RowReader) throws -> Certificate {
        Certificate(
            id: try row.certificateID(), kind: try row.oneOf(), serialNumber: try row.text(),
            issuerID: try row.optionalCertificateID(), issuer: try row.text(),
            subject: try row.text(), publicKey: try row.fingerprint(), notBefore: try row.time(),
            notAfter: try row.time(), pem: try row.text(), createdAt: try row.time(),
            status: try row.oneOf(), statusChangedAt: try row.time(),
            statusReason: try row.optionalText(),
            provenance: try row.optionalJSON().map { try Provenance(json: $0) },
            firstSeenAt: try row.optionalTime(), mode: try row.oneOf(), version: try row.int())
    }

    /// Put together once, not with each certificate.
    private static let putCertificate = """
        INSERT INTO certificates (
            \(Self.certificateColumns), claim, template, lot, station, hook_digest, revision)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET kind = excluded.kind, mode = excluded.mode,
            serial_number = excluded.serial_number, issuer_id = excluded.issuer_id,
            issuer = excluded.issuer, subject = excluded.subject,
            public_key = excluded.public_key, not_before = excluded.not_before,
            not_after = excluded.not_after, pem = excluded.pem,
            created_at = excluded.created_at, status = excluded.status,
            status_changed_at = excluded.status_changed_at,
            status_reason = excluded.status_reason, provenance = excluded.provenance,
            first_seen_at = excluded.first_seen_at,
            customer_version = excluded.customer_version, claim = excluded.claim,
            template = excluded.template, lot = excluded.lot, station = excluded.station,
            hook_digest = excluded.hook_digest, revision = excluded.revision
        """

    static func put(_ certificate: Certificate, _ revision: Revision, _ db: Database) throws {
        let provenance = certificate.provenance
        try db.run(
            Self.putCertificate,
            row: [
                certificate.id.rawValue, certificate.kind.rawValue, certificate.serialNumber,
                certificate.issuerID?.rawValue, certificate.issuer.storable,
                certificate.subject.storable, certificate.publicKey.rawValue,
                certificate.notBefore.milliseconds, certificate.notAfter.milliseconds,
                certificate.pem.storable, certificate.createdAt.milliseconds,
                certificate.status.rawValue, certificate.statusChangedAt.milliseconds,
                certificate.statusReason?.storable, provenance?.json.description,
                certificate.firstSeenAt?.milliseconds, certificate.mode.rawValue,
                certificate.version,
                provenance?.origin.claim?.rawValue,
                provenance?.registration?.template?.rawValue,
                provenance?.lot?.storable,
                provenance?.station?.storable, provenance?.registration?.hookDigest?.storable,
                revision,
            ])
        try KeyTable.see(
            certificate.publicKey, as: KnownKey.Use(certificate.kind), revision, db)
    }

    static func setStatus(
        _ id: CertificateID, _ status: Certificate.Status, reason: String?, at time: UnixTime,
        _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            """
            UPDATE certificates SET status = ?, status_reason = ?, status_changed_at = ?,
                customer_version = customer_version + 1, revision = ? WHERE id = ?
            """, status.rawValue, reason?.storable, time.milliseconds, revision, id.rawValue)
        try Self.requireFound(id, db)
        if status == .revoked { try RevocationTable.note(id, at: time, revision, db) }
    }

    static func setProvenance(
        _ id: CertificateID, _ provenance: Provenance, _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            """
            UPDATE certificates SET provenance = ?, claim = ?, template = ?, lot = ?, station = ?,
                hook_digest = ?, revision = ? WHERE id = ?
            """, provenance.json.description, provenance.origin.claim?.rawValue,
            provenance.registration?.template?.rawValue, provenance.lot?.storable,
            provenance.station?.storable, provenance.registration?.hookDigest?.storable, revision,
            id.rawValue)
        try Self.requireFound(id, db)
    }

    /// The first time stays; a later one changes nothing, not even the revision.
    static func recordFirstSeen(
        _ id: CertificateID, at time: UnixTime, _ revision: Revision, _ db: Database
    ) throws {
        try db.run(
            """
            UPDATE certificates SET revision = iif(first_seen_at IS NULL, ?, revision),
                first_seen_at = ifnull(first_seen_at, ?) WHERE id = ?
            """, revision, time.milliseconds, id.rawValue)
        try Self.requireFound(id, db)
    }

    private static func requireFound(_ id: CertificateID, _ db: Database) throws {
        guard db.changesCount > 0 else {
            throw FleetError.conflict("\(RecordKey.certificate(id)) does not exist")
        }
    }

    /// Foreign keys take the attachments, the claim record and the tokens along.
    static func delete(_ id: CertificateID, _ db: Database) throws {
        try db.run("DELETE FROM certificates WHERE id = ?", id.rawValue)
    }

    // MARK: Claims

    static let claimColumns = "certificate, label, station, lot, created_at"

    static func claim(_ row: inout RowReader) throws -> Claim {
        Claim(
            certificate: try row.certificateID(), label: try row.text(),
            station: try row.optionalText(), lot: try row.optionalText(),
            createdAt: try row.time())
    }

    static func put(_ claim: Claim, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO claims (\(Self.claimColumns), revision) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (certificate) DO UPDATE SET label = excluded.label,
                station = excluded.station, lot = excluded.lot, created_at = excluded.created_at,
                revision = excluded.revision
            """,
            claim.certificate.rawValue, claim.label.storable, claim.station?.storable,
            claim.lot?.storable, claim.createdAt.milliseconds, revision)
    }

    static func deleteClaim(_ id: CertificateID, _ db: Database) throws {
        try db.run("DELETE FROM claims WHERE certificate = ?", id.rawValue)
    }

    // MARK: Authorities

    static let authorityColumns = """
        id, role, subject, public_key, pem, not_before, not_after, status, created_at, mode, \
        auto_registration, registration_config, last_modified_at, customer_version
        """

    static func authority(_ row: inout RowReader) throws -> Authority {
        Authority(
            id: try row.certificateID(), role: try row.oneOf(), subject: try row.text(),
            publicKey: try row.fingerprint(), pem: try row.text(), notBefore: try row.time(),
            notAfter: try row.time(), status: try row.oneOf(), createdAt: try row.time(),
            registration: Authority.Registration(
                mode: try row.oneOf(), isAutomatic: try row.flag(),
                config: try row.optionalJSON().map { try Authority.RegistrationConfig(json: $0) }),
            lastModifiedAt: try row.time(), version: try row.int())
    }

    static func put(_ authority: Authority, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO authorities (\(Self.authorityColumns), revision)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET role = excluded.role, subject = excluded.subject,
                public_key = excluded.public_key, pem = excluded.pem,
                not_before = excluded.not_before, not_after = excluded.not_after,
                status = excluded.status, created_at = excluded.created_at, mode = excluded.mode,
                auto_registration = excluded.auto_registration,
                registration_config = excluded.registration_config,
                last_modified_at = excluded.last_modified_at,
                customer_version = excluded.customer_version, revision = excluded.revision
            """,
            authority.id.rawValue, authority.role.rawValue, authority.subject.storable,
            authority.publicKey.rawValue, authority.pem.storable,
            authority.notBefore.milliseconds, authority.notAfter.milliseconds,
            authority.status.rawValue, authority.createdAt.milliseconds,
            authority.registration.mode.rawValue, authority.registration.isAutomatic,
            authority.registration.config?.json.description,
            authority.lastModifiedAt.milliseconds, authority.version, revision)
        try KeyTable.see(authority.publicKey, as: .authority, revision, db)
    }

    static func deleteAuthority(_ id: CertificateID, _ db: Database) throws {
        try db.run("DELETE FROM authorities WHERE id = ?", id.rawValue)
        try TagTables.set(.authority(id), [:], 0, db)
    }
}
