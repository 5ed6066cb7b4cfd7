import Fleet

/// A private key in the form that EST hands it out (RFC 5208 5: PrivateKeyInfo), as base64. From
/// the PEM that key pairs have, by hand: every copy on the way would have to be wiped, and there
/// is none.
enum PrivateKeyInfo {
    /// RFC 8017 A.1: rsaEncryption and NULL.
    private static let rsa: [UInt8] = [
        0x30, 0x0D, 0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00,
    ]
    /// RFC 5480 2.1.1: id-ecPublicKey and secp256r1.
    private static let p256: [UInt8] = [
        0x30, 0x13, 0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06, 0x08, 0x2A, 0x86,
        0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07,
    ]
    private static let labels: [(label: String, algorithm: [UInt8])] = [
        ("RSA PRIVATE KEY", Self.rsa), ("EC PRIVATE KEY", Self.p256),
    ]
    private static let charactersPerLine = 64
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// - Throws: `FleetError.internalFailure` for what is no key of `KeyPairMaker`.
    static func base64(_ pem: WipedBytes) throws(FleetError) -> Secret<WipedBytes> {
        guard let form = Self.labels.first(where: { Self.has($0.label, pem) }),
            let key = Self.decoded(pem, label: form.label)
        else { throw FleetError(.internalFailure, "a private key has an unknown form") }
        return Secret(Self.encoded(Self.wrapped(key, form.algorithm)))
    }

    private static func has(_ label: String, _ pem: WipedBytes) -> Bool {
        pem.withBytes { $0.starts(with: "-----BEGIN \(label)-----".utf8) }
    }

    /// The bytes between the two lines; nil where that is no base64.
    private static func decoded(_ pem: WipedBytes, label: String) -> WipedBytes? {
        var isBase64 = true
        let key = WipedBytes(capacity: pem.count) { output in
            var count = 0
            var bits: UInt32 = 0
            var bitsCount = 0
            pem.withBytes { input in
                for byte in input.dropFirst("-----BEGIN \(label)-----".utf8.count) {
                    if byte == UInt8(ascii: "-") || byte == UInt8(ascii: "=") { break }
                    if byte == 0x0A || byte == 0x0D { continue }
                    guard let value = Self.value(byte) else {
                        isBase64 = false
                        return
                    }
                    bits = bits << 6 | UInt32(value)
                    bitsCount += 6
                    guard bitsCount >= 8 else { continue }
                    bitsCount -= 8
                    output[count] = UInt8(truncatingIfNeeded: bits >> UInt32(bitsCount))
                    count += 1
                }
            }
            return count
        }
        return isBase64 && key.count > 0 ? key : nil
    }

    private static func value(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte - UInt8(ascii: "A")
        case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - UInt8(ascii: "a") + 26
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0") + 52
        case UInt8(ascii: "+"): 62
        case UInt8(ascii: "/"): 63
        default: nil
        }
    }

    /// `SEQUENCE { INTEGER 0, AlgorithmIdentifier, OCTET STRING { key } }`.
    private static func wrapped(_ key: WipedBytes, _ algorithm: [UInt8]) -> WipedBytes {
        let octets = [0x04] + Self.length(key.count)
        let inner = [0x02, 0x01, 0x00] + algorithm + octets
        let head = [0x30] + Self.length(inner.count + key.count) + inner
        return WipedBytes(capacity: head.count + key.count) { output in
            for (index, byte) in head.enumerated() { output[index] = byte }
            key.withBytes { bytes in
                for (index, byte) in bytes.enumerated() { output[head.count + index] = byte }
            }
            return head.count + key.count
        }
    }

    /// X.690 8.1.3.
    private static func length(_ count: Int) -> [UInt8] {
        switch count {
        case ..<0x80: [UInt8(count)]
        case ..<0x100: [0x81, UInt8(count)]
        default: [0x82, UInt8(truncatingIfNeeded: count >> 8), UInt8(truncatingIfNeeded: count)]
        }
    }

    private static func encoded(_ der: WipedBytes) -> WipedBytes {
        let characters = (der.count + 2) / 3 * 4
        let lines = (characters + Self.charactersPerLine - 1) / Self.charactersPerLine
        return WipedBytes(capacity: characters + lines * 2) { output in
            var count = 0
            var column = 0
            func put(_ byte: UInt8) {
                output[count] = byte
                count += 1
                column += 1
                guard column == Self.charactersPerLine else { return }
                output[count] = 0x0D
                output[count + 1] = 0x0A
                count += 2
                column = 0
            }
            der.withBytes { bytes in
                for start in stride(from: 0, to: bytes.count, by: 3) {
                    let left = bytes.count - start
                    let second = left > 1 ? bytes[start + 1] : 0
                    let third = left > 2 ? bytes[start + 2] : 0
                    put(Self.alphabet[Int(bytes[start] >> 2)])
                    put(Self.alphabet[Int((bytes[start] & 0x03) << 4 | second >> 4)])
                    put(left > 1 ? Self.alphabet[Int((second & 0x0F) << 2 | third >> 6)] : 0x3D)
                    put(left > 2 ? Self.alphabet[Int(third & 0x3F)] : 0x3D)
                }
            }
            return count
        }
    }
}
