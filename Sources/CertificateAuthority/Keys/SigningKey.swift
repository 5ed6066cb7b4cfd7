import COpenSSL
import COpenSSLShims
package import Fleet
import SwiftASN1

/// An authority's private key, held by libcrypto. It can be made, saved encrypted and used to
/// sign; it cannot be read, copied or printed.
///
/// `@unchecked Sendable`: the pointers are written in `init` and freed in `deinit`, which the
/// unique owner cannot overlap with a borrow; between the two, libcrypto documents that an EVP_PKEY
/// and an EVP_MD may be used by several threads (openssl-threads(7)), and each signature has a
/// context of its own.
package struct SigningKey: ~Copyable, @unchecked Sendable {
    /// The public half.
    package let publicKey: SubjectKey
    let scheme: SignatureScheme
    private let key: OpaquePointer
    /// Fetched once: a fetch for each signature costs a third of it.
    private let digest: OpaquePointer

    /// Makes a P-256 key.
    package init() throws(SigningKeyError) {
        Libcrypto.prepare()
        guard let key = slipway_ec_key_make("P-256") else {
            throw .libcrypto(LibcryptoError.take("make a P-256 key").description)
        }
        try self.init(adopting: key)
    }

    /// Opens what `encryptedPEM(passphrase:)` or `openssl pkey -aes256` wrote.
    package init(
        encryptedPEM pem: String, passphrase: borrowing Secret<WipedBytes>
    ) throws(SigningKeyError) {
        Libcrypto.prepare()
        try self.init(
            adopting: SigningKeyFile.open(encryptedPEM: pem, passphrase: passphrase))
    }

    /// Takes ownership of `key`, whatever comes of it.
    private init(adopting key: OpaquePointer) throws(SigningKeyError) {
        let parts: Parts
        do {
            parts = try Self.examine(key)
        } catch {
            EVP_PKEY_free(key)
            throw error
        }
        self.publicKey = parts.publicKey
        self.scheme = parts.scheme
        self.key = key
        self.digest = parts.digest
    }

    private struct Parts {
        let publicKey: SubjectKey
        let scheme: SignatureScheme
        let digest: OpaquePointer
    }

    private static func examine(_ key: OpaquePointer) throws(SigningKeyError) -> Parts {
        let publicKey: SubjectKey
        do {
            publicKey = try SubjectKey(der: Libcrypto.publicKey(of: key), rules: KeyRules())
        } catch {
            throw .unsuitable(error.message)
        }
        guard let scheme = SignatureScheme(publicKey.kind) else {
            throw .unsuitable("an authority's key is RSA, P-256, P-384 or P-521")
        }
        guard let digest = EVP_MD_fetch(nil, scheme.digestName, nil) else {
            throw .libcrypto(LibcryptoError.take("fetch \(scheme.digestName)").description)
        }
        // A key whose halves do not belong together would sign what nobody can verify.
        let challenge = Array("slipway: pairwise consistency".utf8)
        do {
            let signature = try Self.signature(over: challenge, key: key, digest: digest)
            try SignatureCheck(scheme)
                .verify(signature[...], over: challenge[...], by: publicKey)
        } catch {
            EVP_MD_free(digest)
            throw .unsuitable("its public half does not verify what its private half signs")
        }
        return Parts(publicKey: publicKey, scheme: scheme, digest: digest)
    }

    deinit {
        EVP_PKEY_free(self.key)
        EVP_MD_free(self.digest)
    }

    /// PKCS#8, encrypted by PBES2 with AES-256-CBC (RFC 5958, RFC 8018), as PEM.
    package func encryptedPEM(
        passphrase: borrowing Secret<WipedBytes>
    ) throws(SigningKeyError) -> String {
        try self.encryptedPEM(passphrase: passphrase, iterations: SigningKeyFile.iterations)
    }

    func encryptedPEM(
        passphrase: borrowing Secret<WipedBytes>, iterations: Int32
    ) throws(SigningKeyError) -> String {
        try SigningKeyFile.encryptedPEM(
            of: self.key, passphrase: passphrase, iterations: iterations)
    }

    /// Signs exactly the bytes that the linter approved, and spends the approval.
    /// - Returns: the Certificate (RFC 5280 4.1), DER.
    func sign(_ prepared: consuming PreparedCertificate) throws(FleetError) -> [UInt8] {
        guard prepared.issuer.publicKey == self.publicKey.fingerprint else {
            throw FleetError(
                .internalFailure, "the certificate was prepared for another authority's key")
        }
        let tbs = prepared.tbs
        let signature = try Self.signature(over: tbs, key: self.key, digest: self.digest)
        let scheme = self.scheme
        return try encodeDER("certificate") { coder in
            try coder.appendConstructedNode(identifier: .sequence) { certificate in
                certificate.serializeRawBytes(tbs)
                try scheme.serialize(into: &certificate)
                certificate.appendPrimitiveNode(identifier: .bitString) { bits in
                    bits.append(0)
                    bits += signature
                }
            }
        }
    }

    /// Signs a CRL or an OCSP answer (RFC 5280 5.1, RFC 6960 4.2.1), DER.
    func sign(_ statement: StatusStatement) throws(FleetError) -> [UInt8] {
        let signature = try Self.signature(
            over: statement.tbs, key: self.key, digest: self.digest)
        let scheme = self.scheme
        let algorithm = try encodeDER("statement") { try scheme.serialize(into: &$0) }
        let bits = StatusDER.wrapped(0x03, [0] + signature)
        let count =
            statement.tbs.count + algorithm.count + bits.count + statement.trailer.count
        // By hand: a list of a million entries is copied once.
        var der = StatusDER.header(StatusDER.sequence, count: count)
        der.reserveCapacity(der.count + count)
        der += statement.tbs
        der += algorithm
        der += bits
        der += statement.trailer
        return der
    }

    private static func signature(
        over bytes: [UInt8], key: OpaquePointer, digest: OpaquePointer
    ) throws(FleetError) -> [UInt8] {
        guard let context = EVP_MD_CTX_new() else {
            throw LibcryptoError.take("allocate").asFleetError
        }
        defer { EVP_MD_CTX_free(context) }
        guard EVP_DigestSignInit(context, nil, digest, nil, key) == 1 else {
            throw LibcryptoError.take("begin a signature").asFleetError
        }
        var signature = [UInt8](repeating: 0, count: Int(EVP_PKEY_get_size(key)))
        var count = signature.count
        guard EVP_DigestSign(context, &signature, &count, bytes, bytes.count) == 1,
            count <= signature.count
        else { throw LibcryptoError.take("sign").asFleetError }
        signature.removeLast(signature.count - count)
        return signature
    }
}
