import COpenSSLShims
import Fleet
import Glibc

/// The process that speaks with a token, and our end of its socket pair. Belongs to the thread that
/// started it, which must outlive it: the kernel kills it when its parent thread ends.
struct TokenProcess: ~Copyable {
    let pid: pid_t
    private let descriptor: Int32
    /// Received and not yet taken as frames.
    private var received: [UInt8] = []

    init(
        _ program: TokenAccess.Program, environment: [String]
    ) throws(TokenFailure) {
        var pid: pid_t = 0
        var descriptor: Int32 = -1
        // The first is only what process listings show.
        let arguments = (["slipway"] + program.arguments).map { strdup($0) }
        defer { arguments.forEach { free($0) } }
        let variables = environment.map { strdup($0) }
        defer { variables.forEach { free($0) } }
        let error = slipway_token_spawn(
            program.path, arguments + [nil], variables + [nil], &pid, &descriptor)
        guard error == 0 else {
            throw TokenFailure(.failed, "no process: \(String(cString: strerror(error)))")
        }
        self.pid = pid
        self.descriptor = descriptor
    }

    /// Closes our end. Whoever owns the process kills and reaps it first (`TokenLine`).
    deinit { close(self.descriptor) }

    func send(
        _ bytes: [UInt8], before deadline: ContinuousClock.Instant
    ) throws(TokenFailure) {
        let descriptor = self.descriptor
        try bytes.withUnsafeBufferPointer {
            (buffer: UnsafeBufferPointer<UInt8>) throws(TokenFailure) -> Void in
            try Self.send(buffer, to: descriptor, before: deadline)
        }
    }

    /// From where it lies, without a copy that nobody would wipe.
    func send(
        _ secret: Secret<WipedBytes>, before deadline: ContinuousClock.Instant
    ) throws(TokenFailure) {
        let descriptor = self.descriptor
        try secret.expose { (bytes: WipedBytes) throws(TokenFailure) -> Void in
            try bytes.withBytes {
                (buffer: UnsafeBufferPointer<UInt8>) throws(TokenFailure) -> Void in
                try Self.send(buffer, to: descriptor, before: deadline)
            }
        }
    }

    private static func send(
        _ bytes: UnsafeBufferPointer<UInt8>, to descriptor: Int32,
        before deadline: ContinuousClock.Instant
    ) throws(TokenFailure) {
        var sent = 0
        while sent < bytes.count {
            let rest = UnsafeBufferPointer(rebasing: bytes[sent...])
            let count = Glibc.send(
                descriptor, rest.baseAddress, rest.count, Int32(MSG_NOSIGNAL | MSG_DONTWAIT))
            if count > 0 {
                sent += count
            } else if errno == EAGAIN {
                try Self.wait(for: Int16(POLLOUT), of: descriptor, before: deadline)
            } else if errno != EINTR {
                throw TokenFailure(.lost)
            }
        }
    }

    mutating func receive(
        before deadline: ContinuousClock.Instant
    ) throws(TokenFailure) -> TokenFrame {
        while true {
            if let frame = try self.takeFrame() { return frame }
            try Self.wait(for: Int16(POLLIN), of: self.descriptor, before: deadline)
            try self.readMore()
        }
    }

    private mutating func takeFrame() throws(TokenFailure) -> TokenFrame? {
        guard let length = TokenFrame.length(self.received[...]) else { return nil }
        guard length <= TokenFrame.bytesMax else { throw TokenFailure(.lost) }
        let end = TokenFrame.lengthBytes + length
        guard self.received.count >= end else { return nil }
        guard let frame = TokenFrame(body: self.received[TokenFrame.lengthBytes..<end]) else {
            throw TokenFailure(.lost)
        }
        self.received.removeFirst(end)
        return frame
    }

    private static let readBytes = 16 << 10

    private mutating func readMore() throws(TokenFailure) {
        let descriptor = self.descriptor
        var interrupted = false
        let chunk = [UInt8](unsafeUninitializedCapacity: Self.readBytes) { buffer, count in
            let got = recv(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_DONTWAIT))
            count = max(0, got)
            interrupted = got < 0 && (errno == EAGAIN || errno == EINTR)
        }
        // Readable and empty is the end of the stream.
        guard !interrupted else { return }
        guard !chunk.isEmpty else { throw TokenFailure(.lost) }
        self.received.append(contentsOf: chunk)
    }

    private static func wait(
        for events: Int16, of descriptor: Int32, before deadline: ContinuousClock.Instant
    ) throws(TokenFailure) {
        while true {
            let left = deadline - ContinuousClock.now
            guard left > .zero else { throw TokenFailure(.late) }
            var entry = pollfd(fd: descriptor, events: events, revents: 0)
            // Rounded up, so that the last fraction of a millisecond does not spin.
            let milliseconds =
                left.components.seconds >= 3600
                ? 3_600_000 : Int32(left / .milliseconds(1)) + 1
            let ready = poll(&entry, 1, milliseconds)
            if ready > 0 { return }
            if ready < 0 && errno != EINTR { throw TokenFailure(.lost) }
        }
    }
}
