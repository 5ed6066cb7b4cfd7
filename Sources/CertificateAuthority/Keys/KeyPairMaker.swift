import COpenSSL
import COpenSSLShims
package import Fleet

/// What kind of key pair devices are given that cannot make their own.
package enum KeyPairKind: String, Sendable, CaseIterable {
    /// As AWS does: `BEGIN RSA PRIVATE KEY`, PKCS#1 (RFC 8017 A.1.2).
    case rsa2048 = "rsa-2048"
    case rsa3072 = "rsa-3072"
    case rsa4096 = "rsa-4096"
    /// `BEGIN EC PRIVATE KEY`, SEC 1 with its curve named (RFC 5915): the form that every MQTT
    /// client library reads, PKCS#8 being unknown to older ones.
    case p256 = "p-256"
    case p384 = "p-384"
    case p521 = "p-521"

    /// As `SubjectKey.typeName` and templates call it.
    package var typeName: String {
        switch self {
        case .rsa2048: "RSA-2048"
        case .rsa3072: "RSA-3072"
        case .rsa4096: "RSA-4096"
        case .p256: "EC-P256"
        case .p384: "EC-P384"
        case .p521: "EC-P521"
        }
    }
}

/// Makes key pairs with libcrypto, and lets none out whose halves do not fit.
package enum KeyPairMaker {
    /// Blocks: an RSA pair takes a tenth of a second or several. Never on an event loop.
    /// - Throws: `FleetError.internalFailure` with libcrypto's reason.
    package static func make(_ kind: KeyPairKind) throws(FleetError) -> KeyPair {
        Libcrypto.prepare()
        let made =
            switch kind {
            case .rsa2048: slipway_rsa_key_make(2048)
            case .rsa3072: slipway_rsa_key_make(3072)
            case .rsa4096: slipway_rsa_key_make(4096)
            case .p256: slipway_ec_key_make("P-256")
            case .p384: slipway_ec_key_make("P-384")
            case .p521: slipway_ec_key_make("P-521")
            }
        guard let key = made else { throw LibcryptoError.take("make a key pair").asFleetError }
        defer { EVP_PKEY_free(key) }
        try Self.proveHalvesFit(key)
        return KeyPair(
            publicKey: try Libcrypto.publicKey(of: key), privateKeyPEM: try Self.privatePEM(key))
    }

    /// Signs and verifies (FIPS 140-3 calls it the pairwise consistency test): a pair broken by a
    /// defect would be found only when its device fails in the field.
    private static func proveHalvesFit(_ key: OpaquePointer) throws(FleetError) {
        let challenge = Array("slipway: pairwise consistency".utf8)
        guard let context = EVP_MD_CTX_new() else {
            throw LibcryptoError.take("allocate").asFleetError
        }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestSignInit_ex(context, nil, "SHA256", nil, nil, key, nil) == 1 else {
            throw LibcryptoError.take("begin a signature").asFleetError
        }
        var signature = [UInt8](repeating: 0, count: Int(EVP_PKEY_get_size(key)))
        var count = signature.count
        guard EVP_DigestSign(context, &signature, &count, challenge, challenge.count) == 1,
            EVP_MD_CTX_reset(context) == 1,
            EVP_DigestVerifyInit_ex(context, nil, "SHA256", nil, nil, key, nil) == 1,
            EVP_DigestVerify(context, signature, count, challenge, challenge.count) == 1
        else { throw LibcryptoError.take("verify with a key pair just made").asFleetError }
    }

    /// The PEM is written into libcrypto's secure heap and from there copied once, into bytes that
    /// are wiped when the reply has gone.
    private static func privatePEM(
        _ key: OpaquePointer
    ) throws(FleetError) -> Secret<WipedBytes> {
        guard let memory = BIO_new(BIO_s_secmem()) else {
            throw LibcryptoError.take("allocate").asFleetError
        }
        defer { BIO_free(memory) }
        guard
            PEM_write_bio_PrivateKey_traditional(memory, key, nil, nil, 0, nil, nil) == 1
        else { throw LibcryptoError.take("encode a private key").asFleetError }
        var count = 0
        guard let bytes = slipway_bio_bytes(memory, &count) else {
            throw LibcryptoError.take("encode a private key").asFleetError
        }
        return Secret(WipedBytes(UnsafeBufferPointer(start: bytes, count: count)))
    }
}
