import Fleet
import JSON
import TestSupport
import Testing

@testable import Registry

/// When the gateway's own certificate is made anew, and what the registry holds of it.
@Suite struct GatewayCertificateTests {
    private static let life: Int64 = 900
    private let store = InMemoryFleetStore()

    private func issued(_ number: Int) -> IssuedCertificate {
        IssuedCertificate(
            id: Samples.certificateID(number), pem: "pem", serialNumber: "53\(number)0",
            issuerID: Samples.certificateID(900), issuer: "CN=Issuing CA", subject: "CN=gateway",
            publicKey: Samples.fingerprint(number), notBefore: Samples.time,
            notAfter: Samples.time.advanced(bySeconds: Self.life))
    }

    private func occasion(
        _ status: Certificate.Status? = .active, isOfCurrentIssuer: Bool = true,
        hasItsNames: Bool = true, after seconds: Int64 = 0
    ) -> GatewayCertificate.Occasion? {
        GatewayCertificate.occasion(
            self.issued(1), status: status, isOfCurrentIssuer: isOfCurrentIssuer,
            hasItsNames: hasItsNames, at: Samples.time.advanced(bySeconds: seconds))
    }

    @Test func itIsMadeAnewWhenTwoThirdsOfItsLifeAreOver() {
        #expect(self.occasion(after: 599) == nil)
        #expect(self.occasion(after: 600) == .ending)
        #expect(self.occasion(after: Self.life + 1) == .ending)
        // One that the registry does not know yet is young too.
        #expect(self.occasion(nil) == nil)
    }

    @Test func itFollowsItsIssuerAndARevocation() {
        #expect(self.occasion(isOfCurrentIssuer: false) == .issuerFollowed)
        #expect(self.occasion(.revoked) == .revoked)
        #expect(self.occasion(.inactive) == .revoked)
    }

    @Test func itFollowsTheNamesThatAreAskedFor() {
        #expect(self.occasion(hasItsNames: false) == .namesAdded)
        // Revoked first: the reason is the graver one.
        #expect(self.occasion(.revoked, hasItsNames: false) == .revoked)
    }

    private func enter(_ number: Int, after predecessor: Int? = nil) async throws -> ChangeSet {
        let keys = Set(
            [number, predecessor].compactMap(\.self).map {
                RecordKey.certificate(Samples.certificateID($0))
            })
        let set = GatewayCertificate.enter(
            self.issued(number), after: predecessor.map { Samples.certificateID($0) },
            because: predecessor == nil ? nil : .ending, in: try await self.store.load(keys),
            at: Samples.time)
        if !set.changesNothing { _ = try await self.store.commit(set, by: .service("gateway")) }
        return set
    }

    private func status(_ number: Int) async throws -> Certificate.Status? {
        let id = Samples.certificateID(number)
        return try await self.store.load([.certificate(id)]).certificate(id)?.status
    }

    @Test func itIsEnteredOnceAndItsSuccessorEndsIt() async throws {
        #expect(try await self.enter(1).action == "RegisterGatewayCertificate")
        #expect(try await self.enter(1).changesNothing)
        let set = try await self.enter(2, after: 1)
        #expect(set.action == "RenewGatewayCertificate")
        #expect(set.detail["because"] == "ending")
        #expect(try await self.status(1) == .inactive)
        #expect(try await self.status(2) == .active)
        // OCSP tells of both.
        for number in [1, 2] {
            #expect(
                try await self.store.standing(
                    of: self.issued(number).serialNumber, issuer: Samples.certificateID(900))
                    == .good)
        }
    }

    @Test func whatWasRevokedStaysRevoked() async throws {
        _ = try await self.enter(1)
        let id = Samples.certificateID(1)
        let set = try Certificates.revoke(
            id, .keyCompromise, note: nil, in: try await self.store.load([.certificate(id)]),
            at: Samples.time)
        _ = try await self.store.commit(set, by: .service("test"))
        _ = try await self.enter(2, after: 1)
        #expect(try await self.status(1) == .revoked)
        #expect(try await self.status(2) == .active)
    }

    /// An own authority's record follows the list in `pki/`.
    @Test func ownAuthorityThatIsDroppedIsInactiveUntilItIsBack() async throws {
        let id = Samples.certificateID(900)
        let authority = Authority(
            id: id, role: .issuing, subject: "CN=Issuing CA", publicKey: Samples.fingerprint(900),
            pem: "pem", notBefore: Samples.time,
            notAfter: Samples.time.advanced(bySeconds: 86_400), status: .active,
            createdAt: Samples.time)
        _ = try await self.store.commit(
            ChangeSet(action: "Test", changes: [.putAuthority(authority)]), by: .service("test"))
        let steps: [(Bool, Authority.Status)] = [
            (true, .active), (false, .inactive), (false, .inactive), (true, .active),
        ]
        for (isListed, status) in steps {
            let set = try Authorities.setOwn(
                id, isListed: isListed, in: try await self.store.load([.authority(id)]),
                at: Samples.time)
            if !set.changesNothing {
                _ = try await self.store.commit(set, by: .service("test"))
            }
            let found = try await self.store.load([.authority(id)]).authority(id)
            #expect(found?.status == status)
        }
    }
}
