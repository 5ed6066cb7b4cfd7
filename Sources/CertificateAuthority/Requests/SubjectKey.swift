import Crypto
package import Fleet
import SwiftASN1

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// A public key that somebody presented, decoded and found sound.
///
/// Only one encoding of each key is accepted (uncompressed points, NULL parameters for RSA, DER),
/// so that a key cannot come back under another fingerprint.
package struct SubjectKey: Sendable {
    /// The key's algorithm, with the decoded key where Swift checks its signatures.
    enum Kind: Sendable {
        case p256(P256.Signing.PublicKey)
        case p384(P384.Signing.PublicKey)
        case p521(P521.Signing.PublicKey)
        case ed25519(Curve25519.Signing.PublicKey)
        case rsa(RSAModulus)
    }

    let kind: Kind
    /// SubjectPublicKeyInfo, DER.
    package let der: [UInt8]
    package let fingerprint: PublicKeyFingerprint
    /// The leftmost 160 bits of the SHA-256 of the key's BIT STRING (RFC 7093, section 2,
    /// method 1; RFC 5280 4.2.1.2 leaves the method open).
    let keyIdentifier: [UInt8]

    static let keyIdentifierBytes = 20

    /// Algorithm and size as templates call them: `RSA-2048`, `EC-P256`, `Ed25519`. An RSA key is
    /// called by its whole octets, as `CertificateShape` counts them in a certificate.
    package var typeName: String {
        switch self.kind {
        case .p256: "EC-P256"
        case .p384: "EC-P384"
        case .p521: "EC-P521"
        case .ed25519: "Ed25519"
        case .rsa(let modulus): "RSA-\((modulus.bitCount + 7) / 8 * 8)"
        }
    }

    /// - Throws: `FleetError.invalidCSR` naming what is wrong with the key.
    package init(der: [UInt8], rules: KeyRules) throws(FleetError) {
        guard let node = try? DER.parse(der) else {
            throw Self.refusal("it is not DER")
        }
        try self.init(node, rules: rules)
    }

    init(_ node: ASN1Node, rules: KeyRules) throws(FleetError) {
        guard var fields = DERFields(node), let algorithm = fields.next(),
            let bits = fields.next()?.wholeBitStringBytes, fields.isAtEnd(),
            var algorithmFields = DERFields(algorithm),
            let identifier = algorithmFields.next()?.objectIdentifier
        else { throw Self.refusal("it is no SubjectPublicKeyInfo (RFC 5280 4.1.2.7)") }
        let parameters = algorithmFields.next()
        guard algorithmFields.isAtEnd() else {
            throw Self.refusal("its AlgorithmIdentifier has more than two fields")
        }
        switch identifier {
        case OID.ecPublicKey:
            self.kind = try Self.curveKey(bits, parameters: parameters)
        case OID.rsaEncryption:
            guard parameters?.identifier == .null, parameters?.primitiveBytes?.isEmpty == true
            else { throw Self.refusal("rsaEncryption without NULL parameters (RFC 3279 2.3.1)") }
            self.kind = .rsa(try RSAModulus(subjectPublicKey: bits))
        case OID.ed25519:
            guard rules.allowsEd25519 else {
                throw Self.refusal("Ed25519 keys are not allowed by this service's settings")
            }
            guard parameters == nil, bits.count == 32,
                let key = try? Curve25519.Signing.PublicKey(rawRepresentation: bits)
            else { throw Self.refusal("it is no Ed25519 key (RFC 8410)") }
            self.kind = .ed25519(key)
        default:
            throw Self.refusal(
                "its algorithm \(identifier) is none of RSA, P-256, P-384, P-521"
                    + (rules.allowsEd25519 ? ", Ed25519" : ""))
        }
        self.der = Array(node.encodedBytes)
        self.fingerprint = PublicKeyFingerprint(sha256: SHA256.hash(data: self.der))
        self.keyIdentifier = Array(SHA256.hash(data: bits).prefix(Self.keyIdentifierBytes))
    }

    private static func curveKey(
        _ point: ArraySlice<UInt8>, parameters: ASN1Node?
    ) throws(FleetError) -> Kind {
        guard let curve = parameters?.objectIdentifier else {
            throw Self.refusal("its curve is not named (RFC 5480 2.1.1)")
        }
        let coordinateBytes: Int
        let name: String
        switch curve {
        case OID.p256: (coordinateBytes, name) = (32, "P-256")
        case OID.p384: (coordinateBytes, name) = (48, "P-384")
        case OID.p521: (coordinateBytes, name) = (66, "P-521")
        default: throw Self.refusal("its curve \(curve) is none of P-256, P-384, P-521")
        }
        guard point.first == 0x04, point.count == 1 + 2 * coordinateBytes else {
            throw Self.refusal("its \(name) point is not in the uncompressed form (RFC 5480 2.2)")
        }
        // The initialisers refuse coordinates out of range and points off the curve.
        let kind: Kind? =
            switch curve {
            case OID.p256: (try? P256.Signing.PublicKey(x963Representation: point)).map(Kind.p256)
            case OID.p384: (try? P384.Signing.PublicKey(x963Representation: point)).map(Kind.p384)
            default: (try? P521.Signing.PublicKey(x963Representation: point)).map(Kind.p521)
            }
        guard let kind else { throw Self.refusal("its point is not on \(name)") }
        return kind
    }

    static func refusal(_ reason: String) -> FleetError {
        FleetError(.invalidCSR, "public key: \(reason)")
    }
}
