import Fleet
import JSON
import Provisioning
import TestSupport
import Testing

@Suite struct EndedClaimSweepTests {
    private let store = InMemoryFleetStore()
    private let clock = ManualClock()

    private func claim(
        _ number: Int, _ kind: Certificate.Kind, endsIn seconds: Int64,
        status: Certificate.Status = .active
    ) async throws -> CertificateID {
        let issued = FakeIssuer.certificate(
            number, key: Array("key \(number)".utf8), at: self.clock.now)
        let certificate = Certificate(
            issued: IssuedCertificate(
                id: issued.id, pem: issued.pem, serialNumber: issued.serialNumber,
                issuerID: issued.issuerID, issuer: issued.issuer, subject: issued.subject,
                publicKey: issued.publicKey, notBefore: issued.notBefore,
                notAfter: self.clock.now.advanced(bySeconds: seconds)),
            kind: kind, status: status, reason: "for a test", at: self.clock.now, provenance: nil)
        _ = try await self.store.commit(
            ChangeSet(action: "Test", changes: [.putCertificate(certificate)]),
            by: .service("test"))
        return certificate.id
    }

    @Test func whatEndsByItselfGoesOnceDevicesHadTimeToFinish() async throws {
        let ended = try await self.claim(1, .temporaryClaim, endsIn: 300)
        let serving = try await self.claim(2, .temporaryClaim, endsIn: 900)
        let judged = try await self.claim(3, .temporaryClaim, endsIn: 300, status: .revoked)
        let ofALine = try await self.claim(4, .claim, endsIn: 300)
        let device = try await self.claim(5, .device, endsIn: 300)
        let sweep = EndedClaimSweep(store: self.store, clock: self.clock)
        self.clock.advance(bySeconds: 301)
        #expect(try await sweep.sweepOnce() == 0)
        self.clock.advance(bySeconds: 300)
        #expect(try await sweep.sweepOnce() == 1)
        #expect(try await sweep.sweepOnce() == 0)
        let ids = [ended, serving, judged, ofALine, device]
        let view = try await self.store.load(Set(ids.map { .certificate($0) }))
        #expect(ids.map { view.certificate($0) != nil } == [false, true, true, true, true])
        let record = try #require(self.store.commits.last)
        #expect(record.action == "SweepEndedClaim")
        #expect(record.actor.kind == .service)
        #expect(record.detail["certificate"] == .string(ended.rawValue))
        #expect(record.detail["reason"] == "for a test")
    }

    @Test func allPagesAreSwept() async throws {
        for number in 0..<250 { _ = try await self.claim(number, .temporaryClaim, endsIn: 300) }
        self.clock.advance(bySeconds: 3600)
        #expect(
            try await EndedClaimSweep(store: self.store, clock: self.clock).sweepOnce() == 250)
    }
}
