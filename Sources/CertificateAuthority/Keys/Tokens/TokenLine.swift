import Dispatch
import Fleet
import Glibc
import Synchronization

/// What a token is asked for.
enum TokenWish: Sendable {
    /// SubjectPublicKeyInfo, DER.
    case publicKey
    /// Of a digest, by libcrypto's name of it.
    case signature(digest: String, of: [UInt8])
}

extension TokenWish {
    init(_ scheme: SignatureScheme, over bytes: UnsafeBufferPointer<UInt8>) {
        self = .signature(digest: scheme.digestName ?? "", of: scheme.digest(of: bytes))
    }
}

/// A wish that waits for its token.
struct TokenCall: Sendable {
    let wish: TokenWish
    /// SubjectPublicKeyInfo of the only key that may fulfil it; nil where any may.
    let key: [UInt8]?
    let waitsUntil: ContinuousClock.Instant
    let answer: @Sendable (Result<[UInt8], TokenFailure>) -> Void
}

/// What a token's thread and everybody else share: the calls that wait, the process that lives, and
/// how the token was found.
final class TokenLine: Sendable {
    private struct State: Sendable {
        var waiting: [TokenCall] = []
        var isClosed = false
        /// The living process. Present means: not reaped, so the id is still its own.
        var process: pid_t?
        var condition = TokenCondition.untried
        /// Where what it signed last did not verify, why; until something does.
        var spoilt: TokenFailure?

        var told: TokenCondition {
            if let spoilt, self.condition == .answers { return .fails(spoilt) }
            return self.condition
        }
    }

    private let state = Mutex(State())
    private let available = DispatchSemaphore(value: 0)
    private let waitingMax: Int
    private let observe: @Sendable (TokenCondition) -> Void

    init(waitingMax: Int, observe: @escaping @Sendable (TokenCondition) -> Void) {
        self.waitingMax = waitingMax
        self.observe = observe
    }

    /// Every call is answered, here or by the thread.
    func add(_ call: TokenCall) {
        let refusal: TokenFailure? = self.state.withLock { state in
            guard !state.isClosed else { return TokenFailure(.closed) }
            guard state.waiting.count < self.waitingMax else { return TokenFailure(.busy) }
            state.waiting.append(call)
            return nil
        }
        if let refusal { return call.answer(.failure(refusal)) }
        self.available.signal()
    }

    /// Blocks the calling thread until there is a call; nil once the line is closed.
    func next() -> TokenCall? {
        self.available.wait()
        return self.state.withLock { state in
            state.isClosed || state.waiting.isEmpty ? nil : state.waiting.removeFirst()
        }
    }

    /// Makes a process known, so that closing can kill it. It is killed at once where the line was
    /// closed meanwhile.
    func started(_ pid: pid_t) {
        self.state.withLock { state in
            state.process = pid
            if state.isClosed { kill(pid, SIGKILL) }
        }
    }

    /// Kills the process and reaps it. Forgotten first, so that nobody else signals an id that may
    /// then be another's.
    func end() {
        let pid: pid_t? = self.state.withLock { state in
            guard let pid = state.process else { return nil }
            state.process = nil
            kill(pid, SIGKILL)
            return pid
        }
        guard let pid else { return }
        var status: Int32 = 0
        while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    }

    var condition: TokenCondition { self.state.withLock { $0.told } }

    func found(_ condition: TokenCondition) { self.change { $0.condition = condition } }

    /// - Parameter failure: why its last signature did not verify; nil where it did.
    func judged(_ failure: TokenFailure?) { self.change { $0.spoilt = failure } }

    private func change(_ body: (inout State) -> Void) {
        let news: TokenCondition? = self.state.withLock { state in
            let before = state.told
            body(&state)
            return state.told != before && !state.isClosed ? state.told : nil
        }
        if let news { self.observe(news) }
    }

    /// Refuses the calls that wait, kills the process and lets the thread end.
    func close() {
        let waiting: [TokenCall]? = self.state.withLock { state in
            guard !state.isClosed else { return nil }
            state.isClosed = true
            if let pid = state.process { kill(pid, SIGKILL) }
            defer { state.waiting = [] }
            return state.waiting
        }
        guard let waiting else { return }
        for call in waiting { call.answer(.failure(TokenFailure(.closed))) }
        self.available.signal()
    }
}
