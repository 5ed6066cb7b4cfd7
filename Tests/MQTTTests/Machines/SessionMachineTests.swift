import MQTT
import NIOCore
import Testing

@Suite struct SessionMachineTests {
    private static func message(
        _ name: String, _ qos: QoS = .atLeastOnce, _ properties: Properties = .none
    ) -> Publish {
        Publish(
            topic: topic(name), payload: buffer("x"), qos: qos, duplicate: true, packetID: 999,
            properties: properties)
    }

    private static func session(
        window: UInt16 = 2, messages: Int = 1000, bytes: Int = 1 << 20
    ) -> SessionMachine {
        var limits = SessionLimits()
        limits.queuedMessagesMax = messages
        limits.queuedBytesMax = bytes
        return SessionMachine(limits: limits, clientReceiveMaximum: window)
    }

    private static func sent(_ outcome: OfferOutcome) -> Publish? {
        if case .send(let publish) = outcome { publish } else { nil }
    }

    private static func drain(_ session: inout SessionMachine, at now: Int64 = 0) -> [String] {
        var names: [String] = []
        while let message = session.next(at: now) { names.append(message.topic.text) }
        return names
    }

    @Test func aMessageLosesItsPublishersMarks() throws {
        var session = Self.session()
        let zero = try #require(Self.sent(session.offer(Self.message("a", .atMostOnce), at: 0)))
        #expect(zero.packetID == nil && !zero.duplicate && session.inFlightCount == 0)
        let one = try #require(Self.sent(session.offer(Self.message("a"), at: 0)))
        #expect(one.packetID == 1 && !one.duplicate && one.qos == .atLeastOnce)
        let two = try #require(Self.sent(session.offer(Self.message("a", .exactlyOnce), at: 0)))
        #expect(two.packetID == 2 && two.qos == .atLeastOnce)
    }

    @Test func theWindowHoldsAndOpensWithEachAcknowledgement() {
        var session = Self.session(window: 2)
        for name in ["a", "b", "c", "d"] { _ = session.offer(Self.message(name), at: 0) }
        #expect(session.inFlightCount == 2 && session.queuedCount == 2)
        #expect(session.next(at: 0) == nil)
        #expect(session.acknowledged(PublishAck(packetID: 2))?.topic == topic("b"))
        #expect(session.next(at: 0)?.topic == topic("c") && session.next(at: 0) == nil)
        #expect(session.acknowledged(PublishAck(packetID: 2)) == nil)
        #expect(
            session.acknowledged(PublishAck(packetID: 1, reason: .quotaExceeded))?.topic
                == topic("a"))
        #expect(session.next(at: 0)?.packetID == 4)
        #expect(session.queuedCount == 0 && session.queuedBytes == 0)
    }

    @Test func qos0PassesAFullWindow() {
        var session = Self.session(window: 1)
        _ = session.offer(Self.message("a"), at: 0)
        _ = session.offer(Self.message("b"), at: 0)
        #expect(Self.sent(session.offer(Self.message("c", .atMostOnce), at: 0)) != nil)
    }

    @Test func aSlowSocketHoldsEverythingInOrder() {
        var session = Self.session()
        session.isWritable = false
        for name in ["a", "b"] {
            #expect(session.offer(Self.message(name, .atMostOnce), at: 0) == .queued)
        }
        #expect(session.offer(Self.message("c"), at: 0) == .queued)
        #expect(Self.drain(&session).isEmpty)
        session.isWritable = true
        // Still behind those that wait.
        #expect(session.offer(Self.message("d", .atMostOnce), at: 0) == .queued)
        #expect(Self.drain(&session) == ["c", "a", "b", "d"])
        #expect(Self.sent(session.offer(Self.message("e", .atMostOnce), at: 0)) != nil)
    }

    @Test func fullQueuesDropQoS0AndCountIt() {
        var session = Self.session(messages: 2)
        session.isWritable = false
        for name in ["a", "b"] { _ = session.offer(Self.message(name, .atMostOnce), at: 0) }
        #expect(session.offer(Self.message("c", .atMostOnce), at: 0) == .dropped)
        // A promise displaces what was none.
        #expect(session.offer(Self.message("d"), at: 0) == .queued)
        #expect(session.offer(Self.message("e"), at: 0) == .queued)
        #expect(session.offer(Self.message("f"), at: 0) == .overflow)
        #expect(session.droppedCount == 3 && session.queuedCount == 2)
        session.isWritable = true
        #expect(Self.drain(&session) == ["d", "e"])
    }

    @Test func bytesAreBoundedToo() {
        var session = Self.session(bytes: 200)
        session.isWritable = false
        #expect(session.offer(Self.message("a"), at: 0) == .queued)
        #expect(session.offer(Self.message("b"), at: 0) == .queued)
        #expect(session.offer(Self.message("c"), at: 0) == .overflow)
        #expect(session.queuedBytes <= 200)
    }

    @Test func identifiersGoRoundAndSkipThoseInUse() {
        var session = Self.session(window: 3)
        #expect(Self.sent(session.offer(Self.message("held"), at: 0))?.packetID == 1)
        var last: PacketID = 1
        for _ in 0..<65_534 {
            guard let id = Self.sent(session.offer(Self.message("a"), at: 0))?.packetID else {
                Issue.record("nothing was sent")
                return
            }
            last = id
            _ = session.acknowledged(PublishAck(packetID: id))
        }
        #expect(last == 65_535)
        #expect(Self.sent(session.offer(Self.message("a"), at: 0))?.packetID == 2)
    }

    @Test func waitingMessagesGrowOldAndExpire() {
        var session = Self.session()
        session.isWritable = false
        for (name, seconds) in [("a", 5), ("b", 10)] as [(String, UInt32)] {
            _ = session.offer(
                Self.message(name, .atLeastOnce, [.messageExpiryInterval(seconds)]), at: 1000)
        }
        _ = session.offer(
            Self.message("c", .atMostOnce, [.messageExpiryInterval(6)]), at: 1000)
        session.isWritable = true
        let next = session.next(at: 6500)
        #expect(next?.topic == topic("b") && next?.properties.messageExpiryInterval == 5)
        #expect(session.expiredCount == 1)
        #expect(session.next(at: 7000) == nil && session.expiredCount == 2)
    }

    @Test func aResumedSessionSendsAgainInOrder() {
        var session = Self.session(window: 3)
        for name in ["a", "b", "c", "d"] { _ = session.offer(Self.message(name), at: 0) }
        _ = session.acknowledged(PublishAck(packetID: 2))
        session.isWritable = false
        let again = session.resume(clientReceiveMaximum: 2)
        #expect(again.map(\.topic) == [topic("a"), topic("c")])
        #expect(again.map(\.packetID) == [1, 3] && again.allSatisfy(\.duplicate))
        #expect(session.next(at: 0) == nil)
        _ = session.acknowledged(PublishAck(packetID: 1))
        #expect(session.next(at: 0)?.topic == topic("d"))
    }

    @Test func anUnkeptMessageTakesAPlaceAndIsNeverSentAgain() {
        var session = SessionMachine(limits: SessionLimits(), clientReceiveMaximum: 1)
        #expect(session.admitUnkept(.atMostOnce) == .send(nil))
        #expect(session.admitUnkept(.atLeastOnce) == .send(1))
        #expect(session.admitUnkept(.atLeastOnce) == .wait)
        #expect(session.inFlightCount == 1)
        let again = session.resume(clientReceiveMaximum: 1)
        #expect(again.isEmpty)
        _ = session.acknowledged(PublishAck(packetID: 1))
        session.isWritable = false
        #expect(session.admitUnkept(.atLeastOnce) == .wait)
        #expect(session.admitUnkept(.atMostOnce) == .wait)
        session.isWritable = true
        #expect(session.admitUnkept(.atLeastOnce) == .send(2))
    }

    @Test func aMessageTheClientCannotTakeFreesItsPlace() {
        var session = Self.session(window: 1)
        _ = session.offer(Self.message("a"), at: 0)
        _ = session.offer(Self.message("b"), at: 0)
        session.abandon(1)
        #expect(session.next(at: 0)?.topic == topic("b"))
    }
}
