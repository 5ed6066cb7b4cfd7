/// A bounded memory of what was asked for lately.
///
/// Two generations bound it: when the newer one is full it becomes the older, and what was not
/// asked for since is forgotten. So it holds at most twice `generationMax`, and keeping or finding
/// a value costs the same however full it is.
struct RecentValues<Key: Hashable & Sendable, Value: Sendable>: Sendable {
    let generationMax: Int
    private var newer: [Key: Value] = [:]
    private var older: [Key: Value] = [:]

    init(generationMax: Int) { self.generationMax = generationMax }

    mutating func value(_ key: Key) -> Value? {
        if let value = self.newer[key] { return value }
        guard let value = self.older[key] else { return nil }
        self.keep(value, key)
        return value
    }

    mutating func keep(_ value: Value, _ key: Key) {
        if self.newer.count >= self.generationMax {
            self.older = self.newer
            self.newer = [:]
        }
        self.newer[key] = value
    }

    mutating func forgetAll() {
        self.newer = [:]
        self.older = [:]
    }

    var count: Int { Set(self.newer.keys).union(self.older.keys).count }
}
