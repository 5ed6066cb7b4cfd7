import Fleet
import TestSupport
import Testing

@testable import Registry

/// Which keys may get another certificate, and what is remembered of those that may not.
@Suite struct KeyReuseTests {
    let store = InMemoryFleetStore()
    let key = Samples.fingerprint(7)

    private func make(_ changes: Change...) async throws {
        _ = try await self.store.commit(
            ChangeSet(action: "Test", changes: changes), by: .service("test"))
    }

    /// nil where another certificate may be made.
    private func refusal() async throws -> String? {
        let first = self.store.view(KeyReuse.keys(of: self.key))
        let view = self.store.view(
            KeyReuse.keys(of: self.key).union(
                KeyReuse.keys(ofOthers: first.certificatesWithKey(self.key))))
        do {
            _ = try KeyReuse.check(self.key, as: .invalidCSR, in: view)
            return nil
        } catch {
            #expect(error.code == .invalidCSR)
            return error.message
        }
    }

    /// AWS: the same request again makes another certificate.
    @Test func devicesKeyMayGetAnother() async throws {
        #expect(try await self.refusal() == nil)
        try await self.make(.putCertificate(Samples.certificate(1, key: 7)))
        #expect(try await self.refusal() == nil)
        try await self.make(.deleteCertificate(Samples.certificateID(1)))
        #expect(try await self.refusal() == nil)
    }

    @Test func revokedKeyStaysRefusedWhenItsCertificateIsDeleted() async throws {
        let certificate = Samples.certificate(1, status: .inactive, key: 7)
        try await self.make(.putCertificate(certificate))
        try await self.make(
            .setCertificateStatus(certificate.id, .revoked, reason: nil, at: Samples.time),
            .putRevocation(Revocation(of: certificate, .keyCompromise, at: Samples.time)))
        #expect(try await self.refusal()?.contains("revoked") == true)
        try await self.make(.deleteCertificate(certificate.id))
        #expect(try await self.refusal()?.contains("revoked") == true)
    }

    @Test(arguments: [Certificate.Kind.claim, .temporaryClaim])
    func claimsKeyStaysRefusedWhenTheClaimIsGone(_ kind: Certificate.Kind) async throws {
        try await self.make(.putCertificate(Samples.certificate(1, kind: kind, key: 7)))
        #expect(try await self.refusal()?.contains("claim") == true)
        try await self.make(.deleteCertificate(Samples.certificateID(1)))
        #expect(try await self.refusal()?.contains("claim") == true)
    }

    @Test func authoritysKeyStaysRefusedWhenTheAuthorityIsGone() async throws {
        let authority = Samples.authority(7)
        try await self.make(.putAuthority(authority))
        #expect(try await self.refusal()?.contains("authority") == true)
        try await self.make(.deleteAuthority(authority.id))
        #expect(try await self.refusal()?.contains("authority") == true)
    }

    @Test func holdIsNoRevocation() async throws {
        let certificate = Samples.certificate(1, status: .inactive, key: 7)
        try await self.make(.putCertificate(certificate))
        try await self.make(
            .putRevocation(Revocation(of: certificate, .certificateHold, at: Samples.time)))
        #expect(try await self.refusal() == nil)
    }

    @Test func findingsAreKeptOnce() async throws {
        try await self.make(.putCertificate(Samples.certificate(1, key: 7)))
        let keys: Set<RecordKey> = [.knownKey(self.key), .knownKey(Samples.fingerprint(8))]
        let set = try KeyFindings.changeSet([self.key: .roca], in: self.store.view(keys))
        #expect(set.changes == [.noteKeyWeakness(self.key, .roca)])
        _ = try await self.store.commit(set, by: .service("test"))
        let again = try KeyFindings.changeSet([self.key: .roca], in: self.store.view(keys))
        #expect(again.changesNothing)
        #expect(throws: FleetError.self) {
            try KeyFindings.changeSet([Samples.fingerprint(8): .roca], in: self.store.view(keys))
        }
    }
}
