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
    private static let secretBytesCount = 30

    private let key: SymmetricKey
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
        self.key = symmetric
        self.entropy = entropy
    }

    package func make() throws(FleetError) -> Made {
        let id = AccessKeyID(
            checked: Self.idPrefix + Base32.text(self.entropy.bytes(count: Self.idBytesCount)))
        let secret = Secret(
            WipedBytes(Base64.text(self.entropy.bytes(count: Self.secretBytesCount)).utf8))
        return Made(id: id, secret: secret, sealed: try self.seal(secret, of: id))
    }

    private func seal(
        _ secret: Secret<WipedBytes>, of id: AccessKeyID
    ) throws(FleetError) -> SealedSecret {
        let nonce = self.entropy.bytes(count: Self.nonceBytesCount)
        let sealed: [UInt8]? = secret.expose { bytes in
            bytes.withBytes { bytes in
                let box = try? AES.GCM.seal(
                    bytes, using: self.key, nonce: AES.GCM.Nonce(data: nonce),
                    authenticating: Array(id.rawValue.utf8))
                return (box?.combined).map { Array($0) }
            }
        }
        guard let sealed else {
            throw FleetError(.internalFailure, "the secret of a new access key cannot be sealed")
        }
        return SealedSecret(digest: SHA256.hash(data: sealed).hex, ciphertext: sealed)
    }

    /// - Throws: `FleetError.internalFailure` where the secret was sealed with another key, for
    ///   another id, or has been altered.
    package func open(
        _ secret: SealedSecret, of id: AccessKeyID
    ) throws(FleetError) -> Secret<WipedBytes> {
        guard let ciphertext = secret.ciphertext,
            let box = try? AES.GCM.SealedBox(combined: ciphertext),
            let opened = try? AES.GCM.open(
                box, using: self.key, authenticating: Array(id.rawValue.utf8))
        else {
            throw FleetError(
                .internalFailure,
                "the secret of access key '\(id)' does not open with this service's access key "
                    + "file: put the file back that it was made with, or make a new credential")
        }
        return Secret(WipedBytes(opened))
    }
}

/// RFC 4648 section 6, for whole groups of five bytes: no padding arises.
private enum Base32 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".utf8)

    static func text(_ bytes: [UInt8]) -> String { bytes.digits(Self.alphabet, bitsPerDigit: 5) }
}

/// RFC 4648 section 4, for whole groups of three bytes: no padding arises.
private enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    static func text(_ bytes: [UInt8]) -> String { bytes.digits(Self.alphabet, bitsPerDigit: 6) }
}

extension [UInt8] {
    fileprivate func digits(_ alphabet: [UInt8], bitsPerDigit: Int) -> String {
        var output: [UInt8] = []
        var bits = 0
        var bitsCount = 0
        for byte in self {
            bits = bits << 8 | Int(byte)
            bitsCount += 8
            while bitsCount >= bitsPerDigit {
                bitsCount -= bitsPerDigit
                output.append(alphabet[bits >> bitsCount & (alphabet.count - 1)])
                bits &= 1 << bitsCount - 1
            }
        }
        return String(decoding: output, as: UTF8.self)
    }
}
