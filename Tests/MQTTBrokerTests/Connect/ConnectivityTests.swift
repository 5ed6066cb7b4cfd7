import Fleet
import Logging
import MQTT
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import MQTTBroker

@Suite struct ConnectivityTests {
    private let name = ThingName(checked: "pump-7")

    @Test func comingAndGoingIsWrittenDownWithItsReason() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let client = try await gateway.connect(device, as: self.name.rawValue)
        let there = await gateway.connectivity.newest { $0[self.name] != nil }
        #expect(there[self.name]?.state == .connected(at: gateway.clock.now))
        try client.send(.disconnect(Disconnect()))
        let gone = await gateway.connectivity.newest { $0[self.name]?.state.isConnected == false }
        #expect(gone[self.name]?.state == .disconnected(at: gateway.clock.now, .clientInitiated))
        await gateway.stop()
    }

    @Test func theOneWhoTookOverIsTheOneWhoIsConnected() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let first = try await gateway.connect(device, as: self.name.rawValue)
        let second = try await gateway.connect(device, as: self.name.rawValue)
        _ = await first.rest()
        let other = try await gateway.connect(device, as: "other")
        // Whatever the order in which they are heard of, the last state is the second's.
        let last = await gateway.connectivity.newest { $0[ThingName(checked: "other")] != nil }
        #expect(last[self.name]?.state.isConnected == true)
        _ = (second, other)
        await gateway.stop()
    }

    @Test func aServerThatStopsSaysOfEverybodyThatTheyLeft() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let client = try await gateway.connect(device, as: self.name.rawValue)
        await gateway.stop()
        let last = await gateway.connectivity.newest { $0[self.name]?.state.isConnected == false }
        #expect(last[self.name]?.state.disconnectReason == .serverInitiated)
        _ = client
    }

    // MARK: The recorder alone

    private func recorder(_ log: ConnectivityLog) -> (ConnectivityRecorder, BrokerMeter) {
        let meter = BrokerMeter()
        return (
            ConnectivityRecorder(store: log, meter: meter, logger: Logger(label: "test")), meter
        )
    }

    @Test func notesThatCameTogetherAreWrittenTogetherAndTheNewestCounts() async {
        let log = ConnectivityLog()
        let (recorder, meter) = self.recorder(log)
        let (early, late) = (Samples.time, Samples.time.advanced(bySeconds: 1))
        recorder.note("a", session: 2, .connected(at: late))
        // The loser of a take-over is heard of last.
        recorder.note("a", session: 1, .disconnected(at: late, .duplicateClientID))
        recorder.note("b", session: 3, .connected(at: early))
        recorder.note("b", session: 3, .disconnected(at: late, .connectionLost))
        recorder.note("no thing's name", session: 4, .connected(at: early))
        recorder.finish()
        await recorder.run(on: MultiThreadedEventLoopGroup.singleton.next())
        let newest = await log.newest { _ in true }
        #expect(newest.count == 2)
        #expect(newest[ThingName(checked: "a")]?.state == .connected(at: late))
        #expect(newest[ThingName(checked: "b")]?.state == .disconnected(at: late, .connectionLost))
        #expect(meter.snapshot.connectivityNotesWritten == 2)
    }

    @Test func whatTheStoreRefusesIsWrittenLater() async {
        let log = ConnectivityLog()
        let (recorder, meter) = self.recorder(log)
        log.failNext(1)
        recorder.note("a", session: 1, .connected(at: Samples.time))
        async let running: Void = recorder.run(on: MultiThreadedEventLoopGroup.singleton.next())
        let newest = await log.newest { _ in true }
        #expect(newest[ThingName(checked: "a")]?.state.isConnected == true)
        recorder.finish()
        await running
        #expect(meter.snapshot.connectivityNotesWritten == 1)
    }

    @Test func clientsBeyondTheBoundAreCountedAndNotKept() async {
        let log = ConnectivityLog()
        let (recorder, meter) = self.recorder(log)
        for number in 0...BrokerLimits.connectivityWaitingMax {
            recorder.note("c\(number)", session: 1, .connected(at: Samples.time))
        }
        #expect(meter.snapshot.connectivityNotesDropped == 1)
        // One who waits already is kept up to date all the same.
        recorder.note("c0", session: 2, .connected(at: Samples.time))
        #expect(meter.snapshot.connectivityNotesDropped == 1)
    }
}
