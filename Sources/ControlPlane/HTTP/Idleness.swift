import NIOCore

/// How long nothing has happened on a connection, which is closed when that is too long. Touched on
/// the connection's loop alone.
final class Idleness {
    private struct Owner {
        let isAtWork: () -> Bool
        let close: () -> Void
    }

    private let bound: TimeAmount
    private let eventLoop: any EventLoop
    private var owner: Owner?
    private var lastActivity = NIODeadline.now()
    private var check: Scheduled<Void>?

    init(max bound: TimeAmount, _ eventLoop: any EventLoop) {
        self.bound = bound
        self.eventLoop = eventLoop
    }

    func noteActivity() { self.lastActivity = .now() }

    /// - Parameters:
    ///   - isAtWork: whether it is this side that is waited for: that is no idleness.
    ///   - close: called once, when the time is over.
    func begin(isAtWork: @escaping () -> Bool, close: @escaping () -> Void) {
        self.owner = Owner(isAtWork: isAtWork, close: close)
        self.checkLater(at: self.lastActivity + self.bound)
    }

    /// Forgets who it was for.
    func end() {
        self.check?.cancel()
        self.check = nil
        self.owner = nil
    }

    private func checkLater(at deadline: NIODeadline) {
        let idleness = NIOLoopBound(self, eventLoop: self.eventLoop)
        self.check = self.eventLoop.scheduleTask(deadline: deadline) {
            idleness.value.closeIfDue()
        }
    }

    private func closeIfDue() {
        guard let owner else { return }
        if owner.isAtWork() { self.noteActivity() }
        let due = self.lastActivity + self.bound
        if due <= .now() { owner.close() } else { self.checkLater(at: due) }
    }
}
