import Fleet
import TestSupport
import Testing

@testable import Policies

/// What a certificate's variables are, from the record of a certificate.
@Suite struct CertificateFieldsTests {
    /// Made with OpenSSL: subject `C=DE, O="Acme, Inc", CN=pump-1`, and one name of each kind.
    private static let pem = """
        -----BEGIN CERTIFICATE-----
        MIICLjCCAdSgAwIBAgIUVCP81xhtMp50yA+prO/4ehPia5AwCgYIKoZIzj0EAwIw
        MjELMAkGA1UEBhMCREUxEjAQBgNVBAoMCUFjbWUsIEluYzEPMA0GA1UEAwwGcHVt
        cC0xMB4XDTI2MTEyNjAzMjE0OVoXDTM2MTEyMzAzMjE0OVowMjELMAkGA1UEBhMC
        REUxEjAQBgNVBAoMCUFjbWUsIEluYzEPMA0GA1UEAwwGcHVtcC0xMFkwEwYHKoZI
        zj0CAQYIKoZIzj0DAQcDQgAEWMi4c9DM/WwTsUi7V4uZkESsoonNmYzmlxPGHso6
        PZ4sDGaXB6nSnrBoU++oyh95VIluhW+AcKKnhdV44Yu3lqOBxzCBxDCBiwYDVR0R
        BIGDMIGAgg5wdW1wLTEuZXhhbXBsZYIJKi5leGFtcGxlgQ9vcHNAZXhhbXBsZS5v
        cmeGCXVybjpkZXY6MYcEywBxB4cQIAENuAAAAAAAAAAAAAAAAaQvMC0xCzAJBgNV
        BAYTAkRFMRAwDgYDVQQKDAdBY21lK0NvMQwwCgYDVQQDDAN4IHkwFQYDVR0SBA4w
        DIIKY2EuZXhhbXBsZTAdBgNVHQ4EFgQUuNJD696tJg4Lc+rT/3iSl9+ZVxwwCgYI
        KoZIzj0EAwIDSAAwRQIgLs8Yr5YiS0J9pE7ADs/R7uPUlJwKcwzxqHMFE4odr3sC
        IQCXekSC4qBRoijccEs4TbzaUeAHLRJX7OOHjVVEoAG2jw==
        -----END CERTIFICATE-----
        """

    private static func fields(_ pem: String) -> [String: [String]] {
        let certificate = Certificate(
            issued: IssuedCertificate(
                id: Samples.certificateID(1), pem: pem, serialNumber: "0a",
                issuerID: Samples.certificateID(2), issuer: "CN=Issuer,O=Acme\\, Inc",
                subject: "CN=pump-1,O=Acme\\, Inc,C=DE",
                publicKey: PublicKeyFingerprint(sha256: [UInt8](repeating: 1, count: 32)),
                notBefore: Samples.time, notAfter: Samples.time), kind: .device,
            status: .active, reason: nil, at: Samples.time)
        return Dictionary(
            uniqueKeysWithValues: CertificateFields.of(certificate).map { ($0.key.name, $0.value) })
    }

    @Test func everyKindOfNameHasItsVariable() {
        #expect(
            Self.fields(Self.pem) == [
                "Subject.Country": ["DE"], "Subject.Organization": ["Acme, Inc"],
                "Subject.CommonName": ["pump-1"], "Issuer.CommonName": ["Issuer"],
                "Issuer.Organization": ["Acme, Inc"],
                "Subject.AlternativeName.DNSName": ["pump-1.example", "*.example"],
                "Subject.AlternativeName.RFC822Name": ["ops@example.org"],
                "Subject.AlternativeName.UniformResourceIdentifier": ["urn:dev:1"],
                "Subject.AlternativeName.IPAddress": ["203.0.113.7", "2001:db8::1"],
                "Subject.AlternativeName.DirectoryName": ["CN=x y,O=Acme\\+Co,C=DE"],
                "Issuer.AlternativeName.DNSName": ["ca.example"],
            ])
    }

    @Test(
        arguments: [
            ([10, 0, 0, 1], "10.0.0.1"), ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "::"),
            ([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1], "::1"),
            ([0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0], "fe80::"),
            ([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1], "1:0:1::1:0:1"),
            ([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 0, 0, 1], "1:1:1:1:1:1:0:1"),
            ([1, 2, 3], nil), ([], nil),
        ] as [([UInt8], String?)])
    func addressesAreWrittenAsUsual(bytes: [UInt8], text: String?) {
        #expect(AlternativeNames.address(bytes) == text)
    }

    @Test(arguments: [
        "", "PEM 1", "-----BEGIN CERTIFICATE-----\n", "-----BEGIN CERTIFICATE-----\n!\n-----END",
    ])
    func whatIsNoCertificateHasNoAlternativeNames(pem: String) {
        #expect(AlternativeNames.fields(ofCertificate: pem).isEmpty)
    }

    /// Bytes cut short or changed anywhere never trap, and never make a name that was not there
    /// out of more than they hold.
    @Test func damagedCertificatesNeverTrap() throws {
        let bytes = try #require(PEMText.certificate(Self.pem))
        var random = SplitMix64(seed: 5)
        for round in 0..<2000 {
            var damaged = bytes
            if round.isMultiple(of: 2) {
                damaged.removeLast(Int.random(in: 1...damaged.count, using: &random))
            } else {
                for _ in 0...Int.random(in: 0...3, using: &random) {
                    let index = Int.random(in: damaged.indices, using: &random)
                    damaged[index] = UInt8.random(in: 0...255, using: &random)
                }
            }
            #expect(AlternativeNames.fields(of: damaged).count < 50)
        }
    }
}
