import Crypto
import SwiftASN1

/// How an authority signs: its key's kind fixes it.
package enum SignatureScheme: String, Sendable, CaseIterable {
    case ecdsaSHA256, ecdsaSHA384, ecdsaSHA512, rsaSHA256, ed25519

    /// The name libcrypto fetches the digest by; nil where the scheme has its own inside.
    var digestName: String? {
        switch self {
        case .ed25519: nil
        case .ecdsaSHA256, .rsaSHA256: "SHA256"
        case .ecdsaSHA384: "SHA384"
        case .ecdsaSHA512: "SHA512"
        }
    }

    /// What is signed of `bytes` where the signer does not see them; nothing for Ed25519, which
    /// hashes by itself.
    func digest(of bytes: UnsafeBufferPointer<UInt8>) -> [UInt8] {
        switch self {
        case .ecdsaSHA256, .rsaSHA256: Self.hash(bytes, by: SHA256())
        case .ecdsaSHA384: Self.hash(bytes, by: SHA384())
        case .ecdsaSHA512: Self.hash(bytes, by: SHA512())
        case .ed25519: []
        }
    }

    private static func hash(
        _ bytes: UnsafeBufferPointer<UInt8>, by function: some HashFunction
    ) -> [UInt8] {
        var function = function
        function.update(bufferPointer: UnsafeRawBufferPointer(bytes))
        return Array(function.finalize())
    }

    private var identifier: ASN1ObjectIdentifier {
        switch self {
        case .ecdsaSHA256: OID.ecdsaWithSHA256
        case .ecdsaSHA384: OID.ecdsaWithSHA384
        case .ecdsaSHA512: OID.ecdsaWithSHA512
        case .rsaSHA256: OID.sha256WithRSA
        case .ed25519: OID.ed25519
        }
    }

    /// AlgorithmIdentifier: ECDSA and Ed25519 without parameters (RFC 5758 3.2, RFC 8410 3),
    /// RSA with NULL (RFC 4055 5).
    func serialize(into coder: inout DER.Serializer) throws {
        try coder.appendConstructedNode(identifier: .sequence) { algorithm in
            try algorithm.serialize(self.identifier)
            switch self {
            case .ecdsaSHA256, .ecdsaSHA384, .ecdsaSHA512, .ed25519: break
            case .rsaSHA256: try algorithm.serialize(ASN1Null())
            }
        }
    }

    /// The scheme of a key of this kind.
    init(_ kind: SubjectKey.Kind) {
        switch kind {
        case .p256: self = .ecdsaSHA256
        case .p384: self = .ecdsaSHA384
        case .p521: self = .ecdsaSHA512
        case .rsa: self = .rsaSHA256
        case .ed25519: self = .ed25519
        }
    }
}
