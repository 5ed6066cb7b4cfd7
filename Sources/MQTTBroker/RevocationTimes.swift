package import Fleet

/// How long it took from the commit that took a certificate's right away to the closed sockets of
/// its live connections, as the gateway's own clock has it.
package struct RevocationTimes: Hashable, Sendable {
    /// The sockets that `p99` is taken over: the latest.
    static let samplesMax = 4096

    private struct Last: Hashable {
        let commit: Commit.Sequence
        let milliseconds: Int64
    }

    /// Sockets closed since the start.
    package private(set) var count = 0
    /// Milliseconds of the slowest socket since the start; nil before the first.
    package private(set) var worst: Int64?
    private var samples: [Int64] = []
    private var latest: Last?

    package init() {}

    /// Milliseconds to the last socket that the latest of the commits closed.
    package var last: Int64? { self.latest?.milliseconds }

    /// Milliseconds within which 99 of a hundred of the latest sockets were closed.
    package var p99: Int64? {
        let sorted = self.samples.sorted()
        return sorted.isEmpty ? nil : sorted[(sorted.count * 99 + 99) / 100 - 1]
    }

    /// One socket was closed.
    /// - Parameter milliseconds: since `commit`; a clock that was set back makes no time negative.
    package mutating func note(_ commit: Commit.Sequence, milliseconds: Int64) {
        let milliseconds = max(0, milliseconds)
        if self.samples.count < Self.samplesMax {
            self.samples.append(milliseconds)
        } else {
            self.samples[self.count % Self.samplesMax] = milliseconds
        }
        self.count += 1
        self.worst = max(self.worst ?? 0, milliseconds)
        if let latest = self.latest {
            guard commit >= latest.commit else { return }
            let slower =
                commit == latest.commit ? max(latest.milliseconds, milliseconds) : milliseconds
            self.latest = Last(commit: commit, milliseconds: slower)
        } else {
            self.latest = Last(commit: commit, milliseconds: milliseconds)
        }
    }
}
