import Fleet
import Testing

@testable import Hooks

/// Who is served next, whatever the hooks of others do.
@Suite struct HookRotaTests {
    private static let slice = Duration.milliseconds(250)
    private static let limits = HookRota.Limits(
        workers: 2, spares: 2, waitingMax: 16, slice: Self.slice)

    /// A rota, and the time that its calls are told.
    private struct Line {
        var rota: HookRota
        var now = ContinuousClock.now

        init(_ limits: HookRota.Limits = HookRotaTests.limits) { self.rota = HookRota(limits) }

        /// The ticket; nil where there is no room.
        mutating func add(_ hook: String, waits: Duration = .seconds(5)) -> Int? {
            self.rota.add(
                HookRota.Hook(name: HookName(checked: hook), digest: ""), until: self.now + waits)
        }
        mutating func next() -> Int? { self.rota.next(at: self.now) }
        mutating func end(_ ticket: Int?) { self.rota.ended(ticket ?? 0, at: self.now) }
        mutating func expire() -> [Int] { self.rota.expire(at: self.now) }
        mutating func pass(_ time: Duration) { self.now += time }
        var nextLook: Duration? { self.rota.nextLook(after: self.now).map { $0 - self.now } }

        /// Has a call of the hook last longer than a slice.
        mutating func makeSlow(_ hook: String) {
            let ticket = self.add(hook)
            _ = self.next()
            self.pass(HookRotaTests.slice)
            self.end(ticket)
        }
    }

    @Test func theFirstThatCameIsServedFirst() {
        var line = Line()
        let (a, b, c) = (line.add("a"), line.add("b"), line.add("c"))
        let served = [line.next(), line.next(), line.next()]
        #expect(served == [a, b, nil])
        line.end(a)
        let after = [line.next(), line.next()]
        #expect(after == [c, nil])
    }

    @Test func oneHookLeavesAWorker() {
        var line = Line()
        let (first, second, other) = (line.add("a"), line.add("a"), line.add("b"))
        let served = [line.next(), line.next()]
        #expect(served == [first, other])
        line.end(first)
        let after = line.next()
        #expect(after == second)
    }

    @Test func aCallThatLastsGivesItsPlaceBack() {
        var line = Line()
        _ = (line.add("a"), line.add("b"))
        _ = (line.next(), line.next())
        let honest = line.add("c")
        let early = line.next()
        let wait = line.nextLook
        line.pass(Self.slice)
        let late = line.next()
        #expect(early == nil)
        #expect(wait == Self.slice)
        #expect(late == honest)
    }

    @Test func hooksThatLastedHaveTheSparesOnly() {
        var line = Line()
        for hook in ["a", "b", "c"] { line.makeSlow(hook) }
        let slow = (line.add("a"), line.add("b"), line.add("c"))
        let served = [line.next(), line.next(), line.next()]
        let honest = (line.add("d"), line.add("e"))
        let others = [line.next(), line.next()]
        #expect(served == [slow.0, slow.1, nil])
        #expect(others == [honest.0, honest.1], "at once, whatever the slow ones do")
    }

    @Test func aHookThatIsQuickAgainIsForgiven() {
        var line = Line()
        line.makeSlow("a")
        line.makeSlow("b")
        line.makeSlow("c")
        let quick = line.add("a")
        _ = line.next()
        line.end(quick)
        _ = (line.add("b"), line.add("c"))
        _ = (line.next(), line.next())
        let again = line.add("a")
        let served = line.next()
        #expect(served == again)
    }

    @Test func startingAWorkerIsNoFaultOfTheHook() {
        var line = Line()
        let ticket = line.add("a")
        _ = line.next()
        line.pass(Self.slice * 4)
        line.rota.began(ticket ?? 0, at: line.now)
        line.end(ticket)
        // Had it become slow, it would be one of those for which there are two spares.
        for hook in ["b", "c"] { line.makeSlow(hook) }
        _ = (line.add("b"), line.add("c"))
        _ = (line.next(), line.next())
        let again = line.add("a")
        let served = line.next()
        #expect(served == again)
    }

    @Test func theQueueHasRoomForOthers() {
        var line = Line()
        let flood = (0..<20).map { _ in line.add("a") }
        #expect(flood.count { $0 != nil } == 14)
        let others = [line.add("b"), line.add("c"), line.add("d")]
        #expect(others.map { $0 != nil } == [true, true, false])
    }

    @Test func whoWaitedTooLongWaitsNoLonger() {
        var line = Line()
        let first = line.add("a", waits: .seconds(1))
        line.pass(.milliseconds(500))
        let second = line.add("a", waits: .seconds(1))
        line.pass(.milliseconds(499))
        let early = line.expire()
        let left = line.nextLook
        line.pass(.milliseconds(1))
        let late = line.expire()
        let next = line.next()
        #expect(early.isEmpty)
        #expect(left == .milliseconds(1))
        #expect(late == [first])
        #expect(next == second)
    }

    /// However calls come and go, nothing that may be served is left waiting for a look at a time
    /// that nobody said.
    @Test func someLookAlwaysFollows() {
        var line = Line(HookRota.Limits(workers: 2, spares: 2, waitingMax: 8, slice: Self.slice))
        var running: [Int] = []
        var (runningMost, looksMissing) = (0, 0)
        var random = UInt64(1)
        for _ in 0..<20_000 {
            random = random &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let choice = Int(random >> 33)
            switch choice % 4 {
            case 0, 1: _ = line.add("hook-\(choice / 4 % 5)")
            case 2: if !running.isEmpty { line.end(running.remove(at: choice / 4 % running.count)) }
            default: line.pass(.milliseconds(choice / 4 % 120))
            }
            _ = line.expire()
            while running.count < 4, let ticket = line.next() { running.append(ticket) }
            runningMost = max(runningMost, running.count)
            if !line.rota.isEmpty, line.nextLook.map({ $0 <= .zero }) ?? true { looksMissing += 1 }
        }
        #expect(runningMost == 4)
        #expect(looksMissing == 0)
    }
}
