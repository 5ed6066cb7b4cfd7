import Fleet

/// One block of textual encoding (RFC 7468): a label and the bytes it names.
struct PEMBlock {
    /// Why a text is not the one block that was asked for.
    struct Refusal: Error, Hashable {
        let reason: String
    }

    private static let charactersPerLine = 64

    let label: String
    let bytes: [UInt8]

    init(label: String, bytes: [UInt8]) {
        self.label = label
        self.bytes = bytes
    }

    /// Reads a text that is exactly one block: white space may stand around it and line ends may
    /// be LF or CRLF, but neither headers nor a second block may.
    ///
    /// - Parameter explained: whether explanatory text may stand in lines before it (RFC 7468,
    ///   section 2).
    init(parsing text: String, explained: Bool = false) throws(Refusal) {
        var input = Substring(text).utf8[...]
        input = Self.trimmed(input)
        if explained { input = Self.afterExplanation(input) }
        guard let begin = Self.removeBoundary("-----BEGIN ", from: &input) else {
            throw Refusal(reason: "it does not start with a line -----BEGIN ...-----")
        }
        guard let dash = input.firstIndex(of: UInt8(ascii: "-")) else {
            throw Refusal(reason: "it has no line -----END \(begin.clipped)-----")
        }
        let body = input[..<dash]
        input = input[dash...]
        guard let end = Self.removeBoundary("-----END ", from: &input), end == begin else {
            throw Refusal(reason: "it has no line -----END \(begin.clipped)-----")
        }
        guard Self.trimmed(input).isEmpty else {
            throw Refusal(reason: "something follows -----END \(begin.clipped)-----")
        }
        guard let bytes = Base64.decode(body) else {
            throw Refusal(reason: "what stands between its BEGIN and END lines is not base64")
        }
        self.init(label: begin, bytes: bytes)
    }

    /// Lines of 64 characters, LF, with a newline at the end (RFC 7468, section 2).
    var text: String {
        let encoded = Base64.encode(self.bytes)
        var output: [UInt8] = []
        output.reserveCapacity(encoded.count + encoded.count / 64 + 2 * self.label.count + 40)
        output += "-----BEGIN \(self.label)-----\n".utf8
        var position = 0
        while position < encoded.count {
            let next = min(position + Self.charactersPerLine, encoded.count)
            output += encoded[position..<next]
            output.append(UInt8(ascii: "\n"))
            position = next
        }
        output += "-----END \(self.label)-----\n".utf8
        return String(decoding: output, as: UTF8.self)
    }

    /// Takes `prefix`, a label and five dashes off the front of `input`; nil leaves it as it is.
    private static func removeBoundary(
        _ prefix: String, from input: inout Substring.UTF8View.SubSequence
    ) -> String? {
        guard input.starts(with: prefix.utf8) else { return nil }
        let rest = input.dropFirst(prefix.utf8.count)
        guard let dash = rest.firstIndex(of: UInt8(ascii: "-")),
            rest[dash...].starts(with: "-----".utf8),
            rest[..<dash].allSatisfy({ (0x20...0x7E).contains($0) })
        else { return nil }
        input = rest[dash...].dropFirst(5)
        return String(decoding: rest[..<dash], as: UTF8.self)
    }

    /// From the first BEGIN on. It must open a line, so that whoever looks for a block in the text
    /// in another way finds the same one.
    private static func afterExplanation(
        _ input: Substring.UTF8View.SubSequence
    ) -> Substring.UTF8View.SubSequence {
        var rest = input
        var previous = UInt8(ascii: "\n")
        while let first = rest.first, !rest.starts(with: "-----BEGIN ".utf8) {
            previous = first
            rest.removeFirst()
        }
        return previous == UInt8(ascii: "\n") || previous == UInt8(ascii: "\r") ? rest : input
    }

    private static func trimmed(
        _ input: Substring.UTF8View.SubSequence
    ) -> Substring.UTF8View.SubSequence {
        var input = input.drop(while: Self.isSpace)
        while let last = input.last, Self.isSpace(last) { input.removeLast() }
        return input
    }

    fileprivate static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || (0x09...0x0D).contains(byte)
    }
}

/// RFC 4648 section 4, in the two forms PEM needs. By hand because the issuing path crosses it
/// twice for each certificate.
enum Base64 {
    private static let alphabet = Array(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)
    private static let invalid: UInt8 = 0xFF
    private static let values: [UInt8] = {
        var table = [UInt8](repeating: Self.invalid, count: 256)
        for (value, character) in Self.alphabet.enumerated() {
            table[Int(character)] = UInt8(value)
        }
        return table
    }()

    static func encode(_ bytes: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count + 2) / 3 * 4)
        var position = 0
        while position < bytes.count {
            let first = bytes[position]
            let second = position + 1 < bytes.count ? bytes[position + 1] : 0
            let third = position + 2 < bytes.count ? bytes[position + 2] : 0
            output.append(Self.alphabet[Int(first >> 2)])
            output.append(Self.alphabet[Int((first & 0x03) << 4 | second >> 4)])
            output.append(
                position + 1 < bytes.count
                    ? Self.alphabet[Int((second & 0x0F) << 2 | third >> 6)] : UInt8(ascii: "="))
            output.append(
                position + 2 < bytes.count
                    ? Self.alphabet[Int(third & 0x3F)] : UInt8(ascii: "="))
            position += 3
        }
        return output
    }

    /// - Returns: nil unless `text` is base64 with its padding, white space between apart. Bits
    ///   that padding leaves over must be zero, so that a text has one meaning and one spelling.
    static func decode(_ text: some Collection<UInt8>) -> [UInt8]? {
        var output: [UInt8] = []
        output.reserveCapacity(text.count / 4 * 3)
        var bits: UInt32 = 0
        var characters = 0
        var padding = 0
        for byte in text {
            if PEMBlock.isSpace(byte) { continue }
            if byte == UInt8(ascii: "=") {
                padding += 1
                guard padding <= 2, characters + padding <= 4 else { return nil }
                continue
            }
            let value = Self.values[Int(byte)]
            guard padding == 0, value != Self.invalid else { return nil }
            bits = bits << 6 | UInt32(value)
            characters += 1
            if characters == 4 {
                output.append(UInt8(truncatingIfNeeded: bits >> 16))
                output.append(UInt8(truncatingIfNeeded: bits >> 8))
                output.append(UInt8(truncatingIfNeeded: bits))
                bits = 0
                characters = 0
            }
        }
        switch (characters, padding) {
        case (0, 0): return output
        case (2, 2):
            guard bits & 0x0F == 0 else { return nil }
            output.append(UInt8(truncatingIfNeeded: bits >> 4))
            return output
        case (3, 1):
            guard bits & 0x03 == 0 else { return nil }
            output.append(UInt8(truncatingIfNeeded: bits >> 10))
            output.append(UInt8(truncatingIfNeeded: bits >> 2))
            return output
        default: return nil
        }
    }
}
