import Fleet
import TestSupport
import Testing

@testable import Registry

/// Reasons, holds and what stays of a revocation (RFC 5280 5.3.1).
@Suite struct RevocationTests {
    let fixture = RegistryFixture()

    private func revoke(_ id: CertificateID, _ reason: RevocationReason) async throws {
        try await self.fixture.apply([.certificate(id)]) {
            try Certificates.revoke(id, reason, note: nil, in: $0, at: self.fixture.clock.now)
        }
    }

    private func set(_ id: CertificateID, _ status: Certificate.Status) async throws {
        try await self.fixture.apply([.certificate(id)]) {
            try Certificates.setStatus(
                of: id, to: status, reason: nil, in: $0, at: self.fixture.clock.now)
        }
    }

    private func reason(_ id: CertificateID) async throws -> RevocationReason? {
        guard let certificate = self.fixture.store.view([.certificate(id)]).certificate(id),
            let issuer = certificate.issuerID,
            case .revoked(let found) = try await self.fixture.store.standing(
                of: certificate.serialNumber, issuer: issuer)
        else { return nil }
        return found.reason
    }

    @Test(arguments: RevocationReason.allCases) func reasonIsKept(
        _ reason: RevocationReason
    ) async throws {
        let id = try await self.fixture.putCertificate(1)
        try await self.revoke(id, reason)
        #expect(try await self.reason(id) == reason)
        let status = self.fixture.store.view([.certificate(id)]).certificate(id)?.status
        #expect(status == (reason == .certificateHold ? .inactive : .revoked))
    }

    @Test func holdIsTakenBackByActivating() async throws {
        let id = try await self.fixture.putCertificate(1)
        try await self.revoke(id, .certificateHold)
        try await self.set(id, .active)
        #expect(try await self.reason(id) == nil)
    }

    @Test func holdBecomesFinal() async throws {
        let id = try await self.fixture.putCertificate(1)
        try await self.revoke(id, .certificateHold)
        try await self.revoke(id, .keyCompromise)
        #expect(try await self.reason(id) == .keyCompromise)
        #expect(await refusal { try await self.set(id, .active) } == .certificateState)
        #expect(await refusal { try await self.revoke(id, .certificateHold) } == .certificateState)
        #expect(try await self.reason(id) == .keyCompromise)
    }

    /// AWS: UpdateCertificate with REVOKED names no reason.
    @Test func statusAloneRevokesToo() async throws {
        let id = try await self.fixture.putCertificate(1)
        try await self.set(id, .revoked)
        #expect(try await self.reason(id) == .unspecified)
    }

    @Test func firstReasonStays() async throws {
        let id = try await self.fixture.putCertificate(1)
        try await self.revoke(id, .keyCompromise)
        try await self.revoke(id, .superseded)
        #expect(try await self.reason(id) == .keyCompromise)
    }

    @Test(arguments: [
        ("", 0), ("lot=B7", 1), ("lot=B7 and template=sensor and version=2", 3),
        ("issued between 2026-11-01 and 2026-11-24T10:00:00Z and lot=B7", 2),
        ("lot", 0), ("lot=", 0), ("lot=B7 or lot=B8", 0), ("lot=B7 and", 0), ("weight=7", 0),
        ("hook=12", 0), ("hook=0123abcd", 1), ("issued between 2026-11-24 and 2026-11-01", 0),
        ("issued before 2026-11-24", 0), ("version=0", 0), ("claim=a/b", 0),
        ("claim=line-4 and issued between 14:05 and 15:30", 2),
        ("issued between 25:00 and 26:00", 0), ("weakness=shared-factor and key=0123abcd", 2),
        ("weakness=sharedFactor", 0), ("kind=device and lot=B7", 2), ("kind=thing", 0),
        ("status=LOST", 0), ("group=pumps and line=a", 2), (#"lot="Lot 7""#, 1),
        (#"lot="Lot 7" and "station=Nest 3""#, 2), (#"lot="Lot 7"#, 0), (#"lot="""#, 0),
        ("lot=Lot 7", 0), (#"lot="a"#, 0),
    ]) func queryIsReadOrRefused(text: String, terms: Int) throws {
        if terms == 0 {
            for scope in [CertificateQuery.Scope.list, .plan] {
                #expect(throws: FleetError.self) {
                    try CertificateQuery(text, for: scope, at: Samples.time)
                }
            }
        } else {
            #expect(
                try CertificateQuery(text, for: .plan, at: Samples.time).count == terms)
        }
    }

    /// Lots and stations have names as people write them.
    @Test func aQuotedValueHasSpacesAndQuotes() throws {
        let query = try CertificateQuery(
            #"lot="Lot  7 and \"8\"" and station=Nest"#, for: .plan, at: Samples.time)
        #expect(
            query.filters(claims: [:])
                == [CertificateFilter([.lot(#"Lot  7 and "8""#), .station("Nest")])])
    }

    /// What a certificate is at the moment changes while a plan is carried out.
    @Test func stateIsForListsOnly() throws {
        let text = "kind=device and status=ACTIVE"
        #expect(try CertificateQuery(text, for: .list, at: Samples.time).count == 2)
        #expect(throws: FleetError.self) {
            try CertificateQuery(text, for: .plan, at: Samples.time)
        }
    }

    /// Seconds since 1970 have as many digits as a date has characters, and are no day.
    @Test func secondsAreAMoment() throws {
        let query = try CertificateQuery(
            "issued between 1700000000 and 1700000060", for: .plan, at: Samples.time)
        #expect(
            query.filters(claims: [:]) == [
                CertificateFilter([
                    .issued(UnixTime(seconds: 1_700_000_000), UnixTime(seconds: 1_700_000_060))
                ])
            ])
    }

    /// Both ends are in it: a date at the end is the whole of that day.
    @Test func lastDayIsInTheWindow() throws {
        let query = try CertificateQuery(
            "issued between 2026-11-24 and 2026-11-24", for: .plan, at: Samples.time)
        let filter = try #require(query.filters(claims: [:]).first)
        guard case .issued(let from, let to)? = filter.terms.first else {
            Issue.record("no window")
            return
        }
        #expect(from.description == "2026-11-24T00:00:00.000Z")
        #expect(to.description == "2026-11-24T23:59:59.999Z")
    }

    @Test func linesStandForTheCertificatesOfTheirClaims() throws {
        let ids = (1...3).map { Samples.certificateID($0) }.sorted()
        let one = try CertificateQuery("claim=line-4 and lot=B7", for: .plan, at: Samples.time)
        #expect(
            one.filters(claims: ["line-4": Array(ids.reversed())])
                == ids.map { CertificateFilter([.claim($0), .lot("B7")]) })
        #expect(one.filters(claims: [:]).isEmpty)
        let both = try CertificateQuery("claim=a and line=b", for: .plan, at: Samples.time)
        #expect(both.filters(claims: ["a": [ids[0]], "b": [ids[1]]]).isEmpty)
        #expect(
            both.filters(claims: ["a": [ids[0], ids[1]], "b": [ids[1]]])
                == [CertificateFilter([.claim(ids[1])])])
    }

    @Test func planIsTheSameInAnyOrder() throws {
        let ids = (1...5).map { Samples.certificateID($0) }
        let plan = RevocationPlan(Set(ids))
        #expect(plan.certificates == ids.sorted())
        #expect(plan.digest == RevocationPlan(Set(ids.reversed())).digest)
        #expect(plan.digest != RevocationPlan(Set(ids.dropLast())).digest)
        #expect(
            plan.digest
                == ContentDigest.sha256(of: ids.sorted().map(\.rawValue).joined(separator: "\n")))
    }
}
