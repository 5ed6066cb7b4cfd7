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

    /// A revocation of many, each by a commit of its own.
    package struct Decision: Hashable, Sendable {
        /// The digest of its plan.
        package let digest: String
        package private(set) var sockets = 0
        /// From the first of its commits that met a live connection to the last closed socket.
        package var milliseconds: Int64 { max(0, self.end.milliseconds - self.start.milliseconds) }
        private var start: UnixTime
        private var end: UnixTime

        fileprivate init(_ digest: String, commit: UnixTime, end: UnixTime) {
            self.digest = digest
            self.start = commit
            self.end = end
        }

        fileprivate mutating func note(commit: UnixTime, end: UnixTime) {
            self.sockets += 1
            self.start = min(self.start, commit)
            self.end = max(self.end, end)
        }
    }

    /// The latest of them that met a live connection.
    package private(set) var decision: Decision?

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

    /// One socket was closed, by `cause`.
    mutating func note(_ cause: ChangeEffects.Cause, at now: UnixTime) {
        self.note(cause.sequence, milliseconds: now.milliseconds - cause.time.milliseconds)
        guard let digest = cause.decision else { return }
        var decision =
            self.decision.flatMap { $0.digest == digest ? $0 : nil }
            ?? Decision(digest, commit: cause.time, end: now)
        decision.note(commit: cause.time, end: now)
        self.decision = decision
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
