internal import Dispatch
internal import Foundation

/// A thread of its own for blocking work, so that no disk ever stalls the threads that tasks and
/// sockets share.
struct WorkerThread: Sendable {
    private let ended = DispatchGroup()

    init(name: String, _ body: @escaping @Sendable () -> Void) {
        let ended = self.ended
        ended.enter()
        let thread = Thread {
            body()
            ended.leave()
        }
        thread.name = name
        thread.start()
    }

    /// Returns when the thread's body has.
    func join() async {
        await withCheckedContinuation { continuation in
            self.ended.notify(queue: .global()) { continuation.resume() }
        }
    }
}
