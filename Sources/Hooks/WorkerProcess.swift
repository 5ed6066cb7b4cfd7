import CLuaShims
import Fleet
import Glibc

/// One child process and our end of its socket pair. Belongs to the thread that started it, which
/// must outlive it: the kernel kills a worker when its parent thread ends.
struct WorkerProcess: ~Copyable {
    enum Failure: Error, Hashable {
        /// The executable could not be started; errno.
        case notStarted(Int32)
        /// The moment passed that was given.
        case timedOut
        /// The process has ended or speaks nonsense. Either way it is of no more use.
        case lost
    }

    let pid: pid_t
    private let descriptor: Int32
    /// Received and not yet taken as frames.
    private var received: [UInt8] = []

    init(executable: String, arguments: [String]) throws(Failure) {
        var pid: pid_t = 0
        var descriptor: Int32 = -1
        // The first is only what process listings show.
        let texts = (["slipway"] + arguments).map { strdup($0) }
        defer { texts.forEach { free($0) } }
        let error = slipway_worker_spawn(executable, texts + [nil], &pid, &descriptor)
        guard error == 0 else { throw .notStarted(error) }
        self.pid = pid
        self.descriptor = descriptor
    }

    /// Closes our end. Whoever owns the process kills and reaps it first (`WorkerRegistry`).
    deinit { close(self.descriptor) }

    func send(_ frame: WorkerFrame, before deadline: ContinuousClock.Instant) throws(Failure) {
        guard let bytes = frame.encoded() else { throw .lost }
        try self.send(bytes, before: deadline)
    }

    func send(_ bytes: [UInt8], before deadline: ContinuousClock.Instant) throws(Failure) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes {
                Glibc.send(
                    self.descriptor, $0.baseAddress, $0.count,
                    Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            }
            if count > 0 {
                sent += count
            } else if errno == EAGAIN {
                try self.wait(for: Int16(POLLOUT), before: deadline)
            } else if errno != EINTR {
                throw .lost
            }
        }
    }

    mutating func receive(before deadline: ContinuousClock.Instant) throws(Failure) -> WorkerFrame {
        while true {
            if let frame = try self.takeFrame() { return frame }
            try self.wait(for: Int16(POLLIN), before: deadline)
            try self.readMore()
        }
    }

    private mutating func takeFrame() throws(Failure) -> WorkerFrame? {
        guard let length = WorkerFrame.length(self.received[...]) else { return nil }
        guard length <= HookLimits.frameBytesMax else { throw .lost }
        let end = WorkerFrame.lengthBytes + length
        guard self.received.count >= end else { return nil }
        guard let frame = WorkerFrame(body: self.received[WorkerFrame.lengthBytes..<end]) else {
            throw .lost
        }
        self.received.removeFirst(end)
        return frame
    }

    private static let readBytes = 16 << 10

    private mutating func readMore() throws(Failure) {
        var interrupted = false
        let chunk = [UInt8](unsafeUninitializedCapacity: Self.readBytes) { buffer, count in
            let got = recv(
                self.descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
            count = max(0, got)
            interrupted = got < 0 && (errno == EAGAIN || errno == EINTR)
        }
        // Readable and empty is the end of the stream.
        guard !interrupted else { return }
        guard !chunk.isEmpty else { throw .lost }
        self.received.append(contentsOf: chunk)
    }

    private func wait(
        for events: Int16, before deadline: ContinuousClock.Instant
    ) throws(Failure) {
        while true {
            let left = deadline - ContinuousClock.now
            guard left > .zero else { throw .timedOut }
            var entry = pollfd(fd: self.descriptor, events: events, revents: 0)
            // Rounded up, so that the last fraction of a millisecond does not spin.
            let milliseconds =
                left.components.seconds >= 3600
                ? 3_600_000 : Int32(left / .milliseconds(1)) + 1
            let ready = poll(&entry, 1, milliseconds)
            if ready > 0 { return }
            if ready < 0 && errno != EINTR { throw .lost }
        }
    }
}
