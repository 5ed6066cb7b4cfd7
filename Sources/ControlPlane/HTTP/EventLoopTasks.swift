import NIOCore

/// Runs tasks on one event loop. A connection's requests are handled where its bytes arrive: for a
/// look-up by key, which is over in microseconds, waking another thread and coming back costs more
/// than all else together. What takes longer leaves the loop (`Operation.isBrief`).
final class EventLoopTasks: TaskExecutor {
    private let loop: any EventLoop
    /// Whether the job that comes next, of a task that is being made, begins at once.
    private let beginsAtOnce: NIOLoopBoundBox<Bool>

    /// - Parameter loop: the one that this is called on.
    init(_ loop: any EventLoop) {
        self.loop = loop
        self.beginsAtOnce = NIOLoopBoundBox(false, eventLoop: loop)
    }

    /// Makes a task on the loop, whose first part is over when this returns. A brief operation is
    /// answered by then, in the same turn of the loop: the connection need not be told to stop
    /// reading and to read again.
    ///
    /// Not to be called by a task of this loop: one would begin within the other, as many as there
    /// are.
    func beginTask(
        _ operation: @escaping @Sendable () async -> Void
    ) -> Task<Void, Never> {
        self.beginsAtOnce.value = true
        defer { self.beginsAtOnce.value = false }
        return Task(executorPreference: self, operation: operation)
    }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        // Only the first job of a task may: one that is resumed would run within whatever resumes
        // it, and whatever locks that holds.
        if self.loop.inEventLoop, self.beginsAtOnce.value {
            self.beginsAtOnce.value = false
            job.runSynchronously(on: self.asUnownedTaskExecutor())
        } else {
            self.loop.execute { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
        }
    }
}
