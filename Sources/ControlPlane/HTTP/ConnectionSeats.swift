import NIOCore
import Synchronization

/// The connections that a server holds, so that whoever comes gets in: when there are as many as
/// there may be, the one that has been idle for the longest goes. Otherwise a thousand that say
/// nothing would keep everybody out until they time out, and could come again then.
///
/// A connection counts as idle until what came over it was recognized: opening one, a handshake
/// and the half of a request cost its client nothing.
final class ConnectionSeats: Sendable {
    private struct Seat {
        let channel: any Channel
        var isAtWork = false
        /// When it last came to be idle, as a count of such moments.
        var idleSince: UInt64
    }

    private struct State {
        var seats: [ObjectIdentifier: Seat] = [:]
        var moment: UInt64 = 0

        mutating func nextMoment() -> UInt64 {
            self.moment += 1
            return self.moment
        }
    }

    private let seatsMax: Int
    private let state = Mutex(State())

    init(max: Int) { self.seatsMax = max }

    var count: Int { self.state.withLock { $0.seats.count } }

    /// A connection has come. Another may have to go for it.
    func take(_ channel: any Channel) {
        let id = ObjectIdentifier(channel)
        let evicted: (any Channel)? = self.state.withLock { state in
            var evicted: (any Channel)?
            if state.seats.count >= self.seatsMax,
                let oldest = state.seats.filter({ !$0.value.isAtWork })
                    .min(by: { $0.value.idleSince < $1.value.idleSince })
            {
                evicted = oldest.value.channel
                state.seats[oldest.key] = nil
            }
            state.seats[id] = Seat(channel: channel, idleSince: state.nextMoment())
            return evicted
        }
        channel.closeFuture.whenComplete { _ in self.state.withLock { $0.seats[id] = nil } }
        evicted?.close(mode: .all, promise: nil)
    }

    /// What came over it is a known caller's.
    func begin(_ channel: any Channel) {
        self.state.withLock { $0.seats[ObjectIdentifier(channel)]?.isAtWork = true }
    }

    /// Its request is answered.
    func rest(_ channel: any Channel) {
        self.state.withLock { state in
            let moment = state.nextMoment()
            state.seats[ObjectIdentifier(channel)]?.isAtWork = false
            state.seats[ObjectIdentifier(channel)]?.idleSince = moment
        }
    }
}
