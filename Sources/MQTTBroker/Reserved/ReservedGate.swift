import DequeModule
import Synchronization

/// How many requests to reserved topics are being worked on in the whole server. A connection that
/// finds the gate shut leaves its bytes in the socket and is called when there is room.
final class ReservedGate: Sendable {
    private struct State {
        var inFlight = 0
        var waiting: Deque<@Sendable () -> Void> = []
    }

    private let max: Int
    private let state = Mutex(State())

    init(max: Int) { self.max = Swift.max(1, max) }

    /// - Parameter retry: called once, some time after a refusal; it may find the gate shut again.
    func enter(orCall retry: @escaping @Sendable () -> Void) -> Bool {
        self.state.withLock { state in
            guard state.inFlight < self.max else {
                state.waiting.append(retry)
                return false
            }
            state.inFlight += 1
            return true
        }
    }

    func leave() {
        let next = self.state.withLock { state in
            state.inFlight -= 1
            return state.waiting.popFirst()
        }
        next?()
    }

    /// For a waiter that was called and has no use for the room any more.
    func passOn() {
        let next = self.state.withLock { $0.waiting.popFirst() }
        next?()
    }

    var inFlight: Int { self.state.withLock { $0.inFlight } }
}
