import Synchronization

/// A bounded number of places, given to whoever asks first. Each task asks for one line at a time,
/// so that tasks take turns however many lines each has.
final class FairGate: Sendable {
    private struct State {
        var free: Int
        var waiting: [CheckedContinuation<Bool, Never>] = []
    }

    private let state: Mutex<State>

    init(places: Int) { self.state = Mutex(State(free: max(1, places))) }

    /// Waits for a place. Whoever has one gives it back with `leave`, cancelled or not.
    func enter() async { _ = await self.enter(waitingMax: .max) }

    /// The same, where no more than so many wait already. False where there is no place, and none
    /// will be given.
    func enter(waitingMax: Int) async -> Bool {
        await withCheckedContinuation { continuation in
            let answer: Bool? = self.state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                guard state.waiting.count < waitingMax else { return false }
                state.waiting.append(continuation)
                return nil
            }
            if let answer { continuation.resume(returning: answer) }
        }
    }

    func leave() {
        let next = self.state.withLock { state -> CheckedContinuation<Bool, Never>? in
            guard !state.waiting.isEmpty else {
                state.free += 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?.resume(returning: true)
    }
}
