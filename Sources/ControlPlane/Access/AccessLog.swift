import Dispatch
package import Fleet
import JSON
import Synchronization

/// Every call of the control plane, one JSON object a line, in a file of its own.
///
/// The audit log holds what changed, was refused, and must never be lost, and each of its records
/// waits for the disk. Reads are too many for that: they are noted here, in memory, and written
/// some milliseconds later, many at a time. When more are noted than can be written, the newest are
/// counted and left out, and a line says how many.
package final class AccessLog: Sendable {
    package struct Limits: Sendable {
        /// Of one file; the next line begins another.
        package var fileBytesMax = 64 << 20
        /// With the one being written to.
        package var filesMax = 8
        /// Noted and not yet written.
        package var entriesQueuedMax = 16_384
        package init() {}
    }

    /// From the first call that is noted to the write: a thread's waking and a system call for
    /// each would cost a tenth of what a look-up costs.
    private static let gatheredMilliseconds = 5

    private struct State {
        var queued: [AccessLogEntry] = []
        var isDrainDue = false
        var dropped = 0
        var isClosed = false
    }

    private let limits: Limits
    private let state = Mutex(State())
    /// Touched on `queue` alone; the lock never waits.
    private let file: Mutex<RotatedFile>
    private let queue = DispatchQueue(label: "slipway.access-log")
    private let failed: @Sendable (_ message: String) -> Void

    /// - Parameters:
    ///   - path: made for its owner alone where it is not there; appended to where it is.
    ///   - failed: told when lines are lost, once for each time the disk begins to refuse them.
    /// - Throws: `FleetError.invalidRequest` where the file cannot be opened.
    package init(
        path: String, limits: Limits = Limits(),
        failed: @escaping @Sendable (_ message: String) -> Void
    ) throws(FleetError) {
        self.limits = limits
        self.failed = failed
        self.file = Mutex(
            try RotatedFile(
                path: path, bytesMax: limits.fileBytesMax, filesMax: limits.filesMax))
    }

    /// Takes note of a call. Costs no more than putting it into a queue.
    package func note(_ entry: AccessLogEntry) {
        let begins = self.state.withLock { state in
            guard !state.isClosed else { return false }
            guard state.queued.count < self.limits.entriesQueuedMax else {
                state.dropped += 1
                return false
            }
            state.queued.append(entry)
            defer { state.isDrainDue = true }
            return !state.isDrainDue
        }
        if begins {
            let due = DispatchTime.now() + .milliseconds(Self.gatheredMilliseconds)
            self.queue.asyncAfter(deadline: due) { self.drain() }
        }
    }

    /// Writes what is queued and closes the file. What is noted after that is left out.
    package func close() {
        self.state.withLock { $0.isClosed = true }
        self.queue.sync {
            self.drain()
            self.file.withLock { $0.close() }
        }
    }

    private func drain() {
        let (batch, dropped) = self.state.withLock { state in
            defer {
                state.queued = []
                state.dropped = 0
                state.isDrainDue = false
            }
            return (state.queued, state.dropped)
        }
        if !batch.isEmpty || dropped > 0 { self.write(batch, dropped: dropped) }
    }

    private func write(_ batch: [AccessLogEntry], dropped: Int) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(batch.count * 320)
        for entry in batch {
            var line = JSONWriter(capacity: 320)
            entry.write(to: &line)
            bytes += line.bytes
            bytes.append(UInt8(ascii: "\n"))
        }
        if dropped > 0 {
            bytes += JSONPrinter.bytes(.object(["callsNotLogged": .int(dropped)]))
            bytes.append(UInt8(ascii: "\n"))
        }
        let message = self.file.withLock { $0.append(bytes, lines: batch.count + dropped) }
        if let message { self.failed(message) }
    }
}
