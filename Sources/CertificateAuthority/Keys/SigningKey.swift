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
    /// Fetched once: a fetch for each signature costs a third of it. nil for Ed25519, which hashes
    /// by itself (RFC 8032).
    private let digest: OpaquePointer?

    /// Makes a key. Blocks: RSA takes a second or several.
    package init(_ kind: AuthorityKeyKind = .p256) throws(SigningKeyError) {
        Libcrypto.prepare()
        guard let key = kind.make() else {
            throw .libcrypto(LibcryptoError.take("make a key of \(kind.rawValue)").description)
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

    /// Another handle on the same key, which libcrypto frees with the last of them.
    package init(sharing other: borrowing SigningKey) {
        self.publicKey = other.publicKey
        self.scheme = other.scheme
        self.key = other.key
        self.digest = other.digest
        EVP_PKEY_up_ref(other.key)
        if let digest = other.digest { EVP_MD_up_ref(digest) }
    }

    /// Takes ownership of `key`, whatever comes of it.
    fileprivate init(adopting key: OpaquePointer) throws(SigningKeyError) {
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
        let digest: OpaquePointer?
    }

    private static func examine(_ key: OpaquePointer) throws(SigningKeyError) -> Parts {
        let publicKey: SubjectKey
        do {
            publicKey = try SubjectKey(
                der: Libcrypto.publicKey(of: key), rules: KeyRules(allowsEd25519: true))
        } catch {
            throw .unsuitable(error.message)
        }
        let scheme = SignatureScheme(publicKey.kind)
        var digest: OpaquePointer?
        if let name = scheme.digestName {
            digest = EVP_MD_fetch(nil, name, nil)
            guard digest != nil else {
                throw .libcrypto(LibcryptoError.take("fetch \(name)").description)
            }
        }
        // A key whose halves do not belong together would sign what nobody can verify.
        let challenge = Array("slipway: pairwise consistency".utf8)
        do {
            let signature = try Self.signature(over: challenge, key: key, digest: digest)
            try SignatureCheck(scheme)
                .verify(signature[...], over: challenge[...], by: publicKey)
        } catch {
            if let digest { EVP_MD_free(digest) }
            throw .unsuitable("its public half does not verify what its private half signs")
        }
        return Parts(publicKey: publicKey, scheme: scheme, digest: digest)
    }

    deinit {
        EVP_PKEY_free(self.key)
        if let digest = self.digest { EVP_MD_free(digest) }
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
        return try self.signed(prepared.tbs, as: "certificate")
    }

    /// Signs a request for a certificate of this very key (RFC 2986 4.2), DER.
    func sign(_ request: borrowing AuthorityRequest) throws(FleetError) -> [UInt8] {
        guard request.key == self.publicKey.fingerprint else {
            throw FleetError(.internalFailure, "the request is for another key")
        }
        return try self.signed(request.body, as: "certification request")
    }

    /// `SEQUENCE { body, AlgorithmIdentifier, BIT STRING }`, which certificates and requests are.
    fileprivate func signed(
        _ body: [UInt8], as what: String
    ) throws(FleetError) -> [UInt8] {
        let signature = try Self.signature(over: body, key: self.key, digest: self.digest)
        let scheme = self.scheme
        return try encodeDER(what) { coder in
            try coder.appendConstructedNode(identifier: .sequence) { whole in
                whole.serializeRawBytes(body)
                try scheme.serialize(into: &whole)
                whole.appendPrimitiveNode(identifier: .bitString) { bits in
                    bits.append(0)
                    bits += signature
                }
            }
        }
    }

    /// Whether libcrypto, which shares no code with the encoders here, reads `der` as a certificate
    /// without a fault that this key has signed.
    fileprivate func isCertificate(_ der: [UInt8]) -> Bool {
        defer { ERR_clear_error() }
        let read = der.withUnsafeBufferPointer { bytes -> OpaquePointer? in
            var position = bytes.baseAddress
            let certificate = d2i_X509(nil, &position, bytes.count)
            let isWhole = position == bytes.baseAddress.map { $0 + bytes.count }
            if let certificate, !isWhole {
                X509_free(certificate)
                return nil
            }
            return certificate
        }
        guard let read else { return false }
        defer { X509_free(read) }
        X509_check_purpose(read, -1, 0)
        let faults = UInt32(EXFLAG_INVALID) | UInt32(EXFLAG_CRITICAL)
        return X509_get_extension_flags(read) & faults == 0 && Self.readsExtensions(of: read)
            && X509_verify(read, self.key) == 1
    }

    /// Whether libcrypto finds no fault inside any extension that it knows. What it would print is
    /// thrown away.
    private static func readsExtensions(of certificate: OpaquePointer) -> Bool {
        guard let sink = BIO_new(BIO_s_null()) else { return false }
        defer { BIO_free(sink) }
        for index in 0..<X509_get_ext_count(certificate) {
            guard let item = X509_get_ext(certificate, index) else { return false }
            if X509V3_EXT_get(item) != nil, X509V3_EXT_print(sink, item, 0, 0) != 1 { return false }
        }
        return true
    }

    /// Signs a CRL or an OCSP answer (RFC 5280 5.1, RFC 6960 4.2.1), DER.
    func sign(_ statement: consuming StatusStatement) throws(FleetError) -> [UInt8] {
        let scheme = self.scheme
        let algorithm = try encodeDER("statement") { try scheme.serialize(into: &$0) }
        let (key, digest) = (self.key, self.digest)
        let signature = try statement.withSigned { octets throws(FleetError) in
            try Self.signature(over: octets, key: key, digest: digest)
        }
        return statement.sealed(algorithm: algorithm, signature: signature)
    }

    private static func signature(
        over bytes: [UInt8], key: OpaquePointer, digest: OpaquePointer?
    ) throws(FleetError) -> [UInt8] {
        try bytes.withUnsafeBufferPointer { bytes throws(FleetError) in
            try Self.signature(over: bytes, key: key, digest: digest)
        }
    }

    private static func signature(
        over bytes: UnsafeBufferPointer<UInt8>, key: OpaquePointer, digest: OpaquePointer?
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
        guard EVP_DigestSign(context, &signature, &count, bytes.baseAddress, bytes.count) == 1,
            count <= signature.count
        else { throw LibcryptoError.take("sign").asFleetError }
        signature.removeLast(signature.count - count)
        return signature
    }
}

/// A key that vouches for nothing: made in this process, kept nowhere, named in no certificate.
/// Only it signs what no linter has passed.
struct ThrowawayKey: ~Copyable, Sendable {
    private static let rsaBits = 2048
    private let key: SigningKey

    /// One that signs as an authority of `scheme` does.
    init(_ scheme: SignatureScheme) throws(FleetError) {
        Libcrypto.prepare()
        let made: OpaquePointer? =
            switch scheme {
            case .ecdsaSHA256: slipway_ec_key_make("P-256")
            case .ecdsaSHA384: slipway_ec_key_make("P-384")
            case .ecdsaSHA512: slipway_ec_key_make("P-521")
            // Its size does not tell in what is signed, and a short one signs sooner.
            case .rsaSHA256: slipway_rsa_key_make(Self.rsaBits)
            case .ed25519: slipway_ed25519_key_make()
            }
        guard let made else { throw LibcryptoError.take("make a throw-away key").asFleetError }
        do { self.key = try SigningKey(adopting: made) } catch { throw error.asFleetError }
    }

    /// The certificate that `tbs` would become, but for its signature.
    func twin(of tbs: [UInt8]) throws(FleetError) -> [UInt8] {
        try self.key.signed(tbs, as: "twin")
    }

    func isCertificate(_ twin: [UInt8]) -> Bool { self.key.isCertificate(twin) }
}
