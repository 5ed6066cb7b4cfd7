import Testing

@testable import Provisioning

/// A gate gives its places to whoever asks first, and lets no more wait than it was told.
@Suite struct FairGateTests {
    @Test func whoeverFindsTooManyWaitingGoesAway() async {
        let gate = FairGate(places: 1)
        #expect(await gate.enter(waitingMax: 0))
        #expect(await !gate.enter(waitingMax: 0))
        gate.leave()
        #expect(await gate.enter(waitingMax: 0))
        gate.leave()
    }

    @Test func aPlaceThatIsGivenBackGoesToWhoWaits() async {
        let gate = FairGate(places: 1)
        await gate.enter()
        async let second = gate.enter(waitingMax: 1)
        async let third = gate.enter(waitingMax: 1)
        // Whichever of the two came first waits, and the other one went away.
        gate.leave()
        let entered = await [second, third]
        for _ in entered.filter({ $0 }) { gate.leave() }
        #expect(entered.contains(true))
        #expect(await gate.enter(waitingMax: 0))
    }
}
