import Testing

@testable import Provisioning

/// A gate gives its places to whoever asks first, and lets no more wait than it was told.
@Suite struct FairGateTests {
    @Test func whoeverFindsTooManyWaitingGoesAway() async {
        let gate = FairGate(places: 1)
        let first = await gate.enter(waitingMax: 0)
        let second = await gate.enter(waitingMax: 0)
        gate.leave()
        let third = await gate.enter(waitingMax: 0)
        #expect(first && !second && third)
    }

    @Test func aPlaceThatIsGivenBackGoesToWhoWaits() async {
        let gate = FairGate(places: 1)
        await gate.enter()
        @Sendable func visit() async -> Bool {
            let hasEntered = await gate.enter(waitingMax: 1)
            if hasEntered { gate.leave() }
            return hasEntered
        }
        async let second = visit()
        async let third = visit()
        gate.leave()
        // Of the two, one may have found the other waiting.
        let entered = await [second, third]
        let isFree = await gate.enter(waitingMax: 0)
        #expect(entered.contains(true))
        #expect(isFree)
    }
}
