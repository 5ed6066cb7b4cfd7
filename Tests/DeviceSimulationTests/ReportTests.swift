import JSON
import Testing

@testable import DeviceSimulation

@Suite struct ReportTests {
    private func tally() -> SimulationTally {
        var tally = SimulationTally(devices: 4)
        for (index, milliseconds) in [10, 20, 30].enumerated() {
            var outcome = DeviceOutcome(kind: index == 0 ? .csr : .keys)
            outcome.attempts = index + 1
            outcome.powerCuts = 1
            outcome.timings = [(.create, .milliseconds(milliseconds))]
            tally.add(outcome)
        }
        var failed = DeviceOutcome(kind: .csr)
        failed.attempts = 2
        let failure = DeviceFailure(.create, .timedOut, "no answer")
        failed.setbacks = [failure, failure]
        failed.failure = failure
        tally.add(failed)
        return tally
    }

    @Test func reportAddsUp() throws {
        let report = self.tally().report(elapsed: .seconds(2))
        #expect(report.provisioned == 3)
        #expect(report.failed == 1)
        #expect(!report.isComplete)
        #expect(report.attempts == 8)
        #expect(report.powerCuts == 3)
        #expect(report.devicesPerSecond == 1.5)
        #expect(report.kinds.map(\.kind) == [.csr, .keys])
        #expect(report.kinds.map(\.devices) == [2, 2])
        #expect(report.kinds.map(\.provisioned) == [1, 2])
        #expect(report.failures.map(\.count) == [1])
        #expect(report.setbacks.map(\.count) == [2])
        let create = try #require(report.steps.first)
        #expect(create.count == 3)
        // HdrHistogram keeps three digits.
        #expect((19_900...20_100).contains(create.medianMicroseconds))
        #expect((29_900...30_100).contains(create.maxMicroseconds))
    }

    @Test func jsonHasEveryFigure() throws {
        let json = self.tally().report(elapsed: .milliseconds(1500)).json
        #expect(json["provisioned"]?.intValue == 3)
        #expect(json["elapsedMicroseconds"]?.intValue == 1_500_000)
        #expect(json["devicesPerSecond"] == .number(try #require(JSONNumber(2.0))))
        #expect(json["kinds"]?["keys"]?["provisioned"]?.intValue == 2)
        #expect(json["steps"]?["create"]?["count"]?.intValue == 3)
        let failure = try #require(json["failures"]?.arrayValue?.first)
        #expect(failure["reason"]?.stringValue == "create: no answer in time")
        // What is printed can be read again.
        #expect(try JSONParser.parse(JSONPrinter.print(json)) == json)
    }

    @Test func textNamesKindsStepsAndReasons() {
        let text = self.tally().report(elapsed: .seconds(2)).text
        #expect(text.hasPrefix("3 of 4 devices provisioned in 2.00 s (1.5 a second)"))
        #expect(text.contains("own key and CSR: 1 of 2 provisioned"))
        #expect(text.contains("1 x create: no answer in time: no answer"))
    }

    @Test func progressLineShowsRateTimeLeftAndFailures() {
        let line = self.tally().progress(elapsed: .seconds(2)).line(columns: 200)
        #expect(line.contains("4/4"))
        #expect(line.contains("2.0/s"))
        #expect(line.contains("0:00 left"))
        #expect(line.contains("1 failed (1 x create: no answer in time)"))
    }

    @Test(arguments: [0, 1, 3, 40, 79])
    func progressLineFitsItsColumns(columns: Int) {
        let line = self.tally().progress(elapsed: .seconds(2)).line(columns: columns)
        #expect(line.count <= max(columns, 3))
    }

    @Test func emptyRunHasNoInfinities() {
        let tally = SimulationTally(devices: 1)
        #expect(tally.report(elapsed: .zero).devicesPerSecond == 0)
        #expect(tally.progress(elapsed: .zero).line(columns: 80).contains("0/1"))
    }

    /// A foreign service chooses error codes; a million different ones must not fill the memory.
    @Test func reasonsAreBounded() {
        var tally = FailureTally()
        for number in 0..<1000 {
            tally.add(
                DeviceFailure(.create, .rejected(statusCode: 400, errorCode: "E\(number)"), ""))
        }
        #expect(tally.sorted.count == 65)
        #expect(
            tally.sorted.first == FailureCount(reason: "other reasons", count: 936, example: ""))
    }

    @Test func durationsBeyondTheScaleAreRecordedAtItsEnd() {
        var timings = StepTimings()
        timings.record(.total, .seconds(100_000))
        timings.record(.total, .seconds(-1))
        #expect(timings.summaries.first?.count == 2)
    }

    // MARK: Units

    private static let refused = DeviceFailure(
        .register, .rejected(statusCode: 403, errorCode: "AccessDenied"), "no")
    private static let conflict = DeviceFailure(
        .register, .rejected(statusCode: 409, errorCode: "ResourceConflict"), "taken")

    private func outcome(
        _ index: Int, _ role: DeviceRole = .honest, shared: Bool = false,
        _ failure: DeviceFailure? = nil
    ) -> DeviceOutcome {
        var outcome = DeviceOutcome(kind: .csr, index: index, role: role)
        outcome.sharesSerial = shared
        outcome.failure = failure
        if shared {
            outcome.identity = DeviceIdentity(
                thingName: "t", credentials: Credentials(certificatePEM: [], privateKeyPEM: []))
        }
        return outcome
    }

    private func report(
        _ outcomes: [DeviceOutcome], budget: Int? = nil, letIn: [Int] = []
    ) -> UnitsReport {
        var tally = SimulationTally(devices: outcomes.count, budget: budget)
        for outcome in outcomes { tally.add(outcome) }
        return tally.report(elapsed: .seconds(1), letIn: letIn).units
    }

    @Test func aLabelScannedTwiceIsOneUnit() {
        let pair = [
            self.outcome(0, .original, shared: true),
            self.outcome(1, .scannedAgain, shared: true, Self.conflict), self.outcome(2),
        ]
        let once = self.report(pair, letIn: [1])
        #expect(once.units == 2 && once.provisioned == 2 && once.losersExpected == 1)
        #expect(once.isAsExpected)
        // Both in, or neither, is not once.
        for letIn in [0, 2] {
            let other = self.report(pair, letIn: [letIn])
            #expect(other.notOnce == 1 && !other.isAsExpected)
        }
        let neither = self.report([
            self.outcome(0, .original, shared: true, Self.conflict),
            self.outcome(1, .scannedAgain, shared: true, Self.conflict),
        ])
        #expect(neither.provisioned == 0 && neither.expected == 1 && !neither.isAsExpected)
    }

    @Test func aCopiedImageIsNoUnitAndMustBeRefusedAsOne() {
        let original = self.outcome(98, .original)
        let refused = self.report([original, self.outcome(99, .copy, shared: false, Self.conflict)])
        #expect(refused.units == 1 && refused.losersExpected == 1 && refused.isAsExpected)
        let letIn = self.report([original, self.outcome(99, .copy)])
        #expect(letIn.copiesLetIn == 1 && !letIn.isAsExpected)
        let otherwise = self.report([
            original, self.outcome(99, .copy, shared: false, Self.refused),
        ])
        #expect(otherwise.losersUnexpected == 1 && !otherwise.isAsExpected)
    }

    @Test func aBudgetIsExactOrItIsNot() {
        let three = (0..<3).map { self.outcome($0) }
        let exact = self.report(
            three + [self.outcome(3, .honest, shared: false, Self.refused)], budget: 3)
        #expect(exact.expected == 3 && exact.losersExpected == 1 && exact.isAsExpected)
        #expect(!self.report(three, budget: 2).isAsExpected)
        let short = self.report(
            three + [self.outcome(3, .honest, shared: false, Self.refused)], budget: 4)
        #expect(!short.isAsExpected)
        // Whoever fails for another reason was not meant.
        let other = self.report(
            three + [self.outcome(3, .honest, shared: false, Self.conflict)], budget: 3)
        #expect(other.losersUnexpected == 1 && !other.isAsExpected)
    }

    @Test func honestFailuresAreNeverExpected() {
        let report = self.report([
            self.outcome(0), self.outcome(1, .honest, shared: false, Self.refused),
        ])
        #expect(report.losersUnexpected == 1 && !report.isAsExpected)
    }
}
