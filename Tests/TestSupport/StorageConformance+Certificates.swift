internal import Fleet
internal import Testing

/// What certificates are selected by, and what is remembered of their keys.
extension StorageConformance {
    static let certificateChecks = [
        StorageConformance(name: "a filter finds what it says, in pages of any size") {
            try await Self.filtersFindWhatTheySay($0)
        },
        StorageConformance(name: "a key stays known when its certificate is gone") {
            try await Self.keyStaysKnown($0)
        },
        StorageConformance(name: "a hold says nothing against a key") {
            try await Self.holdSaysNothing($0)
        },
    ]

    private static let groups = [1, 2].map { Samples.group($0) }

    /// Twenty certificates from two claims, lots and stations, a third of them registered, in two
    /// groups.
    private static func certificate(_ number: Int) -> Certificate {
        let origin = Provenance.Origin(
            flow: .csr, claim: Samples.certificateID(800 + number % 2), clientID: nil,
            sourceAddress: nil, requestedAt: Samples.time, station: "S\(number % 3)",
            lot: number.isMultiple(of: 4) ? nil : "L\(number % 2)")
        var provenance = Provenance(origin: origin)
        if number.isMultiple(of: 3) {
            provenance.registration = Provenance.Registration(
                template: TemplateName(checked: number.isMultiple(of: 2) ? "line" : "pump"),
                templateVersion: 1 + number % 2, templateDigest: "d",
                hook: HookName(checked: "h"),
                hookDigest: Samples.fingerprint(number % 2).rawValue, allowlist: nil,
                allowlistVersion: nil, clientID: "c", sourceAddress: "192.0.2.1", station: nil,
                lot: number == 9 ? "L9" : nil, parameters: [:], registeredAt: Samples.time)
        }
        let sample = Samples.certificate(
            number, kind: number == 7 ? .claim : .device,
            status: number.isMultiple(of: 5) ? .inactive : .active, key: number / 2 + 1)
        return Certificate(
            id: sample.id, kind: sample.kind, serialNumber: sample.serialNumber,
            issuerID: Samples.certificateID(900 + number % 2), issuer: sample.issuer,
            subject: sample.subject, publicKey: sample.publicKey, notBefore: sample.notBefore,
            notAfter: sample.notAfter, pem: sample.pem,
            // Pairs are of the same moment.
            createdAt: Samples.time.advanced(bySeconds: Int64(number / 2)), status: sample.status,
            statusChangedAt: sample.statusChangedAt, statusReason: nil, provenance: provenance,
            firstSeenAt: nil)
    }

    private static var filters: [[CertificateFilter.Term]] {
        let key = Samples.fingerprint(3).rawValue
        let hook = Samples.fingerprint(1).rawValue
        let issuer = Samples.certificateID(901).rawValue
        func time(_ seconds: Int64) -> UnixTime { Samples.time.advanced(bySeconds: seconds) }
        return [
            [.claim(Samples.certificateID(800))], [.lot("L1")], [.lot("L9")], [.station("S2")],
            [.template(TemplateName(checked: "line"))], [.version(2)], [.hook(hook)],
            [.hook(String(hook.prefix(8)))], [.issuer(issuer)], [.issuer(String(issuer.prefix(9)))],
            [.key(key)], [.key(String(key.prefix(8)))], [.weakness(.sharedFactor)],
            [.weakness(.roca)], [.group(Self.groups[0].name)], [.group(Self.groups[1].name)],
            [.issued(time(2), time(5))], [.status(.inactive)], [.kind(.claim)], [],
            [.lot("L1"), .station("S1"), .issued(time(1), time(8))],
            [.claim(Samples.certificateID(801)), .version(2), .status(.active)],
            [.group(Self.groups[0].name), .weakness(.sharedFactor)],
            [.group(Self.groups[0].name), .group(Self.groups[1].name)],
            [.weakness(.sharedFactor), .station("S0")], [.lot("none")], [.lot("L1"), .lot("L0")],
            [.issued(time(5), time(2).advanced(bySeconds: 60)), .issuer(issuer)],
        ]
    }

    private static func filtersFindWhatTheySay(_ store: Store) async throws {
        let weak = [Samples.fingerprint(2), Samples.fingerprint(5)]
        var changes: [Change] = Self.groups.map { .putThingGroup($0) }
        var facts: [CertificateID: CertificateFilter.Facts] = [:]
        for number in 0..<20 {
            let certificate = Self.certificate(number)
            var own = CertificateFilter.Facts()
            changes.append(.putCertificate(certificate))
            changes.append(.putThing(Samples.thing(number)))
            changes.append(.attachThingPrincipal(Samples.principal(number, number)))
            for (index, group) in Self.groups.enumerated()
            where number.isMultiple(of: index + 3) {
                changes.append(.addThingToGroup(Samples.thingName(number), group.name))
                own.groups.insert(group.name)
            }
            if weak.contains(certificate.publicKey) { own.weakness = .sharedFactor }
            facts[certificate.id] = own
        }
        changes += weak.map { .noteKeyWeakness($0, .sharedFactor) }
        _ = try await store.commit(
            ChangeSet(action: "Test", changes: changes), by: .service("test"))
        let all = (0..<20).map { Self.certificate($0) }
        for terms in Self.filters {
            let filter = CertificateFilter(terms)
            let expected = all.filter { filter.matches($0, facts[$0.id] ?? .init()) }
                .map(\.id).sorted()
            for limit in [1, 3, 1000] {
                #expect(
                    try await Self.found(store, filter, limit: limit) == expected,
                    "\(terms), pages of \(limit)")
            }
        }
    }

    private static func found(
        _ store: Store, _ filter: CertificateFilter, limit: Int
    ) async throws -> [CertificateID] {
        var found: [CertificateID] = []
        var after: String?
        repeat {
            let page = try await store.page(
                ListQuery(.certificatesWhere(filter), after: after, limit: limit))
            for case .certificate(let certificate) in page.records {
                found.append(certificate.id)
            }
            after = page.next
        } while after != nil
        return found.sorted()
    }

    private static func keyStaysKnown(_ store: Store) async throws {
        let certificate = Samples.certificate(1, key: 7)
        let key = RecordKey.knownKey(Samples.fingerprint(7))
        func known() async throws -> KnownKey? {
            guard case .knownKey(let record)? = try await store.record(key) else { return nil }
            return record
        }
        try await store.make(.putCertificate(certificate))
        #expect(
            try await known()
                == KnownKey(fingerprint: Samples.fingerprint(7), use: .device))
        try await store.make(
            .putThing(Samples.thing(1)), .putThing(Samples.thing(2)),
            .attachThingPrincipal(Samples.principal(1, 1)),
            .attachThingPrincipal(Samples.principal(2, 1)))
        #expect(try await known()?.thing == Samples.thingName(1))
        try await store.make(
            .putRevocation(Revocation(of: certificate, .keyCompromise, at: Samples.time)))
        try await store.make(.deleteThing(Samples.thingName(1)))
        try await store.make(.deleteCertificate(certificate.id))
        #expect(
            try await known()
                == KnownKey(
                    fingerprint: Samples.fingerprint(7), use: .device,
                    thing: Samples.thingName(1), isRevoked: true))
        // A claim's and an authority's, and what comes later changes no first use.
        try await store.make(
            .putCertificate(Samples.certificate(2, kind: .claim, key: 8)),
            .putCertificate(Samples.certificate(3, key: 8)), .putAuthority(Samples.authority(4)))
        try await store.make(.deleteCertificate(Samples.certificateID(2)))
        let view = try await store.load([
            .knownKey(Samples.fingerprint(8)), .knownKey(Samples.fingerprint(4)),
        ])
        #expect(view.knownKey(Samples.fingerprint(8))?.use == .claim)
        #expect(view.knownKey(Samples.fingerprint(4))?.use == .authority)
    }

    private static func holdSaysNothing(_ store: Store) async throws {
        let certificate = Samples.certificate(1, key: 7)
        let key = Samples.fingerprint(7)
        try await store.make(.putCertificate(certificate))
        try await store.make(
            .putRevocation(Revocation(of: certificate, .certificateHold, at: Samples.time)))
        #expect(try await store.load([.knownKey(key)]).knownKey(key)?.isRevoked == false)
        try await store.make(
            .putRevocation(Revocation(of: certificate, .superseded, at: Samples.time)))
        #expect(try await store.load([.knownKey(key)]).knownKey(key)?.isRevoked == true)
        try await store.conflicts(.noteKeyWeakness(Samples.fingerprint(99), .roca))
    }
}
