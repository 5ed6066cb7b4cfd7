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
        ("issued between 25:00 and 26:00", 0),
    ]) func queryIsReadOrRefused(text: String, terms: Int) throws {
        if terms == 0 {
            #expect(throws: FleetError.self) { try RevocationQuery(text, at: Samples.time) }
        } else {
            #expect(try RevocationQuery(text, at: Samples.time).terms.count == terms)
        }
    }

    @Test func planIsTheSameInAnyOrder() throws {
        let ids = (1...5).map { Samples.certificateID($0) }
        let plan = RevocationPlan(ids)
        #expect(plan.digest == RevocationPlan(ids.reversed()).digest)
        #expect(plan.digest != RevocationPlan(Array(ids.dropLast())).digest)
    }
}
