/// An address range in CIDR form (RFC 4632, RFC 4291 section 2.3); one address is a range of one.
/// IPv4-mapped IPv6 addresses count as the IPv4 address they carry.
package struct IPNetwork: Hashable, Sendable {
    private let isV4: Bool
    private let address: UInt128
    private let prefixBits: Int

    /// No client has it (RFC 4291 section 2.5.2: the unspecified address).
    package static let nowhere = IPNetwork(isV4: false, address: 0, prefixBits: 128)

    private var widthBits: Int { self.isV4 ? 32 : 128 }

    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let host = IPNetwork(address: String(parts[0])) else { return nil }
        guard parts.count == 2 else {
            self = host
            return
        }
        guard let prefixBits = Self.decimal(parts[1].utf8), prefixBits <= host.widthBits else {
            return nil
        }
        self.isV4 = host.isV4
        self.address = host.address
        self.prefixBits = prefixBits
    }

    /// A single address. A zone (`%eth0`) says which link, not which address, and is left out.
    package init?(address text: String) {
        let plain = text[..<(text.utf8.firstIndex(of: UInt8(ascii: "%")) ?? text.endIndex)]
        if let v4 = Self.v4(plain) {
            self.init(isV4: true, address: UInt128(v4), prefixBits: 32)
        } else if let v6 = Self.v6(plain) {
            let isMapped = v6 >> 32 == 0xFFFF
            self.init(
                isV4: isMapped, address: isMapped ? v6 & 0xFFFF_FFFF : v6,
                prefixBits: isMapped ? 32 : 128)
        } else {
            return nil
        }
    }

    private init(isV4: Bool, address: UInt128, prefixBits: Int) {
        self.isV4 = isV4
        self.address = address
        self.prefixBits = prefixBits
    }

    package func contains(_ other: IPNetwork) -> Bool {
        guard self.isV4 == other.isV4 else { return false }
        // A shift by the full width yields 0, so that /0 holds every address of its family.
        let shift = self.widthBits - self.prefixBits
        return self.address >> shift == other.address >> shift
    }

    private static func decimal(_ text: Substring.UTF8View) -> Int? {
        guard (1...3).contains(text.count), text.allSatisfy({ (0x30...0x39).contains($0) }),
            text.count == 1 || text.first != 0x30
        else { return nil }
        return text.reduce(0) { $0 * 10 + Int($1 - 0x30) }
    }

    private static func v4(_ text: Substring) -> UInt32? {
        // Byte by byte: of a text's characters, where each begins would have to be found first.
        let parts = text.utf8.split(
            separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard let byte = Self.decimal(part), byte <= 255 else { return nil }
            address = address << 8 | UInt32(byte)
        }
        return address
    }

    private static func v6(_ text: Substring) -> UInt128? {
        guard text.utf8.contains(UInt8(ascii: ":")) else { return nil }
        var halves: [[UInt16]] = []
        var rest = text
        // "::" stands for a run of zeros, once.
        while let gap = rest.firstRange(of: "::") {
            guard halves.isEmpty, let groups = Self.groups(rest[..<gap.lowerBound], isLast: false)
            else { return nil }
            halves.append(groups)
            rest = rest[gap.upperBound...]
        }
        guard let tail = Self.groups(rest, isLast: true) else { return nil }
        let head = halves.first ?? []
        let zeros = 8 - head.count - tail.count
        guard halves.isEmpty ? zeros == 0 : zeros >= 1 else { return nil }
        return (head + repeatElement(0, count: zeros) + tail).reduce(0) { $0 << 16 | UInt128($1) }
    }

    private static func groups(_ text: Substring, isLast: Bool) -> [UInt16]? {
        guard !text.isEmpty else { return [] }
        var groups: [UInt16] = []
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        for (index, part) in parts.enumerated() {
            if isLast, index == parts.count - 1, part.contains("."), let v4 = Self.v4(part) {
                groups += [UInt16(v4 >> 16), UInt16(v4 & 0xFFFF)]
                continue
            }
            guard (1...4).contains(part.utf8.count), part.utf8.first != UInt8(ascii: "+"),
                let group = UInt16(part, radix: 16)
            else { return nil }
            groups.append(group)
        }
        return groups
    }
}
