/// The name that a misspelt one was probably meant to be.
package enum NearestName {
    /// A letter too many, too few, wrong, or two that changed places: at most so many of those,
    /// and no more than one for every three letters.
    private static let editsMax = 2
    private static let lettersPerEdit = 3
    /// A longer word is no misspelt name.
    private static let lettersMax = 96

    package static func of(_ word: String, among names: some Sequence<String>) -> String? {
        let letters = Array(word.lowercased().utf8)
        guard letters.count <= Self.lettersMax else { return nil }
        let allowed = min(Self.editsMax, letters.count / Self.lettersPerEdit)
        var best: (name: String, edits: Int)?
        for name in names {
            let candidate = Array(name.lowercased().utf8)
            guard abs(candidate.count - letters.count) <= allowed else { continue }
            let edits = Self.edits(letters, candidate)
            if edits <= allowed, edits < best?.edits ?? .max { best = (name, edits) }
        }
        return best?.name
    }

    /// Damerau's distance in its restricted form: no letter is touched twice.
    private static func edits(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var before: [Int] = []
        var previous = Array(0...right.count)
        for (row, letter) in left.enumerated() {
            var current = [row + 1]
            for (column, other) in right.enumerated() {
                var edits = min(
                    previous[column + 1] + 1, current[column] + 1,
                    previous[column] + (letter == other ? 0 : 1))
                if row > 0, column > 0, letter == right[column - 1], left[row - 1] == other {
                    edits = min(edits, before[column - 1] + 1)
                }
                current.append(edits)
            }
            before = previous
            previous = current
        }
        return previous[right.count]
    }
}
