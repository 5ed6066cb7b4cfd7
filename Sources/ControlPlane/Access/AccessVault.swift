import Crypto
package import Fleet

/// Makes access keys, and keeps their secrets so that only the service can read them.
///
/// Signature Version 4 is an HMAC: whoever verifies must hold the secret itself, and no hash of it
/// would do. So it is sealed with AES-256-GCM under a key that lies beside the database and not in
/// it, bound to the id of its access key: a backup of the database alone reveals no secret, and a
/// sealed secret moved to another key's row does not open.
package struct AccessVault: Sendable {
    /// An access key that has just been made. The secret is told once, to whoever asked for it.
    package struct Made: Sendable {
        package let id: AccessKeyID
        package let secret: Secret<WipedBytes>
        package let sealed: SealedSecret
    }

    package static let keyBytesCount = 32
    /// RFC 5116 5.2: the nonce of AEAD_AES_256_GCM.
    private static let nonceBytesCount = 12
    /// AWS: `AKIA` is how a long-term key's id begins, with 16 more of A-Z 2-7.
    private static let idPrefix = "AKIA"
    private static let idBytesCount = 10
    /// AWS: a secret is 40 characters of base64.
    static let secretBytesCount = 30

    private let sealingKey: SymmetricKey
    private let sessionKey: SymmetricKey
    private let entropy: any Entropy

    /// - Parameter key: 32 random bytes, the same for all processes of one service.
    /// - Throws: `FleetError.invalidRequest` for a key of another length.
    package init(key: Secret<WipedBytes>, entropy: any Entropy) throws(FleetError) {
        let symmetric: SymmetricKey? = key.expose { bytes in
            bytes.count == Self.keyBytesCount ? bytes.withBytes { SymmetricKey(data: $0) } : nil
        }
        guard let symmetric else {
            throw FleetError(
                .invalidRequest, "the access key file must have \(Self.keyBytesCount) bytes")
        }
        // One key for each use (RFC 5869).
        func derived(_ use: String) -> SymmetricKey {
            HKDF<SHA256>.deriveKey(
                inputKeyMaterial: symmetric, info: Array("slipway access \(use)".utf8),
                outputByteCount: Self.keyBytesCount)
        }
        self.sealingKey = derived("seal")
        self.sessionKey = derived("session")
        self.entropy = entropy
    }

    package func make() throws(FleetError) -> Made {
        let id = self.newID(prefix: Self.idPrefix)
        let secret = Secret(
            WipedBytes(Base64.text(self.entropy.bytes(count: Self.secretBytesCount)).utf8))
        return Made(id: id, secret: secret, sealed: try self.seal(secret, of: id))
    }

    func newID(prefix: String) -> AccessKeyID {
        AccessKeyID(
            checked: prefix + Base32.text(self.entropy.bytes(count: Self.idBytesCount)))
    }

    private func seal(
        _ secret: Secret<WipedBytes>, of id: AccessKeyID
    ) throws(FleetError) -> SealedSecret {
        let sealed = secret.expose { bytes in
            bytes.withBytes { self.sealed($0, for: id.rawValue) }
        }
        guard let sealed else {
            throw FleetError(.internalFailure, "the secret of a new access key cannot be sealed")
        }
        return SealedSecret(digest: SHA256.hash(data: sealed).hex, ciphertext: sealed)
    }

    /// nonce ‖ ciphertext ‖ tag.
    /// - Parameter purpose: what else must be named to open it again.
    func sealed(_ bytes: UnsafeBufferPointer<UInt8>, for purpose: String) -> [UInt8]? {
        let nonce = self.entropy.bytes(count: Self.nonceBytesCount)
        let box = try? AES.GCM.seal(
            bytes, using: self.sealingKey, nonce: AES.GCM.Nonce(data: nonce),
            authenticating: Array(purpose.utf8))
        return (box?.combined).map { Array($0) }
    }

    /// nil for what was sealed with another key or for another purpose, or has been altered.
    func opened(_ sealed: [UInt8], for purpose: String) -> [UInt8]? {
        guard let box = try? AES.GCM.SealedBox(combined: sealed),
            let opened = try? AES.GCM.open(
                box, using: self.sealingKey, authenticating: Array(purpose.utf8))
        else { return nil }
        return Array(opened)
    }

    /// A code that only the holder of the key can compute.
    func code(of text: String) -> [UInt8] {
        Array(HMAC<SHA256>.authenticationCode(for: Array(text.utf8), using: self.sessionKey))
    }

    /// - Throws: `FleetError.internalFailure` where the secret was sealed with another key, for
    ///   another id, or has been altered.
    package func open(
        _ secret: SealedSecret, of id: AccessKeyID
    ) throws(FleetError) -> Secret<WipedBytes> {
        guard let ciphertext = secret.ciphertext,
            let opened = self.opened(ciphertext, for: id.rawValue)
        else {
            throw FleetError(
                .internalFailure,
                "the secret of access key '\(id)' does not open with this service's access key "
                    + "file: put the file back that it was made with, or make a new credential")
        }
        return Secret(WipedBytes(opened))
    }
}
