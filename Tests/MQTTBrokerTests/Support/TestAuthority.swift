import Crypto
import FoundationEssentials
import SwiftASN1
import X509

/// A leaf or an authority with its key, made in the test that uses it.
struct TestIdentity: Sendable {
    let certificatePEM: String
    let keyPEM: String
    let der: [UInt8]
    let subject: String
    let serial: String
    let notBefore: Int64
    let notAfter: Int64
    let publicKeyDER: [UInt8]

    /// The principal's id as the fleet computes it.
    var digest: [UInt8] { Array(SHA256.hash(data: self.der)) }
}

/// A small certificate authority: a root, and an issuing authority under it.
struct TestAuthority: Sendable {
    /// What a leaf shall look like; the defaults are those of an honest one.
    struct Leaf {
        var commonName = "device"
        var validFrom: Int64 = -3600
        var validFor: Int64 = 7200
        var isServer = false
    }

    private let rootKey = P256.Signing.PrivateKey()
    private let issuingKey = P256.Signing.PrivateKey()
    private let now = Int64(Date.now.timeIntervalSince1970)
    let root: TestIdentity
    let issuing: TestIdentity

    init(name: String = "Test") throws {
        let rootName = try DistinguishedName { CommonName("\(name) root") }
        let issuingName = try DistinguishedName { CommonName("\(name) issuing") }
        self.root = try Self.identity(
            subject: rootName, issuer: rootName, key: self.rootKey, signer: self.rootKey,
            validity: (self.now - 7200, self.now + 86_400), extensions: Self.authorityExtensions())
        self.issuing = try Self.identity(
            subject: issuingName, issuer: rootName, key: self.issuingKey, signer: self.rootKey,
            validity: (self.now - 7200, self.now + 86_400), extensions: Self.authorityExtensions())
        self.issuingName = issuingName
    }

    private let issuingName: DistinguishedName

    var anchorsPEM: String { self.root.certificatePEM + "\n" + self.issuing.certificatePEM + "\n" }

    func issue(_ leaf: Leaf = Leaf()) throws -> TestIdentity {
        let extensions = try Certificate.Extensions {
            Critical(BasicConstraints.notCertificateAuthority)
            Critical(KeyUsage(digitalSignature: true))
            try ExtendedKeyUsage([leaf.isServer ? .serverAuth : .clientAuth])
            SubjectAlternativeNames([
                .dnsName("localhost"), .ipAddress(ASN1OctetString(contentBytes: [127, 0, 0, 1])),
            ])
        }
        return try Self.identity(
            subject: DistinguishedName { CommonName(leaf.commonName) }, issuer: self.issuingName,
            key: P256.Signing.PrivateKey(), signer: self.issuingKey,
            validity: (self.now + leaf.validFrom, self.now + leaf.validFrom + leaf.validFor),
            extensions: extensions)
    }

    private static func authorityExtensions() throws -> Certificate.Extensions {
        try Certificate.Extensions {
            Critical(BasicConstraints.isCertificateAuthority(maxPathLength: nil))
            Critical(KeyUsage(keyCertSign: true, cRLSign: true))
        }
    }

    private static func identity(
        subject: DistinguishedName, issuer: DistinguishedName, key: P256.Signing.PrivateKey,
        signer: P256.Signing.PrivateKey, validity: (from: Int64, to: Int64),
        extensions: Certificate.Extensions
    ) throws -> TestIdentity {
        let serial = Certificate.SerialNumber()
        let certificate = try Certificate(
            version: .v3, serialNumber: serial, publicKey: .init(key.publicKey),
            notValidBefore: Date(timeIntervalSince1970: Double(validity.from)),
            notValidAfter: Date(timeIntervalSince1970: Double(validity.to)), issuer: issuer,
            subject: subject, signatureAlgorithm: .ecdsaWithSHA256, extensions: extensions,
            issuerPrivateKey: .init(signer))
        var serializer = DER.Serializer()
        try serializer.serialize(certificate)
        return TestIdentity(
            certificatePEM: try certificate.serializeAsPEM().pemString,
            keyPEM: key.pemRepresentation, der: serializer.serializedBytes,
            subject: "\(subject)", serial: serial.bytes.map { String($0, radix: 16) }.joined(),
            notBefore: validity.from, notAfter: validity.to,
            publicKeyDER: Array(key.publicKey.derRepresentation))
    }
}
