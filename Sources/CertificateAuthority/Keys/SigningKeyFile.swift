import COpenSSL
import COpenSSLShims
package import Fleet

/// Why an authority's key could not be opened, saved or used; each sentence tells the operator
/// what to look at, and none holds anything secret.
package enum SigningKeyError: Error, Hashable, Sendable, CustomStringConvertible {
    case notPEM(String)
    /// The label that was found.
    case notEncrypted(String)
    case notAPrivateKey(String)
    case wrongPassphrase
    case emptyPassphrase
    case unsuitable(String)
    case libcrypto(String)

    package var description: String {
        switch self {
        case .notPEM(let reason): "not a PEM file: \(reason)"
        case .notEncrypted(let label):
            "the key is not encrypted ('\(label)'): "
                + "encrypt it with 'openssl pkcs8 -topk8 -v2 aes-256-cbc'"
        case .notAPrivateKey(let found): "not an encrypted private key: \(found)"
        case .wrongPassphrase: "the passphrase does not open the key, or the file is damaged"
        case .emptyPassphrase: "the passphrase is empty"
        case .unsuitable(let reason): "the key cannot be an authority's: \(reason)"
        case .libcrypto(let reason): reason
        }
    }

    package var asFleetError: FleetError { FleetError(.internalFailure, self.description) }
}

/// Private keys at rest: `ENCRYPTED PRIVATE KEY` (RFC 7468, section 11), which any `openssl pkey
/// -passin` opens.
enum SigningKeyFile {
    private static let label = "ENCRYPTED PRIVATE KEY"
    /// PBKDF2 with HMAC-SHA-256; a fraction of a second, once at each start.
    static let iterations: Int32 = 600_000
    /// RFC 8018 asks for 8 at least.
    private static let saltBytes: Int32 = 16

    static func encryptedPEM(
        of key: OpaquePointer, passphrase: borrowing Secret<WipedBytes>,
        iterations: Int32
    ) throws(SigningKeyError) -> String {
        guard let plain = EVP_PKEY2PKCS8(key) else {
            throw .libcrypto(LibcryptoError.take("encode a private key").description)
        }
        defer { PKCS8_PRIV_KEY_INFO_free(plain) }
        let encrypted = try Self.withCharacters(of: passphrase) { characters, count in
            // A PRF's NID where an algorithm's is asked for selects PBES2 with that PRF.
            PKCS8_encrypt(
                NID_hmacWithSHA256, EVP_aes_256_cbc(), characters, count, nil, Self.saltBytes,
                iterations, plain)
        }
        guard let encrypted else {
            throw .libcrypto(LibcryptoError.take("encrypt a private key").description)
        }
        defer { X509_SIG_free(encrypted) }
        var bytes: UnsafeMutablePointer<UInt8>? = nil
        let count = i2d_X509_SIG(encrypted, &bytes)
        guard count > 0, let bytes else {
            throw .libcrypto(LibcryptoError.take("encode a private key").description)
        }
        defer { slipway_free(bytes) }
        let der = Array(UnsafeBufferPointer(start: bytes, count: Int(count)))
        return PEMBlock(label: Self.label, bytes: der).text
    }

    /// - Returns: an EVP_PKEY that the caller owns.
    static func open(
        encryptedPEM pem: String, passphrase: borrowing Secret<WipedBytes>
    ) throws(SigningKeyError) -> OpaquePointer {
        if pem.contains("Proc-Type: 4,ENCRYPTED") {
            throw .notAPrivateKey(
                "it is in OpenSSL's traditional form: "
                    + "convert it with 'openssl pkcs8 -topk8 -v2 aes-256-cbc'")
        }
        let block: PEMBlock
        do {
            block = try PEMBlock(parsing: pem)
        } catch {
            throw .notPEM(error.reason)
        }
        guard block.label == Self.label else {
            if block.label.hasSuffix("PRIVATE KEY") { throw .notEncrypted(block.label.clipped) }
            throw .notAPrivateKey("it is a '\(block.label.clipped)'")
        }
        let encrypted = block.bytes.withUnsafeBufferPointer { bytes in
            var position = bytes.baseAddress
            return d2i_X509_SIG(nil, &position, bytes.count)
        }
        guard let encrypted else {
            ERR_clear_error()
            throw .notAPrivateKey("its content is no EncryptedPrivateKeyInfo (RFC 5958)")
        }
        defer { X509_SIG_free(encrypted) }
        let plain = try Self.withCharacters(of: passphrase) { characters, count in
            PKCS8_decrypt(encrypted, characters, count)
        }
        guard let plain else {
            ERR_clear_error()
            throw .wrongPassphrase
        }
        defer { PKCS8_PRIV_KEY_INFO_free(plain) }
        guard let key = EVP_PKCS82PKEY(plain) else {
            ERR_clear_error()
            throw .notAPrivateKey("what it decrypts to is no key that libcrypto knows")
        }
        return key
    }

    private static func withCharacters<Result>(
        of passphrase: borrowing Secret<WipedBytes>,
        _ body: (UnsafePointer<CChar>, Int32) -> Result
    ) throws(SigningKeyError) -> Result {
        try passphrase.expose { (bytes: WipedBytes) throws(SigningKeyError) -> Result in
            try bytes.withBytes {
                (buffer: UnsafeBufferPointer<UInt8>) throws(SigningKeyError) -> Result in
                guard let start = buffer.baseAddress, let count = Int32(exactly: buffer.count),
                    count > 0
                else { throw .emptyPassphrase }
                return start.withMemoryRebound(to: CChar.self, capacity: buffer.count) {
                    body($0, count)
                }
            }
        }
    }
}
