import Testing

@testable import CertificateAuthority

/// When a pair is made that nobody waits for.
@Suite struct RefillPaceTests {
    /// A service on two processors whose time goes by as told.
    private struct Service {
        var pace = RefillPace(processors: 2)
        var now = RefillPace.Reading(elapsed: .seconds(1000), worked: .seconds(77))

        /// Of `time`, the rest of the service works on so many processors.
        mutating func pass(_ time: Duration, busyOn processors: Double) {
            self.now.elapsed += time
            self.now.worked += time * processors
        }

        mutating func look(isWaitedFor: Bool = false) -> RefillPace.Step {
            self.pace.next(self.now, isWaitedFor: isWaitedFor)
        }

        mutating func made(cost: Duration) {
            self.pace.made(cost: cost, at: self.now.elapsed)
        }
    }

    @Test func anIdleServiceMakesOnePairAfterAnother() {
        var service = Service()
        let first = service.look()
        #expect(first == .rest(RefillPace.windowMin))
        for _ in 0..<5 {
            service.pass(.milliseconds(250), busyOn: 0.1)
            let step = service.look()
            #expect(step == .make)
            service.made(cost: .milliseconds(240))
        }
    }

    @Test(arguments: [(0.49, true), (0.5, false), (1.7, false)])
    func aQuarterOfTheProcessorsIsBusy(processors: Double, isIdle: Bool) {
        var service = Service()
        service.made(cost: .seconds(1))
        _ = service.look()
        service.pass(RefillPace.windowMin, busyOn: processors)
        let step = service.look()
        #expect((step == .make) == isIdle)
    }

    /// A P-256 pair takes less than a window.
    @Test func aShortPairChangesNoVerdict() {
        var service = Service()
        _ = service.look()
        service.pass(RefillPace.windowMin, busyOn: 0)
        for _ in 0..<10 {
            service.pass(.microseconds(300), busyOn: 2)
            let step = service.look()
            #expect(step == .make)
            service.made(cost: .microseconds(300))
        }
        service.pass(RefillPace.windowMin, busyOn: 2)
        let step = service.look()
        #expect(step != .make)
    }

    @Test func aBusyServiceGivesAFiftiethOfACore() {
        var service = Service()
        let begin = service.now.elapsed
        var made = 0
        while service.now.elapsed - begin < .seconds(100) {
            switch service.look() {
            case .make:
                made += 1
                service.pass(.milliseconds(200), busyOn: 2)
                service.made(cost: .milliseconds(200))
            case .rest(let time):
                #expect(time > .zero && time <= RefillPace.windowMin)
                service.pass(time, busyOn: 2)
            }
        }
        #expect((9...11).contains(made))
    }

    /// The first second of a shift is not what an hour of silence was.
    @Test func anIdleHourSaysNothingAboutNow() {
        var service = Service()
        _ = service.look()
        service.made(cost: .milliseconds(240))
        var steps: [RefillPace.Step] = []
        for (time, processors) in [(Duration.seconds(3600), 0.0), (.milliseconds(100), 1.5)] {
            service.pass(time, busyOn: processors)
            steps.append(service.look())
        }
        #expect(steps == [.rest(RefillPace.windowMin), .rest(RefillPace.windowMin)])
        service.pass(RefillPace.windowMin, busyOn: 0)
        let step = service.look()
        #expect(step == .make)
    }

    @Test func whoeverWaitsIsNotKeptWaiting() {
        var service = Service()
        for _ in 0..<3 {
            let step = service.look(isWaitedFor: true)
            #expect(step == .make)
            service.pass(RefillPace.windowMin, busyOn: 2)
            service.made(cost: .seconds(1))
        }
    }

    /// What the kernel counts is there, and goes on.
    @Test func clocksGoOn() {
        let (before, own) = (ProcessorClocks.reading(), ProcessorClocks.threadTime())
        while ProcessorClocks.threadTime() == own {}
        let after = ProcessorClocks.reading()
        #expect(after.elapsed > before.elapsed)
        #expect(after.worked >= before.worked)
    }
}
