import Crypto
package import Fleet

/// Makes ownership tokens and tells a token of this service from any other text.
///
/// A token is base64url of `version ‖ certificate id ‖ claim ‖ issued at ‖ nonce ‖ HMAC-SHA256`:
/// 162 characters where device libraries reserve 512. The HMAC refuses a forgery before the store
/// is asked at all; whether the token is still good is the store's to say, which knows its hash.
package struct OwnershipTokenMint: Sendable {
    /// A token that has just been made.
    package struct Minted: Sendable {
        package let text: String
        package let hash: OwnershipTokenHash
    }

    /// What a genuine token says.
    package struct Contents: Hashable, Sendable {
        package let certificate: CertificateID
        package let claim: CertificateID
        package let issuedAt: UnixTime
        package let hash: OwnershipTokenHash
    }

    package static let keyBytesCount = 32
    private static let version: UInt8 = 1
    private static let idBytesCount = 32
    private static let timeBytesCount = 8
    private static let nonceBytesCount = 16
    private static let signedBytesCount =
        1 + 2 * idBytesCount + timeBytesCount + nonceBytesCount
    private static let tokenBytesCount = signedBytesCount + SHA256.byteCount

    private let key: SymmetricKey
    private let entropy: any Entropy

    /// - Parameter key: 32 random bytes, the same for all processes of one service.
    /// - Throws: `FleetError.invalidRequest` for a key of another length.
    package init(key: Secret<WipedBytes>, entropy: any Entropy) throws(FleetError) {
        let symmetric: SymmetricKey? = key.expose { bytes in
            bytes.count == Self.keyBytesCount
                ? bytes.withBytes { SymmetricKey(data: $0) } : nil
        }
        guard let symmetric else {
            throw FleetError(
                .invalidRequest, "the token key must have \(Self.keyBytesCount) bytes")
        }
        self.key = symmetric
        self.entropy = entropy
    }

    /// Whether a token can be made again by the service itself.
    package enum Form: Sendable {
        /// It is the device's, which shows it.
        case random
        /// It never leaves the service, which makes it again from what it says. A certificate has
        /// one of these at most, and without the key nobody has any.
        case derived
    }

    package func mint(
        certificate: CertificateID, claim: CertificateID, at now: UnixTime, as form: Form = .random
    ) -> Minted {
        var bytes: [UInt8] = [Self.version]
        bytes.reserveCapacity(Self.tokenBytesCount)
        bytes += certificate.bytes
        bytes += claim.bytes
        let milliseconds = UInt64(bitPattern: now.milliseconds)
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: milliseconds >> UInt64(shift)))
        }
        bytes +=
            form == .random
            ? self.entropy.bytes(count: Self.nonceBytesCount)
            : [UInt8](repeating: 0, count: Self.nonceBytesCount)
        bytes += HMAC<SHA256>.authenticationCode(for: bytes, using: self.key)
        let text = Base64URL.encode(bytes)
        return Minted(text: text, hash: Self.hash(of: text))
    }

    /// - Returns: nil for anything that this service did not make.
    package func contents(of text: String) -> Contents? {
        guard text.utf8.count <= Limits.ownershipTokenBytesMax,
            let bytes = Base64URL.decode(text), bytes.count == Self.tokenBytesCount
        else { return nil }
        let signed = bytes.prefix(Self.signedBytesCount)
        // Compares in constant time.
        guard
            HMAC<SHA256>.isValidAuthenticationCode(
                bytes.suffix(SHA256.byteCount), authenticating: signed, using: self.key),
            signed.first == Self.version
        else { return nil }
        let claimStart = 1 + Self.idBytesCount
        let timeStart = claimStart + Self.idBytesCount
        let milliseconds = signed[timeStart..<timeStart + Self.timeBytesCount].reduce(
            UInt64(0)
        ) { $0 << 8 | UInt64($1) }
        return Contents(
            certificate: CertificateID(sha256: signed[1..<claimStart]),
            claim: CertificateID(sha256: signed[claimStart..<timeStart]),
            issuedAt: UnixTime(milliseconds: Int64(bitPattern: milliseconds)),
            hash: Self.hash(of: text))
    }

    /// What the store keeps in place of the token.
    package static func hash(of text: String) -> OwnershipTokenHash {
        OwnershipTokenHash(rawValue: SHA256.hash(data: Array(text.utf8)).hex)
    }
}

extension CertificateID {
    /// The digest that the id is the hex of.
    fileprivate var bytes: [UInt8] {
        let digits = Array(self.rawValue.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).map { index in
            Self.value(digits[index]) << 4 | Self.value(digits[index + 1])
        }
    }

    /// The id's own type has checked that there are lower-case hex digits only.
    private static func value(_ digit: UInt8) -> UInt8 {
        digit >= UInt8(ascii: "a") ? digit &- UInt8(ascii: "a") &+ 10 : digit &- UInt8(ascii: "0")
    }
}

/// RFC 4648 section 5, without padding, and strictly: one text for one value.
enum Base64URL {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    private static let values: [UInt8?] = {
        var values = [UInt8?](repeating: nil, count: 256)
        for (value, byte) in Self.alphabet.enumerated() { values[Int(byte)] = UInt8(value) }
        return values
    }()

    static func encode(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count * 4 + 2) / 3)
        var bits: UInt32 = 0
        var bitsCount = 0
        for byte in bytes {
            bits = bits << 8 | UInt32(byte)
            bitsCount += 8
            while bitsCount >= 6 {
                bitsCount -= 6
                output.append(Self.alphabet[Int(bits >> UInt32(bitsCount) & 0x3F)])
            }
        }
        if bitsCount > 0 {
            output.append(Self.alphabet[Int(bits << UInt32(6 - bitsCount) & 0x3F)])
        }
        return String(decoding: output, as: UTF8.self)
    }

    static func decode(_ text: String) -> [UInt8]? {
        var output: [UInt8] = []
        var bits: UInt32 = 0
        var bitsCount = 0
        for byte in text.utf8 {
            guard let value = Self.values[Int(byte)] else { return nil }
            bits = bits << 6 | UInt32(value)
            bitsCount += 6
            if bitsCount >= 8 {
                bitsCount -= 8
                output.append(UInt8(truncatingIfNeeded: bits >> UInt32(bitsCount)))
            }
        }
        // What is left over must be no whole character, and no bits that say nothing.
        guard bitsCount < 6, bits & (1 << UInt32(bitsCount) - 1) == 0 else { return nil }
        return output
    }
}
