/// Numbers, dates, addresses and the like, read the long way round.
enum ReferenceValues {
    static func flag(_ text: String) -> Bool? {
        ["true": true, "false": false][text.lowercased()]
    }

    /// RFC 4648 section 4, in the one form that each value has.
    static func isBase64(_ text: String) -> Bool {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        let characters = Array(text)
        guard !characters.isEmpty, characters.count % 4 == 0 else { return false }
        var digits = characters
        while digits.last == "=" { digits.removeLast() }
        var bits = ""
        for digit in digits {
            guard let value = alphabet.firstIndex(of: digit) else { return false }
            let binary = String(value, radix: 2)
            bits += String(repeating: "0", count: 6 - binary.count) + binary
        }
        // What does not fill a byte is padding, and zero.
        let spare = bits.count % 8
        return characters.count - digits.count == [0: 0, 4: 2, 2: 1][spare]
            && bits.suffix(spare).allSatisfy { $0 == "0" }
    }

    /// -1, 0 or 1; nil where either is no number. Integers are compared as such.
    static func compareNumbers(_ left: String, _ right: String) -> Int? {
        guard let leftNumber = self.number(left), let rightNumber = self.number(right) else {
            return nil
        }
        if let left = Int64(left), let right = Int64(right) {
            return left < right ? -1 : left == right ? 0 : 1
        }
        return leftNumber < rightNumber ? -1 : leftNumber == rightNumber ? 0 : 1
    }

    private static func number(_ text: String) -> Double? {
        guard text.allSatisfy({ "0123456789+-.eE".contains($0) }), let value = Double(text),
            value.isFinite
        else { return nil }
        return value
    }

    /// Milliseconds since 1970, counted year by year and month by month.
    static func date(_ text: String) -> Int64? {
        if let seconds = Int64(text) {
            // A year, or seconds? Neither.
            return text.count != 4 && abs(seconds) <= 253_402_300_799 ? seconds * 1000 : nil
        }
        let halves = text.split(separator: "T", maxSplits: 1, omittingEmptySubsequences: false)
        let day = halves[0].split(separator: "-", omittingEmptySubsequences: false)
        guard day.count == 3, let year = self.digits(day[0], 4), let month = self.digits(day[1], 2),
            let dayOfMonth = self.digits(day[2], 2), (1...12).contains(month)
        else { return nil }
        let isLeap = year % 4 == 0 && year % 100 != 0 || year % 400 == 0
        let lengths = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        guard (1...lengths[month - 1]).contains(dayOfMonth) else { return nil }
        var days = dayOfMonth - 1 + lengths.prefix(month - 1).reduce(0, +)
        for past in min(1970, year)..<max(1970, year) {
            let length = past % 4 == 0 && past % 100 != 0 || past % 400 == 0 ? 366 : 365
            days += year > 1970 ? length : -length
        }
        let midnight = Int64(days) * 86_400_000
        guard halves.count == 2 else { return midnight }
        return self.time(halves[1]).map { midnight + $0 }
    }

    private static func digits(_ text: Substring, _ count: Int) -> Int? {
        text.count == count && text.allSatisfy { "0123456789".contains($0) } ? Int(text) : nil
    }

    private static func time(_ text: Substring) -> Int64? {
        var clock = text
        var offset = 0
        if clock.last == "Z" {
            clock.removeLast()
        } else {
            guard let sign = clock.lastIndex(where: { $0 == "+" || $0 == "-" }) else { return nil }
            let parts = clock[clock.index(after: sign)...].split(
                separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let hours = self.digits(parts[0], 2), hours < 24,
                let minutes = self.digits(parts[1], 2), minutes < 60
            else { return nil }
            offset = (hours * 60 + minutes) * (clock[sign] == "+" ? 1 : -1)
            clock = clock[..<sign]
        }
        let points = clock.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        var parts = points[0].split(separator: ":", omittingEmptySubsequences: false)
        if parts.count == 2, points.count == 1 { parts.append("00") }
        guard parts.count == 3, let hour = self.digits(parts[0], 2), hour < 24,
            let minute = self.digits(parts[1], 2), minute < 60,
            let second = self.digits(parts[2], 2), second < 60
        else { return nil }
        var milliseconds = 0
        if points.count == 2 {
            guard !points[1].isEmpty, points[1].allSatisfy({ "0123456789".contains($0) }) else {
                return nil
            }
            let three = (points[1] + "00").prefix(3)
            milliseconds = Int(three) ?? 0
        }
        return Int64(((hour * 60 + minute - offset) * 60 + second) * 1000 + milliseconds)
    }

    /// Whether the address lies in the range, bit by bit; nil where either cannot be read.
    static func address(_ address: String, isWithin range: String) -> Bool? {
        let parts = range.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count <= 2, let address = self.bits(address),
            let network = self.bits(String(parts[0]))
        else { return nil }
        var length = network.count
        if parts.count == 2 {
            guard let given = Int(parts[1]), String(given) == parts[1], (0...length).contains(given)
            else { return nil }
            length = given
        }
        return address.count == network.count && address.prefix(length) == network.prefix(length)
    }

    /// 32 or 128 characters; an IPv4 address inside an IPv6 one is that IPv4 address.
    private static func bits(_ text: String) -> String? {
        let plain = text.prefix { $0 != "%" }
        if !plain.contains(":") { return self.v4(plain) }
        var groups = plain.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if let last = groups.last, last.contains(".") {
            guard let bits = self.v4(last[...]) else { return nil }
            groups.removeLast()
            groups += [bits.prefix(16), bits.suffix(16)].map {
                String(Int($0, radix: 2) ?? 0, radix: 16)
            }
        }
        if plain.contains("::") {
            // Splitting leaves an empty group in the gap, and another one at an end it touches.
            guard plain.ranges(of: "::").count == 1 else { return nil }
            if plain.hasPrefix("::") { groups.removeFirst() }
            if plain.hasSuffix("::") { groups.removeLast() }
            guard let gap = groups.firstIndex(of: ""), groups.count <= 8 else { return nil }
            groups.replaceSubrange(gap...gap, with: Array(repeating: "0", count: 9 - groups.count))
        }
        guard groups.count == 8 else { return nil }
        var bits = ""
        for group in groups {
            guard (1...4).contains(group.count), group.allSatisfy(\.isHexDigit),
                let value = Int(group, radix: 16)
            else { return nil }
            let binary = String(value, radix: 2)
            bits += String(repeating: "0", count: 16 - binary.count) + binary
        }
        let mapped = String(repeating: "0", count: 80) + String(repeating: "1", count: 16)
        return bits.hasPrefix(mapped) ? String(bits.suffix(32)) : bits
    }

    private static func v4(_ text: Substring) -> String? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var bits = ""
        for part in parts {
            guard let value = Int(part), String(value) == part, (0...255).contains(value) else {
                return nil
            }
            let binary = String(value, radix: 2)
            bits += String(repeating: "0", count: 8 - binary.count) + binary
        }
        return bits
    }
}
