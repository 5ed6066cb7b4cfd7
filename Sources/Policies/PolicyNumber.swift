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
