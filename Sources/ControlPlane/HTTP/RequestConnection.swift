import HummingbirdCore
import NIOCore
import Synchronization

/// A connection that requests come over: what its answers may depend on, and the task that is
/// answering.
final class RequestConnection: ServerChildChannelValue {
    let channel: any Channel
    /// The client's address without its port; nil on a Unix socket.
    let sourceAddress: String?

    private struct Work {
        var task: Task<Void, Never>?
        var isCancelled = false
        var hasWholeRequest = false
    }

    private let work = Mutex(Work())

    init(_ channel: any Channel) {
        self.channel = channel
        self.sourceAddress = channel.remoteAddress?.ipAddress
    }

    /// Whether the request that is being answered was here with its body before it was begun.
    var hasWholeRequest: Bool {
        get { self.work.withLock { $0.hasWholeRequest } }
        set { self.work.withLock { $0.hasWholeRequest = newValue } }
    }

    /// `task` is the one that is answering now.
    func answers(in task: Task<Void, Never>) {
        let isCancelled = self.work.withLock { work in
            work.task = task
            return work.isCancelled
        }
        if isCancelled { task.cancel() }
    }

    /// Waits until the connection is closed and nobody is at work for it any more.
    func end() async {
        await withTaskCancellationHandler {
            try? await self.channel.closeFuture.get()
            await self.work.withLock { $0.task }?.value
        } onCancel: {
            let task = self.work.withLock { work in
                work.isCancelled = true
                return work.task
            }
            task?.cancel()
            // What is being answered still is, and nothing more is read. TLS has no such half (RFC
            // 8446 6.1).
            self.channel.close(mode: .input).whenFailure { _ in self.channel.close(promise: nil) }
        }
    }
}
