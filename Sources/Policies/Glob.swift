/// A flat pattern over UTF-8: bytes that stand for themselves, `*` for any run of characters and
/// `?` for exactly one. Bytes and wildcards live in different number ranges, so nothing that is
/// put in as a byte can ever act as a wildcard.
struct Glob: Hashable, Sendable {
    typealias Unit = UInt16
    static let anyRun: Unit = 0x100
    static let anyOne: Unit = 0x101

    var units: [Unit] = []

    init() {}

    /// `text` with every `*` and `?` as a wildcard.
    init(wildcards text: String) {
        for byte in text.utf8 { self.append(byte, wildcards: true) }
    }

    mutating func append(_ byte: UInt8, wildcards: Bool) {
        switch byte {
        case UInt8(ascii: "*") where wildcards: self.units.append(Self.anyRun)
        case UInt8(ascii: "?") where wildcards: self.units.append(Self.anyOne)
        default: self.units.append(Unit(byte))
        }
    }

    mutating func append(literal text: String) {
        for byte in text.utf8 { self.units.append(Unit(byte)) }
    }

    mutating func append(_ other: Glob) { self.units.append(contentsOf: other.units) }

    /// The pattern as text where it has no wildcards; what a wildcard would stand for is nowhere.
    var literalText: String? {
        let bytes = self.units.compactMap { UInt8(exactly: $0) }
        return bytes.count == self.units.count ? String(decoding: bytes, as: UTF8.self) : nil
    }

    /// False where `text` differs before the first wildcard.
    func mayBeginMatch(of text: ArraySlice<UInt8>) -> Bool {
        var rest = text.makeIterator()
        for unit in self.units {
            if unit == Self.anyRun || unit == Self.anyOne { return true }
            guard let byte = rest.next(), unit == Unit(byte) else { return false }
        }
        return true
    }

    func matches(_ text: [UInt8]) -> Bool { self.matches(text[...]) }

    /// Walks both once, and goes back to the last `*` only: pattern length times text length at
    /// the very worst, no recursion. A character is a Unicode scalar, so `*` ends and `?` begins
    /// at scalar boundaries only.
    func matches(_ text: ArraySlice<UInt8>) -> Bool {
        self.units.withUnsafeBufferPointer { pattern in
            text.withUnsafeBufferPointer { text in Self.match(pattern, text) }
        }
    }

    private static func match(
        _ pattern: UnsafeBufferPointer<Unit>, _ text: UnsafeBufferPointer<UInt8>
    ) -> Bool {
        var patternIndex = 0
        var textIndex = 0
        var retry: (pattern: Int, text: Int)?
        while textIndex < text.count {
            if patternIndex < pattern.count {
                let unit = pattern[patternIndex]
                if unit == Self.anyRun {
                    patternIndex += 1
                    retry = (patternIndex, textIndex)
                    continue
                }
                if unit == Self.anyOne {
                    patternIndex += 1
                    textIndex = Self.nextScalar(text, after: textIndex)
                    continue
                }
                if unit == Unit(text[textIndex]) {
                    patternIndex += 1
                    textIndex += 1
                    continue
                }
            }
            guard let last = retry else { return false }
            let next = Self.nextScalar(text, after: last.text)
            retry = (last.pattern, next)
            patternIndex = last.pattern
            textIndex = next
        }
        while patternIndex < pattern.count, pattern[patternIndex] == Self.anyRun {
            patternIndex += 1
        }
        return patternIndex == pattern.count
    }

    /// Past the scalar at `index`: UTF-8 continuation bytes are 10xxxxxx.
    private static func nextScalar(
        _ text: UnsafeBufferPointer<UInt8>, after index: Int
    ) -> Int {
        var next = index + 1
        while next < text.count, text[next] & 0xC0 == 0x80 { next += 1 }
        return next
    }
}
