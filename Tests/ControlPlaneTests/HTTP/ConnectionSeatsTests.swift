import NIOCore
import NIOEmbedded
import Testing

@testable import ControlPlane

@Suite struct ConnectionSeatsTests {
    /// Three seats, and six that come one after the other. Embedded channels belong to the thread
    /// that made them, so each test makes its own.
    private struct Room {
        let seats = ConnectionSeats(max: 3)
        let channels: [EmbeddedChannel]

        init() throws {
            self.channels = (0..<6).map { _ in EmbeddedChannel() }
            let address = try SocketAddress(ipAddress: "192.0.2.1", port: 4000)
            for channel in self.channels { channel.connect(to: address, promise: nil) }
        }

        var open: [Bool] { self.channels.map(\.isActive) }

        func end() throws {
            for channel in self.channels { _ = try channel.finish(acceptAlreadyClosed: true) }
            #expect(self.seats.count == 0)
        }
    }

    @Test func whoeverHasBeenIdleForTheLongestGoesForWhoeverComes() throws {
        let room = try Room()
        for channel in room.channels.prefix(3) { room.seats.take(channel) }
        #expect(room.open == [true, true, true, true, true, true])
        room.seats.begin(room.channels[0])
        room.seats.begin(room.channels[1])
        room.seats.rest(room.channels[1])
        room.seats.take(room.channels[3])
        #expect(room.open == [true, true, false, true, true, true])
        room.seats.take(room.channels[4])
        #expect(room.open == [true, false, false, true, true, true])
        // Answered, the first is idle as well, but others have been for longer.
        room.seats.rest(room.channels[0])
        room.seats.take(room.channels[5])
        #expect(room.open == [true, false, false, false, true, true])
        try room.end()
    }

    @Test func whoeverIsAtWorkStays() throws {
        let room = try Room()
        for channel in room.channels.prefix(3) {
            room.seats.take(channel)
            room.seats.begin(channel)
        }
        room.seats.take(room.channels[3])
        room.seats.take(room.channels[4])
        #expect(room.open == [true, true, true, false, true, true])
        try room.end()
    }

    @Test func whoeverLeavesGivesUpItsSeat() throws {
        let room = try Room()
        for channel in room.channels.prefix(3) { room.seats.take(channel) }
        _ = try room.channels[1].finish()
        room.seats.take(room.channels[3])
        #expect(room.open == [true, false, true, true, true, true])
        try room.end()
    }
}
