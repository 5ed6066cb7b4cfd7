/// A number of a condition: exact where it is an integer of 64 bits, binary64 otherwise.
struct PolicyNumber: Hashable, Sendable, Comparable {
    private let integer: Int64?
    private let double: Double

    init?(_ text: String) {
        self.integer = Int64(text)
        // Double's own reader takes hexadecimal, "inf" and "nan" as well.
        guard !text.isEmpty, text.utf8.allSatisfy({ "0123456789+-.eE".utf8.contains($0) }),
            let double = Double(text), double.isFinite
        else { return nil }
        self.double = double
    }

    static func == (left: Self, right: Self) -> Bool {
        if let left = left.integer, let right = right.integer { return left == right }
        return left.double == right.double
    }

    static func < (left: Self, right: Self) -> Bool {
        if let left = left.integer, let right = right.integer { return left < right }
        return left.double < right.double
    }

    func hash(into hasher: inout Hasher) { hasher.combine(self.double) }
}

/// The dates of a condition: `2026-11-24`, `2026-11-24T14:05:00Z`, with a fraction or an offset
/// if need be (W3C's profile of ISO 8601), or seconds since 1970.
enum PolicyDate {
    /// Seconds beyond the year 9999 either way are no date.
    private static let secondsMax: Int64 = 253_402_300_799

    static func milliseconds(_ text: String) -> Int64? {
        if let seconds = Int64(text) {
            guard (-Self.secondsMax...Self.secondsMax).contains(seconds) else { return nil }
            return seconds * 1000
        }
        var reader = Reader(rest: text.utf8[...])
        guard let year = reader.digits(4), reader.take("-"), let month = reader.digits(2),
            reader.take("-"), let day = reader.digits(2),
            (1...12).contains(month), (1...Self.days(inMonth: month, of: year)).contains(day)
        else { return nil }
        let midnight = Self.days(toYear: year, month, day) * 86_400_000
        if reader.rest.isEmpty { return midnight }
        guard reader.take("T"), let hour = reader.digits(2), reader.take(":"),
            let minute = reader.digits(2), reader.take(":"), let second = reader.digits(2),
            hour < 24, minute < 60, second < 60, let fraction = reader.fraction(),
            let offset = reader.offsetMinutes(), reader.rest.isEmpty
        else { return nil }
        let time = ((hour * 60 + minute - offset) * 60 + second) * 1000 + fraction
        return midnight + time
    }

    private static func days(inMonth month: Int64, of year: Int64) -> Int64 {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
        switch month {
        case 2: return leap ? 29 : 28
        case 4, 6, 9, 11: return 30
        default: return 31
        }
    }

    /// Days since 1970-01-01 in the proleptic Gregorian calendar, years beginning in March so
    /// that the leap day comes last.
    private static func days(toYear year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shiftedYear = (month <= 2 ? year - 1 : year) + 400
        let shiftedMonth = month <= 2 ? month + 9 : month - 3
        let leapDays = shiftedYear / 4 - shiftedYear / 100 + shiftedYear / 400
        let dayOfYear = (153 * shiftedMonth + 2) / 5 + day - 1
        return shiftedYear * 365 + leapDays + dayOfYear - 719_468 - 146_097
    }

    private struct Reader {
        var rest: Substring.UTF8View

        mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard self.rest.first == UInt8(ascii: character) else { return false }
            self.rest = self.rest.dropFirst()
            return true
        }

        mutating func digits(_ count: Int) -> Int64? {
            var value: Int64 = 0
            for _ in 0..<count {
                guard let byte = self.rest.first, (0x30...0x39).contains(byte) else { return nil }
                value = value * 10 + Int64(byte - 0x30)
                self.rest = self.rest.dropFirst()
            }
            return value
        }

        /// Milliseconds; digits after the third are dropped.
        mutating func fraction() -> Int64? {
            guard self.take(".") else { return 0 }
            var value: Int64 = 0
            var scale: Int64 = 100
            var count = 0
            while let digit = self.digits(1) {
                value += digit * scale
                scale /= 10
                count += 1
            }
            return count > 0 ? value : nil
        }

        mutating func offsetMinutes() -> Int64? {
            if self.take("Z") { return 0 }
            let sign: Int64
            if self.take("+") {
                sign = 1
            } else if self.take("-") {
                sign = -1
            } else {
                return nil
            }
            guard let hours = self.digits(2), self.take(":"), let minutes = self.digits(2),
                hours < 24, minutes < 60
            else { return nil }
            return sign * (hours * 60 + minutes)
        }
    }
}

/// An address range in CIDR form (RFC 4632, RFC 4291 section 2.3); one address is a range of one.
/// IPv4-mapped IPv6 addresses count as the IPv4 address they carry.
struct IPNetwork: Hashable, Sendable {
    private let isV4: Bool
    private let address: UInt128
    private let prefixBits: Int

    private var widthBits: Int { self.isV4 ? 32 : 128 }

    init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let host = IPNetwork(address: String(parts[0])) else { return nil }
        guard parts.count == 2 else {
            self = host
            return
        }
        guard let prefixBits = Self.decimal(parts[1]), prefixBits <= host.widthBits else {
            return nil
        }
        self.isV4 = host.isV4
        self.address = host.address
        self.prefixBits = prefixBits
    }

    /// A single address. A zone (`%eth0`) says which link, not which address, and is left out.
    init?(address text: String) {
        let plain = text.split(separator: "%", omittingEmptySubsequences: false)[0]
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

    func contains(_ other: IPNetwork) -> Bool {
        guard self.isV4 == other.isV4 else { return false }
        // A shift by the full width yields 0, so that /0 holds every address of its family.
        let shift = self.widthBits - self.prefixBits
        return self.address >> shift == other.address >> shift
    }

    private static func decimal(_ text: Substring) -> Int? {
        guard (1...3).contains(text.utf8.count),
            text.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            text.utf8.count == 1 || text.utf8.first != 0x30
        else { return nil }
        return Int(text)
    }

    private static func v4(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard let byte = Self.decimal(part), byte <= 255 else { return nil }
            address = address << 8 | UInt32(byte)
        }
        return address
    }

    private static func v6(_ text: Substring) -> UInt128? {
        guard text.contains(":") else { return nil }
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

/// The pattern of an Arn operator. Each of an ARN's six parts is compared by itself, so that a
/// wildcard in one never reaches into the next (IAM: ARN condition operators).
struct ARNPattern: Hashable, Sendable {
    private static let partsCount = 6

    private enum Form: Hashable, Sendable {
        case any
        case parts([TextPattern])
        /// Nothing but variables, such as `${iot:LastWillTopic}`.
        case whole(TextPattern)
    }
    private let form: Form

    init(_ text: String) throws(MalformedPattern) {
        let pattern = try TextPattern(text, wildcards: true)
        guard text != "*" else {
            self.form = .any
            return
        }
        let parts = pattern.split(at: UInt8(ascii: ":"), partsMax: Self.partsCount)
        if parts.count == 1, pattern.hasVariables {
            self.form = .whole(pattern)
            return
        }
        guard parts.count == Self.partsCount, parts[0].literalText == "arn" else {
            throw MalformedPattern(
                "'\(text.prefix(64))' is no ARN of six parts, arn:aws:SERVICE:REGION:ACCOUNT:NAME")
        }
        self.form = .parts(parts)
    }

    func matches(_ value: String, context: PolicyVariables) -> ConditionOperand.Match {
        let bytes = Array(value.utf8)
        switch self.form {
        case .any: return .yes
        case .whole(let pattern):
            guard let glob = pattern.resolved(in: context) else { return .undecidable }
            return .init(glob.matches(bytes))
        case .parts(let patterns):
            let parts = bytes.split(
                separator: UInt8(ascii: ":"), maxSplits: Self.partsCount - 1,
                omittingEmptySubsequences: false)
            guard parts.count == Self.partsCount else { return .no }
            var match = ConditionOperand.Match.yes
            for (part, pattern) in zip(parts, patterns) {
                guard
                    let glob = pattern.resolved(
                        context: context, place: .topic, unresolved: .matchesNothing)
                else {
                    match = .undecidable
                    continue
                }
                if !glob.matches(part) { return .no }
            }
            return match
        }
    }
}
