import COpenSSL
import Crypto
import Fleet
import SwiftASN1

#if canImport(FoundationEssentials)
import FoundationEssentials
#else
import Foundation
#endif

/// Checks a signature that came with its AlgorithmIdentifier: on a request by its own key, on a
/// certificate by its issuer's.
struct SignatureCheck {
    private enum Hash: String {
        case sha256 = "SHA256"
        case sha384 = "SHA384"
        case sha512 = "SHA512"
    }

    private enum Algorithm {
        case ecdsa(Hash)
        case rsa(Hash)
        case ed25519
    }

    /// Why a signature is not accepted.
    struct Refusal: Error {
        let reason: String
    }

    private let algorithm: Algorithm

    /// - Parameter node: an AlgorithmIdentifier.
    init(_ node: ASN1Node) throws(Refusal) {
        guard var fields = DERFields(node), let identifier = fields.next()?.objectIdentifier
        else { throw Refusal(reason: "its signature algorithm is no AlgorithmIdentifier") }
        let parameters = fields.next()
        guard fields.isAtEnd() else {
            throw Refusal(reason: "its signature algorithm has more than two fields")
        }
        if let hash = OID.broken[identifier] {
            throw Refusal(reason: "it is signed with \(hash), which is broken: use SHA-256")
        }
        guard let algorithm = Self.known[identifier] else {
            throw Refusal(
                reason: identifier == OID.rsaPSS
                    ? "RSASSA-PSS signatures are not accepted: use sha256WithRSAEncryption"
                    : "its signature algorithm \(identifier) is not accepted")
        }
        switch algorithm {
        case .ecdsa, .ed25519:
            // RFC 5758 3.2 and RFC 8410 3: the parameters MUST be absent.
            guard parameters == nil else {
                throw Refusal(reason: "its signature algorithm has parameters it must not have")
            }
        case .rsa:
            // RFC 4055 5: NULL, and absent parameters MUST be accepted too.
            guard parameters == nil || parameters?.identifier == .null else {
                throw Refusal(reason: "its signature algorithm has parameters other than NULL")
            }
        }
        self.algorithm = algorithm
    }

    /// The check of what a key of ours signs.
    init(_ scheme: SignatureScheme) {
        self.algorithm =
            switch scheme {
            case .ecdsaSHA256: .ecdsa(.sha256)
            case .ecdsaSHA384: .ecdsa(.sha384)
            case .ecdsaSHA512: .ecdsa(.sha512)
            case .rsaSHA256: .rsa(.sha256)
            case .ed25519: .ed25519
            }
    }

    private static let known: [ASN1ObjectIdentifier: Algorithm] = [
        OID.ecdsaWithSHA256: .ecdsa(.sha256), OID.ecdsaWithSHA384: .ecdsa(.sha384),
        OID.ecdsaWithSHA512: .ecdsa(.sha512), OID.sha256WithRSA: .rsa(.sha256),
        OID.sha384WithRSA: .rsa(.sha384), OID.sha512WithRSA: .rsa(.sha512),
        OID.ed25519: .ed25519,
    ]

    /// - Throws: `Refusal` unless `signature` is `key`'s over `message`.
    func verify(
        _ signature: ArraySlice<UInt8>, over message: ArraySlice<UInt8>, by key: SubjectKey
    ) throws(Refusal) {
        let isValid: Bool
        switch (key.kind, self.algorithm) {
        case (.p256(let key), .ecdsa(let hash)):
            isValid = try Self.ecdsaVerifies(signature, over: message, hash: hash, key: key)
        case (.p384(let key), .ecdsa(let hash)):
            isValid = try Self.ecdsaVerifies(signature, over: message, hash: hash, key: key)
        case (.p521(let key), .ecdsa(let hash)):
            isValid = try Self.ecdsaVerifies(signature, over: message, hash: hash, key: key)
        case (.ed25519(let key), .ed25519):
            isValid = key.isValidSignature(signature, for: message)
        case (.rsa, .rsa(let hash)):
            isValid = Self.rsaVerifies(signature, over: message, hash: hash, key: key.der)
        case (.p256, .rsa), (.p256, .ed25519), (.p384, .rsa), (.p384, .ed25519), (.p521, .rsa),
            (.p521, .ed25519), (.ed25519, .ecdsa), (.ed25519, .rsa), (.rsa, .ecdsa),
            (.rsa, .ed25519):
            throw Refusal(reason: "its signature algorithm does not fit its public key")
        }
        guard isValid else { throw Refusal(reason: "its signature does not verify") }
    }

    private static func ecdsaVerifies<Key: ECDSAPublicKey>(
        _ signature: ArraySlice<UInt8>, over message: ArraySlice<UInt8>, hash: Hash, key: Key
    ) throws(Refusal) -> Bool {
        guard let signature = try? Key.signature(signature) else {
            throw Refusal(reason: "its signature is no ECDSA-Sig-Value (RFC 5480)")
        }
        return switch hash {
        case .sha256: key.isValidSignature(signature, for: SHA256.hash(data: message))
        case .sha384: key.isValidSignature(signature, for: SHA384.hash(data: message))
        case .sha512: key.isValidSignature(signature, for: SHA512.hash(data: message))
        }
    }

    /// RSASSA-PKCS1-v1_5 by libcrypto: swift-crypto has RSA in a module of extras only. Whatever
    /// goes wrong in there, the signature has not been shown to be good.
    private static func rsaVerifies(
        _ signature: ArraySlice<UInt8>, over message: ArraySlice<UInt8>, hash: Hash, key: [UInt8]
    ) -> Bool {
        defer { ERR_clear_error() }
        let loaded = key.withUnsafeBufferPointer { bytes in
            var position = bytes.baseAddress
            return d2i_PUBKEY(nil, &position, bytes.count)
        }
        guard let loaded else { return false }
        defer { EVP_PKEY_free(loaded) }
        guard let context = EVP_MD_CTX_new() else { return false }
        defer { EVP_MD_CTX_free(context) }
        guard
            EVP_DigestVerifyInit_ex(context, nil, hash.rawValue, nil, nil, loaded, nil) == 1
        else { return false }
        return signature.withUnsafeBufferPointer { signature in
            message.withUnsafeBufferPointer { message in
                EVP_DigestVerify(
                    context, signature.baseAddress, signature.count, message.baseAddress,
                    message.count) == 1
            }
        }
    }
}

/// What swift-crypto's curves have in common and no name for.
private protocol ECDSAPublicKey {
    associatedtype Signature
    static func signature(_ der: ArraySlice<UInt8>) throws -> Signature
    func isValidSignature<D: Digest>(_ signature: Signature, for digest: D) -> Bool
}

extension P256.Signing.PublicKey: ECDSAPublicKey {
    static func signature(_ der: ArraySlice<UInt8>) throws -> P256.Signing.ECDSASignature {
        try P256.Signing.ECDSASignature(derRepresentation: der)
    }
}

extension P384.Signing.PublicKey: ECDSAPublicKey {
    static func signature(_ der: ArraySlice<UInt8>) throws -> P384.Signing.ECDSASignature {
        try P384.Signing.ECDSASignature(derRepresentation: der)
    }
}

extension P521.Signing.PublicKey: ECDSAPublicKey {
    static func signature(_ der: ArraySlice<UInt8>) throws -> P521.Signing.ECDSASignature {
        try P521.Signing.ECDSASignature(derRepresentation: der)
    }
}
