internal import Dispatch
internal import Synchronization

/// A bounded queue that threads block on and tasks never do: an offer is taken or refused at once.
final class Mailbox<Element: Sendable>: Sendable {
    private struct State {
        var waiting: [Element] = []
        /// Where the oldest element is; what lies before it has been taken.
        var head = 0
        var closed = false
        var count: Int { self.waiting.count - self.head }
    }

    enum Answer { case taken, full, closed }

    private let capacity: Int
    private let state = Mutex(State())
    /// One signal for each element, and one for each thread at closing.
    private let signal = DispatchSemaphore(value: 0)

    init(capacity: Int) { self.capacity = capacity }

    /// - Parameter urgent: whether the bound does not apply; for the store's own few requests.
    func offer(_ element: Element, urgent: Bool = false) -> Answer {
        let answer = self.state.withLock { state -> Answer in
            if state.closed { return .closed }
            if state.count >= self.capacity, !urgent { return .full }
            state.waiting.append(element)
            return .taken
        }
        if answer == .taken { self.signal.signal() }
        return answer
    }

    /// Takes what is there, oldest first, while `fits` says that one more fits.
    /// - Parameter wait: whether to block while there is nothing.
    /// - Returns: nil once the mailbox is closed and empty.
    func take(wait: Bool, while fits: (Element) -> Bool) -> [Element]? {
        while true {
            let signalled: Bool
            if wait {
                self.signal.wait()
                signalled = true
            } else {
                signalled = self.signal.wait(timeout: .now()) == .success
            }
            let (taken, closed) = self.state.withLock { state in
                (Self.takeFitting(&state, always: true, fits), state.closed)
            }
            if !taken.isEmpty { return taken }
            if closed {
                // The next thread has to hear of it as well.
                self.signal.signal()
                return nil
            }
            if !signalled { return [] }
        }
    }

    /// What has come since `take` and fits beside what that gave; blocks never.
    func takeMore(while fits: (Element) -> Bool) -> [Element] {
        // The signals of what is taken here only have the next `take` look once more.
        self.state.withLock { Self.takeFitting(&$0, always: false, fits) }
    }

    /// - Parameter always: whether the oldest is taken in any case, so that a request too large for
    ///   any batch still gets one.
    private static func takeFitting(
        _ state: inout State, always: Bool, _ fits: (Element) -> Bool
    ) -> [Element] {
        var taken: [Element] = []
        while state.head < state.waiting.count {
            let element = state.waiting[state.head]
            guard fits(element) || (always && taken.isEmpty) else { break }
            taken.append(element)
            state.head += 1
        }
        if state.head == state.waiting.count {
            state.waiting.removeAll(keepingCapacity: true)
            state.head = 0
        } else if state.head > 1024, state.head > state.waiting.count / 2 {
            state.waiting.removeFirst(state.head)
            state.head = 0
        }
        return taken
    }

    /// Refuses what comes from now on; what is inside is still handed out.
    func close() {
        self.state.withLock { $0.closed = true }
        self.signal.signal()
    }
}
