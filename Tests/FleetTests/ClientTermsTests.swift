import Fleet
import TestSupport
import Testing

/// Which certificates are believed by their record, unread, and for how long.
@Suite struct ClientTermsTests {
    private func certificate(
        kind: Certificate.Kind = .device, profile: String? = "device"
    ) -> Certificate {
        var certificate = Samples.certificate(1, kind: kind, status: .active)
        var origin = Provenance.Origin(
            flow: .csr, claim: nil, clientID: nil, sourceAddress: nil,
            requestedAt: Samples.time)
        origin.profile = profile
        certificate.provenance = Provenance(origin: origin)
        return certificate
    }

    private func authority(role: Authority.Role, number: Int = 900) -> Authority {
        let found = Samples.authority(number)
        return Authority(
            id: found.id, role: role, subject: found.subject, publicKey: found.publicKey,
            pem: found.pem, notBefore: found.notBefore, notAfter: found.notAfter,
            status: .active, createdAt: found.createdAt)
    }

    @Test func whatWasMadeHereIsGoodWithinItsTime() throws {
        let certificate = self.certificate()
        let terms = try #require(
            ClientTerms(madeHere: certificate, by: self.authority(role: .issuing)))
        try terms.requireClient(at: certificate.notBefore)
        #expect(throws: FleetError.self) {
            try terms.requireClient(at: certificate.notBefore.advanced(bySeconds: -1))
        }
        #expect(throws: FleetError.self) { try terms.requireClient(at: certificate.notAfter) }
        try terms.requireClient(at: certificate.notAfter, graceSeconds: 60)
        #expect(throws: FleetError.self) {
            try terms.requireClient(
                at: certificate.notAfter.advanced(bySeconds: 60), graceSeconds: 60)
        }
    }

    @Test func everythingElseHasToBeRead() {
        let own = self.authority(role: .issuing)
        let foreign = self.authority(role: .registered)
        let other = self.authority(role: .issuing, number: 901)
        #expect(ClientTerms(madeHere: self.certificate(profile: nil), by: own) == nil)
        #expect(ClientTerms(madeHere: self.certificate(kind: .gateway), by: own) == nil)
        #expect(ClientTerms(madeHere: self.certificate(), by: foreign) == nil)
        #expect(ClientTerms(madeHere: self.certificate(), by: other) == nil)
    }
}
