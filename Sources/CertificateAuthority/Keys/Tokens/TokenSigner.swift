import COpenSSLShims
import Dispatch
import Fleet
import Glibc
import Synchronization

/// A key on a token, asked for signatures through a process of its own, which is killed when it
/// does not answer in time. It has a thread here that waits for it, since waiting for a process
/// blocks and the pool of Swift's tasks must not.
///
/// There is no key in this process that could sign in its place: where the token does not, nothing
/// is signed.
package final class TokenSigner: Sendable {
    /// Signatures that may be waited for at once; what is beyond would be late anyway.
    private static let waitingMax = 4096

    package let uri: KeyURI
    private let line: TokenLine
    private let wait: Duration
    /// SubjectPublicKeyInfo of the certificate's key, where there is a certificate.
    private let expected = Mutex<[UInt8]?>(nil)

    /// Starts the thread; the token is asked for nothing yet.
    init(
        _ uri: KeyURI, access: TokenAccess, pin: TokenPIN,
        observe: @escaping @Sendable (KeyURI, TokenCondition) -> Void
    ) throws(FleetError) {
        self.uri = uri
        self.wait = access.deadline
        self.line = TokenLine(waitingMax: Self.waitingMax) { observe(uri, $0) }
        let thread = TokenThread(line: self.line, uri: uri, access: access, pin: pin)
        guard Self.start(thread) else {
            throw FleetError(.internalFailure, "no thread for the token of '\(uri)'")
        }
    }

    deinit { self.line.close() }

    /// How the token was found when it was last asked.
    package var condition: TokenCondition { self.line.condition }

    /// Kills the process. Calls that run or wait are refused.
    package func close() { self.line.close() }

    /// Has the token sign something of no worth, which tells whether it would sign a certificate:
    /// some find out about a wrong PIN no sooner.
    package func probe() async {
        let wish = Self.trial.withUnsafeBufferPointer { TokenWish(.ecdsaSHA256, over: $0) }
        _ = await self.answer(wish, by: self.expected.withLock { $0 })
    }

    private static let trial = Array("slipway: is the token there".utf8)

    /// The only key that is taken for the one at this place.
    func expect(_ key: SubjectKey) { self.expected.withLock { $0 = key.der } }

    /// Whoever has verified a signature says what came of it: a token that signs what nobody can
    /// verify is none that answers.
    func judged(_ failure: TokenFailure?) { self.line.judged(failure) }

    // MARK: Asking

    /// - Parameter key: the only key that may fulfil it, SubjectPublicKeyInfo; nil: any.
    /// - Throws: `FleetError.internalFailure`, by reason `authorityKeyUnavailable`.
    func fulfil(_ wish: TokenWish, by key: [UInt8]?) async throws(FleetError) -> [UInt8] {
        do throws(TokenFailure) { return try await self.answer(wish, by: key).get() } catch {
            throw error.asFleetError
        }
    }

    /// The same, while the calling thread waits: for commands, which have nothing else to do.
    func fulfilBlocking(_ wish: TokenWish, by key: [UInt8]?) throws(FleetError) -> [UInt8] {
        let answer = TokenAnswer()
        self.line.add(self.call(wish, by: key) { answer.set($0) })
        do throws(TokenFailure) { return try answer.wait().get() } catch {
            throw error.asFleetError
        }
    }

    private func answer(
        _ wish: TokenWish, by key: [UInt8]?
    ) async -> Result<[UInt8], TokenFailure> {
        await withCheckedContinuation { continuation in
            self.line.add(self.call(wish, by: key) { continuation.resume(returning: $0) })
        }
    }

    private func call(
        _ wish: TokenWish, by key: [UInt8]?,
        _ answer: @escaping @Sendable (Result<[UInt8], TokenFailure>) -> Void
    ) -> TokenCall {
        TokenCall(
            wish: wish, key: key, waitsUntil: ContinuousClock.now + self.wait, answer: answer)
    }

    // MARK: The thread

    /// Carries a thread's state through C.
    private final class ThreadBox {
        var thread: TokenThread
        init(_ thread: consuming TokenThread) { self.thread = thread }
    }

    private static func start(_ thread: consuming TokenThread) -> Bool {
        let box = Unmanaged.passRetained(ThreadBox(thread))
        var handle = pthread_t()
        let error = pthread_create(
            &handle, nil,
            { context in
                guard let context else { return nil }
                Unmanaged<ThreadBox>.fromOpaque(context).takeRetainedValue().thread.run()
                return nil
            }, box.toOpaque())
        if error == 0 { pthread_detach(handle) } else { box.release() }
        return error == 0
    }
}

/// The process that speaks with a token.
package enum TokenServant {
    /// Serves signatures until the service closes its end. To be called from the main thread before
    /// anything else runs.
    package static func run() -> Never { slipway_token_serve(SLIPWAY_TOKEN_DESCRIPTOR) }
}

/// Hands one answer from the token's thread to the one that waits for it.
private final class TokenAnswer: Sendable {
    private let value = Mutex<Result<[UInt8], TokenFailure>>(.failure(TokenFailure(.lost)))
    private let arrived = DispatchSemaphore(value: 0)

    func set(_ answer: Result<[UInt8], TokenFailure>) {
        self.value.withLock { $0 = answer }
        self.arrived.signal()
    }

    /// Every call is answered: it waits for one deadline at most, and is served within another.
    func wait() -> Result<[UInt8], TokenFailure> {
        self.arrived.wait()
        return self.value.withLock { $0 }
    }
}
