import COpenSSLShims
import Fleet

/// What a token's thread does all its life: keep the process that speaks with it, give it one call
/// after the other, and replace it when it is late, lost or could not sign. What a module holds on
/// to after a failure is not known; a process of its own takes it along when it is killed.
struct TokenThread: ~Copyable {
    private let line: TokenLine
    private let uri: KeyURI
    private let access: TokenAccess
    private let pin: TokenPIN
    private var process: TokenProcess?
    /// SubjectPublicKeyInfo of what the process has opened.
    private var key: [UInt8] = []
    /// Which PIN was offered last.
    private var offered = 0
    /// What the token is left alone for, and until when.
    private var failure: TokenFailure?
    private var restsUntil = ContinuousClock.now

    init(line: TokenLine, uri: KeyURI, access: TokenAccess, pin: TokenPIN) {
        self.line = line
        self.uri = uri
        self.access = access
        self.pin = pin
    }

    mutating func run() {
        while let call = self.line.next() { call.answer(self.serve(call)) }
        self.stop()
    }

    private mutating func serve(_ call: TokenCall) -> Result<[UInt8], TokenFailure> {
        let now = ContinuousClock.now
        // Whoever waited behind a token that hung is told what it was, and does not wait again.
        if let failure = self.failure, now < self.restsUntil { return .failure(failure) }
        guard now < call.waitsUntil else { return .failure(TokenFailure(.busy)) }
        let deadline = now + self.access.deadline
        do throws(TokenFailure) {
            let answer = try self.answer(call, before: deadline)
            self.failure = nil
            if case .signature = call.wish { self.line.found(.answers) }
            return .success(answer)
        } catch {
            self.stop()
            if error.kind == .pin { self.pin.wasRefused(self.offered) }
            self.failure = error
            self.restsUntil = ContinuousClock.now + self.access.pause
            self.line.found(.fails(error))
            return .failure(error)
        }
    }

    /// A session that the token closed meanwhile, or a process that died, is found out with the
    /// next call, which has another try for it. One that is late has no time for that.
    private mutating func answer(
        _ call: TokenCall, before deadline: ContinuousClock.Instant
    ) throws(TokenFailure) -> [UInt8] {
        if self.process != nil {
            do throws(TokenFailure) { return try self.fulfil(call, before: deadline) } catch {
                guard error.kind == .failed || error.kind == .lost else { throw error }
                self.stop()
            }
        }
        try self.open(before: deadline)
        return try self.fulfil(call, before: deadline)
    }

    private mutating func open(before deadline: ContinuousClock.Instant) throws(TokenFailure) {
        guard !self.pin.isRefused else { throw TokenFailure(.pin) }
        let process = try TokenProcess(
            self.access.program, environment: self.access.environment)
        self.line.started(process.pid)
        self.process = consume process
        let (secret, number) = self.pin.present
        self.offered = number
        let count = secret?.expose { $0.count } ?? 0
        let sections = [self.uri.text, self.access.module, self.access.providers]
        try self.process?.send(
            TokenFrame.encoded(SLIPWAY_TOKEN_OPEN, sections.map { Array($0.utf8) }, more: count),
            before: deadline)
        if let secret { try self.process?.send(secret, before: deadline) }
        self.key = try self.reply(SLIPWAY_TOKEN_KEY, before: deadline)
    }

    private mutating func fulfil(
        _ call: TokenCall, before deadline: ContinuousClock.Instant
    ) throws(TokenFailure) -> [UInt8] {
        guard call.key == nil || call.key == self.key else { throw TokenFailure(.stranger) }
        switch call.wish {
        case .publicKey: return self.key
        case .signature(let digest, let bytes):
            try self.process?.send(
                TokenFrame.encoded(SLIPWAY_TOKEN_SIGN, [Array(digest.utf8), bytes]),
                before: deadline)
            return try self.reply(SLIPWAY_TOKEN_SIGNATURE, before: deadline)
        }
    }

    private mutating func reply(
        _ kind: Int, before deadline: ContinuousClock.Instant
    ) throws(TokenFailure) -> [UInt8] {
        guard let frame = try self.process?.receive(before: deadline) else {
            throw TokenFailure(.lost)
        }
        if frame.kind == SLIPWAY_TOKEN_FAILURE, frame.sections.count == 2 {
            let texts = frame.sections.map { String(decoding: $0, as: UTF8.self) }
            throw TokenFailure(
                TokenFailure.Kind(rawValue: texts[0]) ?? .failed, texts[1].clipped)
        }
        guard frame.kind == kind, frame.sections.count == 1 else { throw TokenFailure(.lost) }
        return frame.sections[0]
    }

    private mutating func stop() {
        self.line.end()
        self.process = nil
        self.key = []
    }
}
