internal import Fleet
internal import Testing

extension StorageConformance {
    static let revocationChecks = [
        StorageConformance(name: "a revocation outlives its certificate") {
            try await Self.outlivesItsCertificate($0)
        },
        StorageConformance(name: "what becomes revoked is on its authority's list") {
            try await Self.becomesRevoked($0)
        },
        StorageConformance(name: "only a hold is released") {
            try await Self.onlyAHoldIsReleased($0)
        },
        StorageConformance(name: "revocations are read in pages, by bucket, unexpired") {
            try await Self.readInPages($0)
        },
        StorageConformance(name: "a revocation without a serial number is no empty place") {
            try await Self.damagedSerialIsReported($0)
        },
        StorageConformance(name: "a list's number rises, whatever the clock says") {
            try await Self.listNumbersRise($0)
        },
    ]

    private static let issuer = Samples.certificateID(900)

    private static func revocation(
        _ number: Int, serial: String, reason: RevocationReason = .keyCompromise,
        notAfter: UnixTime = UnixTime(seconds: 2_000_000_000)
    ) -> Revocation {
        Revocation(
            certificate: Samples.certificateID(number), issuerID: Self.issuer,
            serialNumber: serial, notAfter: notAfter, reason: reason, revokedAt: Samples.time)
    }

    private static func page(
        _ store: Store, buckets: ClosedRange<Int> = 0...255,
        after: RevocationEntries.Place? = nil, limit: Int = 100
    ) async throws -> RevocationEntries {
        try await store.revocations(
            of: Self.issuer, buckets: buckets, endingAfter: Samples.time, after: after,
            limit: limit)
    }

    private static func all(
        _ store: Store, buckets: ClosedRange<Int> = 0...255
    ) async throws -> [RevocationEntries.Entry] {
        Self.entries(try await Self.page(store, buckets: buckets))
    }

    private static func entries(_ page: RevocationEntries) -> [RevocationEntries.Entry] {
        var entries: [RevocationEntries.Entry] = []
        page.forEach { entries.append($0) }
        #expect(entries.count == page.count)
        return entries
    }

    /// What a list says of them.
    private static func entries(_ records: [Revocation]) -> [RevocationEntries.Entry] {
        records.map { record in
            let digits = Array(record.serialNumber)
            let serial = stride(from: 0, to: digits.count, by: 2).compactMap {
                UInt8(String(digits[$0...($0 + 1)]), radix: 16)
            }
            return RevocationEntries.Entry(
                serialNumber: serial[...], revokedAt: record.revokedAt,
                reason: record.reason.code)
        }
    }

    private static func outlivesItsCertificate(_ store: Store) async throws {
        let certificate = Samples.certificate(1)
        let record = Revocation(of: certificate, .keyCompromise, at: Samples.time)
        try await store.make(.putCertificate(certificate))
        guard let issuer = certificate.issuerID else { return }
        #expect(
            try await store.standing(of: certificate.serialNumber, issuer: issuer) == .good)
        try await store.make(.putRevocation(record), .deleteCertificate(certificate.id))
        #expect(
            try await store.standing(of: certificate.serialNumber, issuer: issuer)
                == .revoked(record))
        #expect(try await store.standing(of: "0123", issuer: issuer) == .unknown)
    }

    private static func becomesRevoked(_ store: Store) async throws {
        let (bare, told, held) = (
            Samples.certificate(1), Samples.certificate(2), Samples.certificate(3)
        )
        func revoke(_ certificate: Certificate) -> Change {
            .setCertificateStatus(certificate.id, .revoked, reason: "why", at: Samples.time)
        }
        let superseded = Revocation(of: told, .superseded, at: Samples.time)
        let hold = Revocation(of: held, .certificateHold, at: UnixTime(seconds: 1))
        for certificate in [bare, told, held] { try await store.make(.putCertificate(certificate)) }
        try await store.make(
            revoke(bare), .putRevocation(superseded), revoke(told), .putRevocation(hold),
            revoke(held))
        #expect(
            Set(try await Self.all(store))
                == Set(
                    Self.entries([
                        Revocation(of: bare, .unspecified, at: Samples.time), superseded,
                        Revocation(of: held, .unspecified, at: Samples.time),
                    ])))
        let keys = Set([bare, told, held].map { RecordKey.knownKey($0.publicKey) })
        let view = try await store.load(keys)
        for certificate in [bare, told, held] {
            #expect(view.knownKey(certificate.publicKey)?.isRevoked == true)
        }
    }

    private static func onlyAHoldIsReleased(_ store: Store) async throws {
        let held = Self.revocation(1, serial: "53aa", reason: .certificateHold)
        let final = Self.revocation(2, serial: "53ab")
        try await store.make(.putRevocation(held), .putRevocation(final))
        try await store.make(.releaseHold(final.certificate), .releaseHold(held.certificate))
        #expect(try await Self.all(store) == Self.entries([final]))
        try await store.make(.putRevocation(held))
        let ended = Self.revocation(1, serial: "53aa", reason: .superseded)
        try await store.make(.putRevocation(ended), .releaseHold(held.certificate))
        #expect(try await Self.all(store) == Self.entries([ended, final]))
    }

    private static func listNumbersRise(_ store: Store) async throws {
        let (noon, earlier) = (UnixTime(milliseconds: 5_000), UnixTime(milliseconds: 20))
        var numbers: [Int64] = []
        for now in [noon, noon, earlier, UnixTime(milliseconds: 9_000)] {
            numbers.append(try await store.takeListNumber(of: Self.issuer, at: now).rawValue)
        }
        #expect(numbers == [5_000, 5_001, 5_002, 9_000])
        // Another authority's lists are counted by themselves.
        let other = try await store.takeListNumber(of: Samples.certificateID(901), at: earlier)
        #expect(other.rawValue == 20)
        #expect(try await store.latestSequence() == 0)
    }

    private static func readInPages(_ store: Store) async throws {
        let records = [
            Self.revocation(1, serial: "53ff00"), Self.revocation(2, serial: "53000f"),
            Self.revocation(3, serial: "53010f"), Self.revocation(4, serial: "5300ff"),
        ]
        for record in records { try await store.make(.putRevocation(record)) }
        try await store.make(
            .putRevocation(
                Self.revocation(5, serial: "530077", notAfter: UnixTime(seconds: 1))))
        #expect(try await Self.all(store) == Self.entries(records))
        #expect(try await store.revocationsAtMost() >= records.count + 1)
        var pages: [RevocationEntries.Entry] = []
        var after: RevocationEntries.Place?
        repeat {
            let page = try await Self.page(store, after: after, limit: 1)
            pages += Self.entries(page)
            after = page.last
        } while after != nil
        #expect(pages == Self.entries(records))
        #expect(
            try await Self.all(store, buckets: 0x0F...0x0F) == Self.entries(Array(records[1...2])))
    }

    /// A list without the entry would say that the certificate is good.
    private static func damagedSerialIsReported(_ store: Store) async throws {
        for serial in ["53zz", "530"] {
            let record = Self.revocation(7, serial: serial)
            try await store.make(.putRevocation(record))
            await #expect(throws: FleetError.self, "\(serial)") { try await Self.page(store) }
        }
    }
}
