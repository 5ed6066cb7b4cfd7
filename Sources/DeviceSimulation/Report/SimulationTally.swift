/// What one device's life came to.
struct DeviceOutcome: Sendable {
    let kind: DeviceKind
    var index = 0
    var role = DeviceRole.honest
    /// nil where the device ended provisioned.
    var failure: DeviceFailure?
    var timings: [(step: SimulationStep, duration: Duration)] = []
    var attempts = 0
    var powerCuts = 0
    var setbacks: [DeviceFailure] = []
    /// Requests of it that were answered 429.
    var turnedAway = 0
    var turnedAwayWithoutTime = 0
    /// Of a device whose serial number another one has too.
    var sharesSerial = false
    var identity: DeviceIdentity?
    /// Of a copy: it used its original's certificate.
    var wasPlayedInTheField = false
}

/// Counts reasons. Their number is bounded, as a foreign service chooses part of their text.
struct FailureTally: Sendable {
    private static let reasonsMax = 64
    private static let overflowReason = "other reasons"

    private var counts: [String: (count: Int, example: String)] = [:]

    mutating func add(_ failure: DeviceFailure) {
        let isRoom = self.counts.count < Self.reasonsMax || self.counts[failure.reason] != nil
        let reason = isRoom ? failure.reason : Self.overflowReason
        self.counts[reason, default: (0, failure.message)].count += 1
    }

    /// Most frequent first.
    var sorted: [FailureCount] {
        self.counts.map {
            FailureCount(reason: $0.key, count: $0.value.count, example: $0.value.example)
        }.sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }
    }
}

/// Sums up a run, one device at a time, in memory that does not grow with the devices.
struct SimulationTally: Sendable {
    private var timings: [DeviceKind: StepTimings] = [:]
    private var whole = StepTimings()
    private var devices: [DeviceKind: Int] = [:]
    private var provisioned: [DeviceKind: Int] = [:]
    private var failures = FailureTally()
    private var setbacks = FailureTally()
    private var attempts = 0
    private var powerCuts = 0
    private let devicesPlanned: Int
    private var units: UnitsTally

    init(devices: Int, budget: Int? = nil) {
        self.devicesPlanned = devices
        self.units = UnitsTally(budget: budget)
    }

    /// The identities of devices that share a serial number, group by group.
    var sharedIdentities: [[DeviceIdentity]] { self.units.sharedIdentities }

    mutating func add(_ outcome: DeviceOutcome) {
        self.devices[outcome.kind, default: 0] += 1
        if let failure = outcome.failure {
            self.failures.add(failure)
        } else {
            self.provisioned[outcome.kind, default: 0] += 1
        }
        for (step, duration) in outcome.timings {
            self.timings[outcome.kind, default: StepTimings()].record(step, duration)
            self.whole.record(step, duration)
        }
        for setback in outcome.setbacks { self.setbacks.add(setback) }
        self.units.add(outcome)
        self.attempts += outcome.attempts
        self.powerCuts += outcome.powerCuts
    }

    func progress(elapsed: Duration) -> SimulationProgress {
        let finished = self.devices.values.reduce(0, +)
        let provisioned = self.provisioned.values.reduce(0, +)
        return SimulationProgress(
            devices: self.devicesPlanned, provisioned: provisioned,
            failed: finished - provisioned, elapsed: elapsed, failures: self.failures.sorted)
    }

    /// - Parameter letIn: how many of each group of `sharedIdentities` are still let in.
    func report(elapsed: Duration, letIn: [Int] = []) -> SimulationReport {
        let notBegun = self.devicesPlanned - self.devices.values.reduce(0, +)
        let unborn =
            notBegun > 0
            ? [
                FailureCount(
                    reason: "not begun", count: notBegun,
                    example: "the run ended before their turn")
            ] : []
        return SimulationReport(
            devices: self.devicesPlanned,
            provisioned: self.provisioned.values.reduce(0, +), elapsed: elapsed,
            kinds: DeviceKind.allCases.compactMap { kind in
                guard let devices = self.devices[kind] else { return nil }
                return KindReport(
                    kind: kind, devices: devices, provisioned: self.provisioned[kind] ?? 0,
                    steps: self.timings[kind]?.summaries ?? [])
            },
            steps: self.whole.summaries, powerCuts: self.powerCuts, attempts: self.attempts,
            failures: self.failures.sorted + unborn, setbacks: self.setbacks.sorted,
            units: self.units.finished(letIn: letIn, notBegun: notBegun))
    }
}
