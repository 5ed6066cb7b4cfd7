import NIOCore
import Synchronization

/// A shard as seen from other loops and from tasks: the way in is always a turn of its own loop.
final class ShardPort: Sendable {
    private struct Mailbox {
        var messages: [Message] = []
        var isScheduled = false
        /// Announced and not yet applied, oldest first.
        var effects: [ChangeEffects] = []
    }

    let index: Int
    let eventLoop: any EventLoop
    private let opened = Mutex<NIOLoopBound<SessionShard>?>(nil)
    private let mailbox = Mutex(Mailbox())

    init(index: Int, eventLoop: any EventLoop) {
        self.index = index
        self.eventLoop = eventLoop
    }

    /// Makes the shard on its loop.
    func open(environment: BrokerEnvironment, peers: [ShardPort]) -> EventLoopFuture<Void> {
        self.eventLoop.submit {
            let shard = SessionShard(port: self, environment: environment, peers: peers)
            let bound = NIOLoopBound(shard, eventLoop: self.eventLoop)
            self.opened.withLock { $0 = bound }
        }
    }

    /// The shard itself, for code that runs on its loop.
    var shard: SessionShard {
        guard let bound = self.opened.withLock({ $0 }) else {
            preconditionFailure("The server opens every shard before it listens.")
        }
        return bound.value
    }

    /// Runs `body` on a later turn of the shard's loop.
    func execute(_ body: @escaping @Sendable (SessionShard) -> Void) {
        self.eventLoop.execute { body(self.shard) }
    }

    /// Hands over what a commit means to connections. The loop is woken once for all commits that
    /// are announced before it looks; none is ever left out.
    func announce(_ effects: ChangeEffects) {
        let mustWake = self.mailbox.withLock { mailbox in
            mailbox.effects.append(effects)
            return mailbox.effects.count == 1
        }
        guard mustWake else { return }
        self.execute { shard in
            let announced = self.mailbox.withLock { mailbox in
                defer { mailbox.effects = [] }
                return mailbox.effects
            }
            for effects in announced { shard.apply(effects) }
        }
    }

    func drain(graceSeconds: Int64) -> EventLoopFuture<Void> {
        self.eventLoop.flatSubmit { self.shard.drain(graceSeconds: graceSeconds) }
    }

    /// Hands a message over; the loop is woken once for all that arrive before it looks.
    /// - Returns: false where the mailbox is full and the message was not taken.
    func post(_ message: Message) -> Bool {
        let outcome = self.mailbox.withLock { mailbox -> (isTaken: Bool, mustWake: Bool) in
            guard mailbox.messages.count < BrokerLimits.mailboxMessagesMax else {
                return (false, false)
            }
            mailbox.messages.append(message)
            defer { mailbox.isScheduled = true }
            return (true, !mailbox.isScheduled)
        }
        if outcome.mustWake {
            self.execute { $0.receive(self.takeMessages()) }
        }
        return outcome.isTaken
    }

    private func takeMessages() -> [Message] {
        self.mailbox.withLock { mailbox in
            defer {
                mailbox.messages = []
                mailbox.isScheduled = false
            }
            return mailbox.messages
        }
    }
}
