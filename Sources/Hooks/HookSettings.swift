/// What a hook may use and how long it may take. Every limit a script can meet ends in a refusal
/// for its device and in nothing else.
package struct HookSettings: Hashable, Sendable {
    /// Child processes, and so calls that run at once while none lasts long.
    package var workers: Int
    /// Calls that may wait for a worker; one more is refused at once.
    package var callsWaitingMax: Int
    /// From the moment a worker has the call. AWS: five seconds.
    package var deadlineMilliseconds: Int
    /// How long a call may wait for a worker before it is refused.
    package var waitMillisecondsMax: Int
    /// Interpreter instructions, and the steps that library functions take.
    package var instructionsMax: Int
    /// The script's own memory.
    package var memoryBytesMax: Int

    package init(
        workers: Int, callsWaitingMax: Int = 1024, deadlineMilliseconds: Int = 5000,
        waitMillisecondsMax: Int = 5000, instructionsMax: Int = 10_000_000,
        memoryBytesMax: Int = 8 << 20
    ) {
        self.workers = max(1, min(workers, HookLimits.workersMax))
        self.callsWaitingMax = max(1, callsWaitingMax)
        self.deadlineMilliseconds = max(1, deadlineMilliseconds)
        self.waitMillisecondsMax = max(1, waitMillisecondsMax)
        self.instructionsMax = max(1, instructionsMax)
        self.memoryBytesMax = max(HookLimits.memoryBytesMin, memoryBytesMax)
    }

    /// Workers that stand by for as long as others are held up by calls that last: as many again,
    /// each started when it is first needed.
    package var spares: Int { self.workers }

    var rota: HookRota.Limits {
        HookRota.Limits(
            workers: self.workers, spares: self.spares, waitingMax: self.callsWaitingMax,
            slice: .milliseconds(HookLimits.sliceMilliseconds))
    }

    /// One worker for eight cores: a hook is short, and devices are few beside messages. Two at
    /// least, since no hook may keep all of them busy.
    package static func standard(cores: Int) -> HookSettings {
        HookSettings(workers: max(2, cores / 8))
    }
}

/// The bounds that nobody has a reason to change.
package enum HookLimits {
    package static let workersMax = 64
    /// Below this the environment itself does not fit.
    package static let memoryBytesMin = 256 << 10
    package static let answerBytesMax = 64 << 10
    /// Of an error a script raised.
    package static let causeBytesMax = 1 << 10
    package static let logLinesMax = 64
    package static let logBytesMax = 8 << 10
    package static let lookupsMax = 64
    package static let denyReasonCharactersMax = 256
    package static let reasonCodeCharactersMax = 64
    /// Attributes that one answer may have kept.
    package static let attributesMax = 16
    /// One message between service and worker.
    package static let frameBytesMax = 2 << 20
    /// What the worker's process may map beyond the script's memory: messages and stacks.
    package static let processBytesMore = 64 << 20
    /// Over a worker's whole life, which ends well before at `workerSecondsMax`.
    package static let processorSecondsMax = 600
    /// After so much reported CPU time or so many calls a worker is replaced by a fresh one.
    package static let workerSecondsMax = 300
    package static let workerCallsMax = 100_000
    /// A call that lasts longer than this holds up nobody else. An honest one is done in a fraction
    /// of it, the look-ups it waits for included.
    package static let sliceMilliseconds = 250
    /// From spawn until the worker says that it is ready.
    package static let startMillisecondsMax = 20_000
    /// How fast workers may be replaced: so many at once, and then so many a second.
    package static let respawnsAtOnceMax = 8
    package static let respawnsPerSecondMax = 10
}
