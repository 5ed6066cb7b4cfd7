/// Whether the writer waits a moment for more requests before it begins a transaction: each that
/// joins saves a write to the disk, and the pages that both would have written twice.
///
/// It waits only where several came at once, and not for a while after nobody joined: requesters
/// who all wait for this very transaction have nothing more to bring.
struct GatheringPace {
    /// Batches after a wait in vain that begin at once.
    static let batchesUnwaited = 64

    private var unwaited = 0

    /// Asked once for each batch.
    mutating func waits(with requests: Int) -> Bool {
        guard self.unwaited == 0 else {
            self.unwaited -= 1
            return false
        }
        return requests > 1
    }

    /// - Parameter requests: how many came while it waited.
    mutating func came(_ requests: Int) {
        if requests == 0 { self.unwaited = Self.batchesUnwaited }
    }
}
