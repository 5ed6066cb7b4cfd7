/// The texts of all levels in a routing table, each once, as numbers. Counted, so that a fleet
/// that comes and goes leaves nothing behind.
struct LevelSymbols: Sendable {
    private var numbers: [LevelText: UInt32] = [:]
    private var slots: [(text: LevelText, uses: UInt32)] = []
    private var free: [UInt32] = []

    func find(_ level: Substring.UTF8View) -> UInt32? { self.numbers[LevelText(level)] }

    /// The number of a level that is about to be used: follow it with `retain`, unless an edge
    /// with that number exists already.
    mutating func intern(_ level: Substring.UTF8View) -> UInt32 {
        if let number = self.find(level) { return number }
        // A copy of its own, so that it does not keep the whole filter alive.
        let text = LevelText(Substring(String(Substring(level))).utf8)
        let number: UInt32
        if let reused = self.free.popLast() {
            number = reused
            self.slots[Int(reused)] = (text, 0)
        } else {
            // One slot per node at most, and nodes have 32-bit indices.
            number = UInt32(truncatingIfNeeded: self.slots.count)
            self.slots.append((text, 0))
        }
        self.numbers[text] = number
        return number
    }

    mutating func retain(_ number: UInt32) { self.slots[Int(number)].uses += 1 }

    mutating func release(_ number: UInt32) {
        self.slots[Int(number)].uses -= 1
        guard self.slots[Int(number)].uses == 0 else { return }
        self.numbers.removeValue(forKey: self.slots[Int(number)].text)
        self.free.append(number)
    }
}

/// One level's bytes, compared as bytes: Swift's strings would take canonically equal texts for
/// one level, which [MQTT-4.7.3-4] forbids.
struct LevelText: Hashable, Sendable {
    let bytes: Substring.UTF8View

    init(_ bytes: Substring.UTF8View) { self.bytes = bytes }

    static func == (left: LevelText, right: LevelText) -> Bool {
        left.bytes.elementsEqual(right.bytes)
    }

    func hash(into hasher: inout Hasher) {
        let wasContiguous: Void? = self.bytes.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if wasContiguous == nil {
            for byte in self.bytes { hasher.combine(byte) }
        }
    }
}

/// The levels of a topic, one after the other, without an array of them.
struct LevelIterator: IteratorProtocol {
    private var rest: Substring.UTF8View?

    init(_ text: String) { self.rest = Substring(text).utf8 }

    mutating func next() -> Substring.UTF8View? {
        guard let rest = self.rest else { return nil }
        guard let slash = rest.firstIndex(of: TopicLevels.separator) else {
            self.rest = nil
            return rest
        }
        self.rest = rest[rest.index(after: slash)...]
        return rest[..<slash]
    }
}

/// What a whole level of a filter may be instead of text.
enum Wildcard {
    case plus
    case hash

    init?(_ level: Substring.UTF8View) {
        guard let first = level.first, level.dropFirst().isEmpty else { return nil }
        switch first {
        case UInt8(ascii: "+"): self = .plus
        case UInt8(ascii: "#"): self = .hash
        default: return nil
        }
    }
}
