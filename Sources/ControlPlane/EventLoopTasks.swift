import HummingbirdCore
import Logging
import NIOCore

/// Runs tasks on one event loop. A connection's requests are handled where its bytes arrive: for a
/// look-up by key, which is over in microseconds, waking another thread and coming back costs more
/// than all else together. What takes longer leaves the loop (`Operation.isBrief`).
final class EventLoopTasks: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        self.loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}

/// A kind of connection whose tasks run on the event loop of their connection.
struct OnItsEventLoop<Base: ServerChildChannel>: ServerChildChannel {
    let base: Base

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        self.base.setup(channel: channel, logger: logger)
    }

    func handle(value: Base.Value, logger: Logger) async {
        await withTaskExecutorPreference(EventLoopTasks(value.channel.eventLoop)) {
            await self.base.handle(value: value, logger: logger)
        }
    }
}
