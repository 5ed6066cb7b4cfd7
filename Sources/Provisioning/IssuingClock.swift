package import Fleet
import Synchronization

/// The time that certificates are issued at, which never goes back.
///
/// A server whose clock jumps back would date a whole shift's certificates wrongly, and would take
/// spent tokens for fresh ones. It is better to stop issuing, and to say so, until the clock shows
/// at least what it has shown already. A device's clock is never looked at.
package final class IssuingClock: Sendable {
    /// Steps that a time service makes to discipline a clock are no alarm.
    package static let backwardsToleratedSeconds: Int64 = 10

    package enum Reading: Hashable, Sendable {
        case good(UnixTime)
        /// - Parameter isNew: the first reading that found it so.
        case wentBack(seconds: Int64, isNew: Bool)
        /// Good again after an alarm.
        case caughtUp(UnixTime)
    }

    private struct State {
        var latest: UnixTime
        var isAlarmed = false
    }

    private let clock: any WallClock
    private let state: Mutex<State>

    package init(_ clock: any WallClock) {
        self.clock = clock
        self.state = Mutex(State(latest: clock.now))
    }

    /// A moment that is known to have been: that of the newest record of the store, so that a
    /// service that starts with a clock of last week does not issue either.
    package func hasBeen(_ moment: UnixTime) {
        self.state.withLock { $0.latest = max($0.latest, moment) }
    }

    /// How far the clock is behind what it has shown; 0 where it is not.
    package var secondsBehind: Int64 {
        let now = self.clock.now
        let latest = self.state.withLock { $0.latest }
        let behind = latest.seconds - now.seconds
        return behind > Self.backwardsToleratedSeconds ? behind : 0
    }

    package func read() -> Reading {
        let now = self.clock.now
        return self.state.withLock { state in
            guard now.advanced(bySeconds: Self.backwardsToleratedSeconds) < state.latest else {
                state.latest = max(state.latest, now)
                defer { state.isAlarmed = false }
                return state.isAlarmed ? .caughtUp(now) : .good(now)
            }
            defer { state.isAlarmed = true }
            return .wentBack(
                seconds: state.latest.seconds - now.seconds, isNew: !state.isAlarmed)
        }
    }
}

extension Provisioner {
    /// How far the clock is behind what it has shown already, in seconds; 0 where it is not.
    package var clockSecondsBehind: Int64 { self.issuingClock.secondsBehind }

    /// See `IssuingClock.hasBeen`.
    package func clockHasShown(_ moment: UnixTime) { self.issuingClock.hasBeen(moment) }

    /// Looks at the clock, so that a step back is seen where nothing has been issued for hours, and
    /// is an alarm before the next device comes.
    package func watchClock() { _ = try? self.issuingTime() }

    /// The time to date an issue with.
    /// - Throws: `FleetError.internalFailure`, reason 9004, where the clock went back.
    func issuingTime() throws(FleetError) -> UnixTime {
        switch self.issuingClock.read() {
        case .good(let now): return now
        case .caughtUp(let now):
            self.announce(.clockCaughtUp)
            return now
        case .wentBack(let seconds, let isNew):
            if isNew { self.announce(.clockWentBack(seconds: seconds)) }
            throw FleetError(
                .internalFailure, "the clock went back by \(seconds) seconds; nothing is issued"
            ).because(.clockWentBack)
        }
    }

    /// A pair made ahead of need, or in the order of those who wait, of a kind that the certificate
    /// may have.
    func keyPair(
        for choice: CertificateChoice = .standard
    ) async throws(FleetError) -> KeyPair {
        let types = try self.ports.issuer.keyTypes(as: choice)
        do throws(FleetError) { return try await self.ports.keyPairs.next(of: types) } catch {
            throw error.code == .tooManyRequests ? error.because(.keyPairsExhausted) : error
        }
    }
}
