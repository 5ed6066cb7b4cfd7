import MQTT
import NIOCore
import Testing

@Suite struct ConnectionEndingTests {
    private static func withWill(_ version: ProtocolVersion) -> ConnectionMachine {
        connected(version) {
            $0.keepAliveSeconds = 40
            $0.will = Will(topic: topic("w"), payload: buffer("gone"))
        }
    }

    @Test func anyPacketKeepsTheConnectionAlive() {
        var machine = connected(.v5) { $0.keepAliveSeconds = 40 }
        #expect(machine.nextDeadline == 60_000)
        #expect(machine.received(.pingreq, at: 59_999) == .send(.pingresp))
        #expect(machine.tick(at: 60_000) == .nothing && machine.nextDeadline == 119_999)
        #expect(
            machine.received(.puback(PublishAck(packetID: 1)), at: 100_000)
                == .acknowledged(PublishAck(packetID: 1)))
        #expect(machine.tick(at: 159_999) == .nothing)
        let action = machine.tick(at: 160_000)
        #expect(action.closing?.cause == .keepAliveTimeout && action.goodbye == .keepAliveTimeout)
    }

    @Test func silenceEndsA311ConnectionInSilenceAndPublishesTheWill() {
        var machine = Self.withWill(.v311)
        let closing = machine.tick(at: 60_000).closing
        #expect(closing?.packet == nil && closing?.willIsDue == true)
    }

    @Test func aGoodbyeDiscardsTheWillUnlessItSaysOtherwise() {
        for (reason, isDue) in [
            (.normalDisconnection, false), (.disconnectWithWillMessage, true),
            (.unspecifiedError, true),
        ] as [(ReasonCode, Bool)] {
            var machine = Self.withWill(.v5)
            let closing = machine.received(.disconnect(Disconnect(reason: reason)), at: 1).closing
            #expect(closing?.cause == .clientDisconnected(reason))
            #expect(closing?.packet == nil && closing?.willIsDue == isDue)
        }
        var without = connected(.v5)
        let action = without.received(
            .disconnect(Disconnect(reason: .disconnectWithWillMessage)), at: 1)
        #expect(action.closing?.willIsDue == false)
    }

    @Test func aLostConnectionPublishesTheWill() {
        var machine = Self.withWill(.v5)
        let closing = machine.connectionLost().closing
        #expect(closing?.cause == .connectionLost && closing?.willIsDue == true)
        #expect(machine.connectionLost() == .nothing)
        var judged = ConnectionMachine(settings: ConnectionSettings(), at: 0)
        #expect(judged.connectionLost().closing?.willIsDue == false)
    }

    @Test func theServerEndsItWithAReasonItMaySay() {
        for (reason, said) in [
            (.sessionTakenOver, .sessionTakenOver), (.serverShuttingDown, .serverShuttingDown),
            (.badUserNameOrPassword, .unspecifiedError),
        ] as [(ReasonCode, ReasonCode)] {
            var machine = Self.withWill(.v5)
            let action = machine.close(reason: reason, publishesWill: true)
            #expect(action.goodbye == said && action.closing?.cause == .server(reason))
            #expect(action.closing?.willIsDue == true)
        }
        var three = Self.withWill(.v311)
        let action = three.close(reason: .notAuthorized, publishesWill: false)
        #expect(action.closing?.packet == nil && action.closing?.willIsDue == false)
        #expect(three.close(reason: .notAuthorized, publishesWill: true) == .nothing)
    }

    @Test func shutdownRefusesAConnectBeingJudged() {
        var machine = ConnectionMachine(settings: ConnectionSettings(), at: 0)
        _ = machine.received(.connect(Connect(version: .v5, clientID: "a")), at: 0)
        let action = machine.close(reason: .serverShuttingDown, publishesWill: true)
        #expect(action.connack?.reason == .serverUnavailable)
        var silent = ConnectionMachine(settings: ConnectionSettings(), at: 0)
        #expect(
            silent.close(reason: .serverShuttingDown, publishesWill: true).closing?.packet == nil)
    }

    @Test func aSessionThatEndsWithItsConnectionIsNotProlonged() {
        let goodbye = Packet.disconnect(Disconnect(properties: [.sessionExpiryInterval(10)]))
        var machine = connected(.v5)
        #expect(machine.received(goodbye, at: 1).error?.code == .sessionExpiryRaised)
        var asked = connected(.v5) { $0.properties.sessionExpiryInterval = 5 }
        #expect(
            asked.received(goodbye, at: 1).closing?.cause
                == .clientDisconnected(.normalDisconnection))
    }

    @Test func nothingIsAcknowledgedAfterTheEnd() {
        var machine = connected(.v5)
        let publish = Publish(
            topic: topic("a"), payload: ByteBuffer(), qos: .atLeastOnce, packetID: 1)
        _ = machine.received(.publish(publish), at: 1)
        _ = machine.connectionLost()
        #expect(machine.acknowledge(1) == .nothing)
        #expect(machine.failed(MQTTError(.invalidUTF8, "x")) == .nothing)
    }
}
