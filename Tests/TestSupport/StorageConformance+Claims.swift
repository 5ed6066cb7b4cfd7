package import Fleet
internal import Testing

extension Samples {
    /// With every term there is.
    package static let claimTerms: ClaimTerms = {
        var terms = ClaimTerms(
            name: ClaimName(checked: "line-4"), createdAt: Samples.time, createdBy: "ada",
            status: .disabled, statusReason: "line stopped", statusChangedAt: Samples.time,
            templates: [TemplateName(checked: "line")], budget: 2, registrationsPerUnit: 3,
            pendingMax: 4, perMinute: 5, notBefore: Samples.time,
            notAfter: Samples.time.advanced(bySeconds: 60), networks: ["10.4.0.0/16"],
            station: "S4", lot: "L1")
        terms.serials = try? SerialRange("SN-001..SN-500")
        terms.shifts = ["mon-fri 22:00-06:00 +01:00", "sat 06:00-14:00"].compactMap {
            try? Shift($0)
        }
        return terms
    }()

    package static func spend(
        _ thing: Int, at hours: Int64, station: String? = "S4"
    ) -> ClaimSpend {
        ClaimSpend(
            claim: Self.claimTerms.name, thing: Self.thingName(thing), station: station,
            at: UnixTime(seconds: 7200 + hours * 3600 + 5))
    }
}

/// Claims: what makes a budget exact.
extension StorageConformance {
    private static let name = Samples.claimTerms.name

    static let claimChecks: [StorageConformance] = [
        StorageConformance(name: "aUnitIsCountedOnceHoweverOftenItComes") { store in
            for spend in [
                Samples.spend(1, at: 0), Samples.spend(2, at: 0), Samples.spend(1, at: 1),
                Samples.spend(3, at: 1, station: nil), Samples.spend(1, at: 1),
            ] {
                try await store.make(.spendClaim(spend))
            }
            let keys: [RecordKey] = [
                .claimSpent(Self.name), .claimUnit(Self.name, Samples.thingName(1)),
                .claimUnit(Self.name, Samples.thingName(3)),
            ]
            let view = try await store.load(Set(keys))
            #expect(keys.map(view.count) == [3, 3, 1])
            let first = try await store.page(ListQuery(.claimHours(Self.name), limit: 1))
            let rest = try await store.page(
                ListQuery(.claimHours(Self.name), after: first.next))
            func hour(_ hour: Int64, _ station: String, _ units: Int, _ repeats: Int) -> Record {
                .claimHour(
                    ClaimHour(
                        hour: UnixTime(seconds: hour * 3600), station: station, units: units,
                        repeats: repeats))
            }
            #expect(
                first.records + rest.records
                    == [hour(2, "S4", 2, 0), hour(3, "", 1, 0), hour(3, "S4", 0, 2)])
        },
        StorageConformance(name: "whatAClaimHasSpentElsewhereCountsFromThenOn") { store in
            try await store.make(.spendClaim(Samples.spend(1, at: 0)))
            try await store.make(.setClaimSpent(Self.name, 7))
            try await store.make(.spendClaim(Samples.spend(1, at: 1)))
            try await store.make(.spendClaim(Samples.spend(2, at: 1)))
            let spent = RecordKey.claimSpent(Self.name)
            #expect(try await store.load([spent]).count(spent) == 8)
            try await store.make(.setClaimSpent(Self.name, 3))
            #expect(try await store.load([spent]).count(spent) == 3)
        },
        StorageConformance(name: "aCounterThatReachedItsBoundIsAConflict") { store in
            let bound = Precondition.below(.claimSpent(Self.name), 2)
            try await store.make(.spendClaim(Samples.spend(1, at: 0)), when: [bound])
            try await store.make(.spendClaim(Samples.spend(2, at: 0)), when: [bound])
            try await store.conflicts(.spendClaim(Samples.spend(3, at: 0)), when: [bound])
            try await store.conflicts(
                .spendClaim(Samples.spend(3, at: 0)),
                when: [.below(.claimSpent(ClaimName(checked: "other")), 0)])
        },
        StorageConformance(name: "tokensThatWaitAreCountedByTheirPrincipal") { store in
            let principal = Samples.token(1, certificate: 1).claim
            let key = RecordKey.pendingOfClaim(principal)
            for number in 1...3 {
                try await store.make(
                    .putCertificate(Samples.certificate(number)),
                    .putOwnershipToken(Samples.token(number, certificate: number)))
            }
            #expect(try await store.load([key]).count(key) == 3)
            try await store.make(
                .redeemOwnershipToken(Samples.tokenHash(1), Samples.redemption(1)))
            #expect(try await store.load([key]).count(key) == 2)
            try await store.make(.deleteOwnershipToken(Samples.tokenHash(1)))
            #expect(try await store.load([key]).count(key) == 2)
            try await store.make(.deleteOwnershipToken(Samples.tokenHash(2)))
            #expect(try await store.load([key]).count(key) == 1)
            // A token goes with its certificate.
            try await store.make(.deleteCertificate(Samples.certificateID(3)))
            #expect(try await store.load([key]).count(key) == 0)
        },
        StorageConformance(name: "termsAreFoundByAnyCertificateOfTheClaim") { store in
            for number in [1, 2] {
                try await store.make(
                    .putCertificate(Samples.certificate(number, kind: .claim, status: .active)),
                    .putClaim(
                        Claim(
                            certificate: Samples.certificateID(number),
                            label: Self.name.rawValue, station: nil, lot: nil,
                            createdAt: Samples.time)))
            }
            let key = RecordKey.termsOfClaim(Samples.certificateID(2))
            #expect(try await store.entry(key) == nil)
            try await store.make(.putClaimTerms(Samples.claimTerms))
            #expect(try await store.record(key) == .claimTerms(Samples.claimTerms))
            let view = try await store.load([.certificatesOfClaim(Self.name), key])
            #expect(
                view.certificates(ofClaim: Self.name)
                    == [1, 2].map { Samples.certificateID($0) }.sorted())
            try await store.make(.putThing(Samples.thing(1)), when: [view.asSeen(key)])
            try await store.make(.putClaimTerms(Samples.claimTerms))
            try await store.conflicts(.putThing(Samples.thing(1)), when: [view.asSeen(key)])
        },
    ]
}
