import COpenSSL
import COpenSSLShims
import Crypto
package import Fleet
import SwiftASN1

/// An authority's private key, held by libcrypto or by a token. It can be used to sign, and one
/// that is here be made and saved encrypted; it cannot be read, copied or printed.
///
/// `@unchecked Sendable`: the pointers are written in `init` and freed in `deinit`, which the
/// unique owner cannot overlap with a borrow; between the two, libcrypto documents that an EVP_PKEY
/// and an EVP_MD may be used by several threads (openssl-threads(7)), and each signature has a
/// context of its own.
package struct SigningKey: ~Copyable, @unchecked Sendable {
    /// The public half.
    package let publicKey: SubjectKey
    let scheme: SignatureScheme
    private let place: Place

    private enum Place {
        /// An EVP_PKEY, and its EVP_MD, fetched once: a fetch for each signature costs a third of
        /// it. The latter is nil for Ed25519, which hashes by itself (RFC 8032).
        case here(OpaquePointer, OpaquePointer?)
        case token(TokenSigner)
    }

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

    /// Where it is, where that is a token.
    package var uri: KeyURI? {
        guard case .token(let token) = self.place else { return nil }
        return token.uri
    }

    /// Another handle on the same key, which libcrypto frees with the last of them.
    package init(sharing other: borrowing SigningKey) {
        self.publicKey = other.publicKey
        self.scheme = other.scheme
        self.place = other.place
        guard case .here(let key, let digest) = other.place else { return }
        EVP_PKEY_up_ref(key)
        if let digest { EVP_MD_up_ref(digest) }
    }

    /// A certificate's key on a token, which need not be there yet.
    /// - Parameter publicKey: the certificate's. Whatever else the token holds signs nothing here.
    package init(on token: TokenSigner, publicKey: SubjectKey) throws(FleetError) {
        self.scheme = try Self.scheme(onTokenOf: publicKey)
        self.publicKey = publicKey
        self.place = .token(token)
        token.expect(publicKey)
    }

    /// A key on a token that has no certificate yet. Blocks until the token has signed once.
    /// - Throws: `FleetError.internalFailure` where it does not; `.invalidRequest` where the key
    ///   cannot be an authority's.
    package init(asking token: TokenSigner) throws(FleetError) {
        let der = try token.fulfilBlocking(.publicKey, by: nil)
        let publicKey: SubjectKey
        do throws(FleetError) {
            publicKey = try SubjectKey(der: der, rules: KeyRules(allowsEd25519: true))
        } catch {
            throw FleetError(.invalidRequest, "'\(token.uri)': \(error.message)")
        }
        let scheme = try Self.scheme(onTokenOf: publicKey)
        let place = Place.token(token)
        _ = try Self.signature(over: Self.challenge, place, by: publicKey, scheme)
        self.publicKey = publicKey
        self.scheme = scheme
        self.place = place
    }

    private static let challenge = Array("slipway: pairwise consistency".utf8)

    /// A token is sent digests: a CRL may be larger than what it takes at once.
    private static func scheme(
        onTokenOf key: SubjectKey
    ) throws(FleetError) -> SignatureScheme {
        let scheme = SignatureScheme(key.kind)
        guard scheme.digestName != nil else {
            throw FleetError(
                .invalidRequest,
                "an Ed25519 key signs whole messages, and is no CA's on a token here: use RSA, "
                    + "P-256, P-384 or P-521")
        }
        return scheme
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
        self.place = .here(key, parts.digest)
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
        do {
            let signature = try Self.challenge.withUnsafeBufferPointer {
                bytes throws(FleetError) in
                try Self.signature(over: bytes, key: key, digest: digest)
            }
            try SignatureCheck(scheme)
                .verify(signature[...], over: Self.challenge[...], by: publicKey)
        } catch {
            if let digest { EVP_MD_free(digest) }
            throw .unsuitable("its public half does not verify what its private half signs")
        }
        return Parts(publicKey: publicKey, scheme: scheme, digest: digest)
    }

    deinit {
        if case .here(let key, let digest) = self.place {
            EVP_PKEY_free(key)
            if let digest { EVP_MD_free(digest) }
        }
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
        guard case .here(let key, _) = self.place else {
            throw .unsuitable("it is on a token and does not leave it")
        }
        return try SigningKeyFile.encryptedPEM(
            of: key, passphrase: passphrase, iterations: iterations)
    }

    // MARK: Signing

    /// Signs exactly the bytes that the linter approved, and spends the approval. Blocks while a
    /// token is at work.
    /// - Returns: the Certificate (RFC 5280 4.1), DER.
    func sign(_ prepared: consuming PreparedCertificate) throws(FleetError) -> [UInt8] {
        try self.check(prepared.issuer)
        return try self.signed(prepared.tbs, as: "certificate")
    }

    /// The same, without a thread that waits for a token.
    func signSuspending(
        _ prepared: consuming PreparedCertificate
    ) async throws(FleetError) -> [UInt8] {
        try self.check(prepared.issuer)
        let tbs = prepared.tbs
        let signature = try await Self.signatureSuspending(
            over: tbs, self.place, by: self.publicKey, self.scheme)
        return try Self.assembled(tbs, signature, self.scheme, as: "certificate")
    }

    private func check(_ issuer: IssuerIdentity) throws(FleetError) {
        guard issuer.publicKey == self.publicKey.fingerprint else {
            throw FleetError(
                .internalFailure, "the certificate was prepared for another authority's key")
        }
    }

    /// Signs a request for a certificate of this very key (RFC 2986 4.2), DER.
    func sign(_ request: borrowing AuthorityRequest) throws(FleetError) -> [UInt8] {
        guard request.key == self.publicKey.fingerprint else {
            throw FleetError(.internalFailure, "the request is for another key")
        }
        return try self.signed(request.body, as: "certification request")
    }

    fileprivate func signed(
        _ body: [UInt8], as what: String
    ) throws(FleetError) -> [UInt8] {
        let signature = try Self.signature(
            over: body, self.place, by: self.publicKey, self.scheme)
        return try Self.assembled(body, signature, self.scheme, as: what)
    }

    /// `SEQUENCE { body, AlgorithmIdentifier, BIT STRING }`, which certificates and requests are.
    fileprivate static func assembled(
        _ body: [UInt8], _ signature: [UInt8], _ scheme: SignatureScheme, as what: String
    ) throws(FleetError) -> [UInt8] {
        try encodeDER(what) { coder in
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
    /// without a fault whose signature is of the kind that this key makes. The signature itself is
    /// not verified once more: that this key's are sound was seen when it was made.
    fileprivate func isCertificate(_ der: [UInt8]) -> Bool {
        guard case .here(let key, let digest) = self.place else { return false }
        defer { ERR_clear_error() }
        var certificate = slipway_unread_certificate()
        // d2i_X509 lets go of it, and says so, where the bytes are none.
        defer { X509_free(certificate) }
        let isWhole = der.withUnsafeBufferPointer { bytes in
            var position = bytes.baseAddress
            return d2i_X509(&certificate, &position, bytes.count) != nil
                && position == bytes.baseAddress.map { $0 + bytes.count }
        }
        guard isWhole, let certificate else { return false }
        X509_check_purpose(certificate, -1, 0)
        let faults = UInt32(EXFLAG_INVALID) | UInt32(EXFLAG_CRITICAL)
        return X509_get_extension_flags(certificate) & faults == 0
            && Self.readsExtensions(of: certificate)
            && Self.names(certificate, signatureBy: key, digest)
    }

    /// Whether what is signed and what stands beside the signature name the same algorithm
    /// (RFC 5280 4.1.1.2), and it is one of this key and this digest.
    private static func names(
        _ certificate: OpaquePointer, signatureBy key: OpaquePointer, _ digest: OpaquePointer?
    ) -> Bool {
        let signed = X509_get0_tbs_sigalg(certificate)
        var beside: UnsafePointer<X509_ALGOR>?
        X509_get0_signature(nil, &beside, certificate)
        guard let signed, let beside, X509_ALGOR_cmp(signed, beside) == 0 else { return false }
        var (digestType, keyType) = (NID_undef, NID_undef)
        guard OBJ_find_sigid_algs(X509_get_signature_nid(certificate), &digestType, &keyType) == 1
        else { return false }
        return keyType == EVP_PKEY_get_base_id(key)
            && digestType == (digest.map { EVP_MD_get_type($0) } ?? NID_undef)
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

    /// Signs a CRL or an OCSP answer (RFC 5280 5.1, RFC 6960 4.2.1), DER. Blocks while a token is
    /// at work.
    func sign(_ statement: consuming StatusStatement) throws(FleetError) -> [UInt8] {
        let (place, publicKey, scheme) = (self.place, self.publicKey, self.scheme)
        let algorithm = try encodeDER("statement") { try scheme.serialize(into: &$0) }
        let signature = try statement.withSigned { octets throws(FleetError) in
            try Self.signature(over: octets, place, by: publicKey, scheme)
        }
        return statement.sealed(algorithm: algorithm, signature: signature)
    }

    /// The same, without a thread that waits for a token.
    func signSuspending(
        _ statement: consuming StatusStatement
    ) async throws(FleetError) -> [UInt8] {
        guard case .token(let token) = self.place else { return try self.sign(statement) }
        let (publicKey, scheme) = (self.publicKey, self.scheme)
        let algorithm = try encodeDER("statement") { try scheme.serialize(into: &$0) }
        let wish = statement.withSigned { TokenWish(scheme, over: $0) }
        let signature = try await token.fulfil(wish, by: publicKey.der)
        try statement.withSigned { octets throws(FleetError) in
            try Self.check(signature, over: octets, by: publicKey, scheme, from: token)
        }
        return statement.sealed(algorithm: algorithm, signature: signature)
    }

    private static func signature(
        over bytes: [UInt8], _ place: Place, by publicKey: SubjectKey, _ scheme: SignatureScheme
    ) throws(FleetError) -> [UInt8] {
        try bytes.withUnsafeBufferPointer { bytes throws(FleetError) in
            try Self.signature(over: bytes, place, by: publicKey, scheme)
        }
    }

    private static func signature(
        over bytes: UnsafeBufferPointer<UInt8>, _ place: Place, by publicKey: SubjectKey,
        _ scheme: SignatureScheme
    ) throws(FleetError) -> [UInt8] {
        switch place {
        case .here(let key, let digest):
            return try Self.signature(over: bytes, key: key, digest: digest)
        case .token(let token):
            let signature = try token.fulfilBlocking(
                TokenWish(scheme, over: bytes), by: publicKey.der)
            try Self.check(signature, over: bytes, by: publicKey, scheme, from: token)
            return signature
        }
    }

    private static func signatureSuspending(
        over bytes: [UInt8], _ place: Place, by publicKey: SubjectKey, _ scheme: SignatureScheme
    ) async throws(FleetError) -> [UInt8] {
        guard case .token(let token) = place else {
            return try Self.signature(over: bytes, place, by: publicKey, scheme)
        }
        let wish = bytes.withUnsafeBufferPointer { TokenWish(scheme, over: $0) }
        let signature = try await token.fulfil(wish, by: publicKey.der)
        try bytes.withUnsafeBufferPointer { bytes throws(FleetError) in
            try Self.check(signature, over: bytes, by: publicKey, scheme, from: token)
        }
        return signature
    }

    /// What a token gives is believed once it verifies: nothing leaves that another key signed, or
    /// that a fault in the token spoilt, which may tell its key to whoever reads it.
    private static func check(
        _ signature: [UInt8], over bytes: UnsafeBufferPointer<UInt8>, by publicKey: SubjectKey,
        _ scheme: SignatureScheme, from token: TokenSigner
    ) throws(FleetError) {
        do throws(SignatureCheck.Refusal) {
            try SignatureCheck(scheme)
                .verify(signature[...], over: ArraySlice(bytes), by: publicKey)
        } catch {
            let failure = TokenFailure(.failed, error.reason)
            token.judged(failure)
            throw failure.asFleetError
        }
        token.judged(nil)
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
    /// Signs in libcrypto's stead where that is sooner: whose signature it is matters to nobody.
    private let quickKey: P256.Signing.PrivateKey?

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
        self.quickKey = scheme == .ecdsaSHA256 ? P256.Signing.PrivateKey() : nil
    }

    /// The certificate that `tbs` would become, but for its signature.
    func twin(of tbs: [UInt8]) throws(FleetError) -> [UInt8] {
        guard let quickKey = self.quickKey else { return try self.key.signed(tbs, as: "twin") }
        let signature: P256.Signing.ECDSASignature
        do { signature = try quickKey.signature(for: tbs) } catch {
            throw FleetError(.internalFailure, "the throw-away key does not sign: \(error)")
        }
        return try SigningKey.assembled(
            tbs, Array(signature.derRepresentation), .ecdsaSHA256, as: "twin")
    }

    func isCertificate(_ twin: [UInt8]) -> Bool { self.key.isCertificate(twin) }
}
