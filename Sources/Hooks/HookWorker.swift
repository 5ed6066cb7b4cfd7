import CLuaShims
import Fleet
import Glibc
import JSON

/// The child process: it gives up what it does not need, then runs one script after the other,
/// each asked for by one frame and answered by one.
package enum HookWorker {
    /// Where `HookPool` puts a worker's end of the socket pair.
    package static let descriptor: Int32 = SLIPWAY_WORKER_DESCRIPTOR

    /// Serves calls until the service closes its end. To be called from the main thread before
    /// anything else runs; there is nothing to return to, since the process has neither files nor
    /// privileges left.
    package static func run(descriptor: Int32) -> Never {
        let socket = WorkerSocket(descriptor: descriptor)
        Self.warmUp()
        var limits = slipway_worker_limits()
        limits.memory_bytes_more = HookLimits.processBytesMore
        limits.cpu_seconds = UInt32(HookLimits.processorSecondsMax)
        let contained = slipway_worker_contain(&limits)
        let ready = WorkerContainment(
            process: contained & Int32(SLIPWAY_CONTAINED_PROCESS) != 0,
            systemCalls: contained & Int32(SLIPWAY_CONTAINED_SYSTEM_CALLS) != 0)
        guard socket.send(WorkerReport.ready(ready).frame) else { _exit(EXIT_FAILURE) }
        while let frame = socket.receive() {
            guard let call = WorkerCall(frame) else { _exit(EXIT_FAILURE) }
            let result = HookSandbox.run(call) { Self.ask($0, over: socket) }
            guard socket.send(WorkerReport.ended(result).frame) else { _exit(EXIT_FAILURE) }
        }
        _exit(EXIT_SUCCESS)
    }

    /// Uses once what the runtime sets up on first use, while it may still open files for that.
    private static func warmUp() {
        var members = JSONObject()
        members["warm"] = .array([.int(1), .string("up")])
        _ = WorkerFrame(head: members).encoded().flatMap {
            WorkerFrame(body: $0.dropFirst(WorkerFrame.lengthBytes))
        }
    }

    private static func ask(_ question: HookQuestion, over socket: WorkerSocket) -> JSONValue? {
        guard socket.send(WorkerReport.question(question).frame) else { return nil }
        guard let frame = socket.receive(), let answer = WorkerAnswer(frame) else {
            _exit(EXIT_FAILURE)
        }
        return answer.value
    }
}

/// The worker's end of the pair: plain blocking reads and writes, which are among the few system
/// calls a worker has left.
private struct WorkerSocket {
    let descriptor: Int32

    func send(_ frame: WorkerFrame) -> Bool {
        guard let bytes = frame.encoded() else { return false }
        return bytes.withUnsafeBytes { buffer in
            var sent = 0
            while sent < buffer.count {
                let rest = UnsafeRawBufferPointer(rebasing: buffer[sent...])
                let count = write(self.descriptor, rest.baseAddress, rest.count)
                if count > 0 {
                    sent += count
                } else if errno != EINTR {
                    return false
                }
            }
            return true
        }
    }

    /// nil at the end of the stream, and for what is no frame.
    func receive() -> WorkerFrame? {
        guard let prefix = self.read(count: WorkerFrame.lengthBytes),
            let length = WorkerFrame.length(prefix[...]), length <= HookLimits.frameBytesMax,
            let body = self.read(count: length)
        else { return nil }
        return WorkerFrame(body: body[...])
    }

    private func read(count: Int) -> [UInt8]? {
        var missing = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            filled = 0
            while filled < count {
                let rest = UnsafeMutableRawBufferPointer(buffer)[filled...]
                let got = Glibc.read(
                    self.descriptor, UnsafeMutableRawBufferPointer(rebasing: rest).baseAddress,
                    count - filled)
                if got > 0 {
                    filled += got
                } else if got == 0 || errno != EINTR {
                    missing = true
                    return
                }
            }
        }
        return missing ? nil : bytes
    }
}
