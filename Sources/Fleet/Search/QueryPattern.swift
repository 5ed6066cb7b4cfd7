/// A term with wildcards: `*` for any run of characters, `?` for exactly one, everything else for
/// itself, upper and lower case alike. A character is a Unicode scalar, as it is for SQLite.
package struct QueryPattern: Hashable, Sendable {
    package enum Piece: Hashable, Sendable {
        /// Never empty, and never beside another one.
        case literal(String)
        /// Never beside another one.
        case anyRun
        case anyOne
    }

    package private(set) var pieces: [Piece] = []

    package init(_ pieces: [Piece] = []) {
        for piece in pieces { self.append(piece) }
    }

    package mutating func append(_ piece: Piece) {
        switch (self.pieces.last, piece) {
        case (_, .literal("")), (.anyRun, .anyRun): break
        case (.literal(let text), .literal(let more)):
            self.pieces[self.pieces.count - 1] = .literal(text + more)
        case (_, _): self.pieces.append(piece)
        }
    }

    /// What it says where it has no wildcards.
    package var literalText: String? {
        switch (self.pieces.first, self.pieces.count) {
        case (nil, _): ""
        case (.literal(let text)?, 1): text
        case (_, _): nil
        }
    }

    /// Whether anything at all matches: `*`.
    package var matchesEverything: Bool { self.pieces == [.anyRun] }

    package var wildcards: Int {
        self.pieces.reduce(0) { sum, piece in
            if case .literal = piece { sum } else { sum + 1 }
        }
    }

    /// What every match begins with; empty where the pattern begins with a wildcard.
    package var prefix: String {
        if case .literal(let text)? = self.pieces.first { text } else { "" }
    }

    /// Walks both once, and goes back to the last `*` only: pattern length times text length at
    /// the very worst.
    package func matches(_ text: String) -> Bool {
        let units = self.units
        let scalars = Array(text.caseFolded.unicodeScalars)
        var (unit, index) = (0, 0)
        var retry: (unit: Int, index: Int)?
        while index < scalars.count {
            if unit < units.count {
                switch units[unit] {
                case .anyRun:
                    unit += 1
                    retry = (unit, index)
                    continue
                case .anyOne:
                    (unit, index) = (unit + 1, index + 1)
                    continue
                case .scalar(let scalar) where scalar == scalars[index]:
                    (unit, index) = (unit + 1, index + 1)
                    continue
                case .scalar: break
                }
            }
            guard let last = retry else { return false }
            retry = (last.unit, last.index + 1)
            (unit, index) = (last.unit, last.index + 1)
        }
        return units[unit...].allSatisfy { $0 == .anyRun }
    }

    private enum Unit: Hashable {
        case scalar(Unicode.Scalar)
        case anyRun, anyOne
    }

    private var units: [Unit] {
        self.pieces.flatMap { piece -> [Unit] in
            switch piece {
            case .literal(let text): text.caseFolded.unicodeScalars.map { .scalar($0) }
            case .anyRun: [.anyRun]
            case .anyOne: [.anyOne]
            }
        }
    }
}

extension String {
    /// A to Z in lower case, every other character as it is: what SQLite's NOCASE and LIKE take
    /// for the same. Names and attributes hold no other letters (AWS: their patterns).
    package var caseFolded: String {
        guard self.utf8.contains(where: { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) })
        else { return self }
        return String(
            decoding: self.utf8.map { byte in
                (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte + 0x20 : byte
            }, as: UTF8.self)
    }

    package func isSameFolded(as other: String) -> Bool {
        self.caseFolded.utf8.elementsEqual(other.caseFolded.utf8)
    }

    package func precedesFolded(_ other: String) -> Bool {
        self.caseFolded.utf8.lexicographicallyPrecedes(other.caseFolded.utf8)
    }
}
