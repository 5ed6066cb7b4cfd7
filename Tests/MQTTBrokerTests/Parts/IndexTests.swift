import Fleet
import MQTT
import NIOCore
import Policies
import Synchronization
import Testing

@testable import MQTTBroker

/// The tables a shard stands on, without sockets.
struct IndexTests {
    private static func id(_ byte: UInt8) -> CertificateID {
        CertificateID(sha256: [UInt8](repeating: byte, count: 32))
    }

    @Test func principalIndexFindsWhoReliesOnWhatChanged() throws {
        var index = PrincipalIndex()
        let policy = RecordKey.policy(try PolicyName("p"))
        index.enter(1, certificate: Self.id(1))
        index.enter(2, certificate: Self.id(1))
        index.replace(2, reliesOn: [.certificate(Self.id(1)), policy])
        #expect(index.connections(of: Self.id(1)) == [1, 2])
        #expect(index.connections(relyingOn: [policy]) == [2])
        #expect(index.connections(relyingOn: [policy, .certificate(Self.id(1))]) == [1, 2])
        index.replace(2, reliesOn: [.certificate(Self.id(1))])
        #expect(index.connections(relyingOn: [policy]).isEmpty)
        index.leave(1)
        index.leave(1)
        index.leave(2)
        #expect(index.connections(of: Self.id(1)).isEmpty)
        #expect(index.count == 0)
    }

    @Test func journalKnowsWhatChangedSince() throws {
        var journal = ChangeJournal()
        let (a, b) = (RecordKey.policy(try PolicyName("a")), RecordKey.policy(try PolicyName("b")))
        let start = journal.mark
        #expect(journal.isCurrent([a, b], since: start))
        journal.note([a])
        let middle = journal.mark
        journal.note([b])
        #expect(!journal.isCurrent([a], since: start))
        #expect(journal.isCurrent([a], since: middle))
        #expect(!journal.isCurrent([b], since: middle))
        #expect(journal.isCurrent([b], since: journal.mark))
    }

    @Test func journalTakesWhatItHasForgottenForChanged() throws {
        var journal = ChangeJournal()
        let a = RecordKey.policy(try PolicyName("a"))
        let start = journal.mark
        for _ in 0..<BrokerLimits.journalCommitsMax { journal.note([]) }
        #expect(journal.isCurrent([a], since: start))
        journal.note([])
        #expect(!journal.isCurrent([a], since: start))
    }

    @Test func directoryGivesANameToTheLastWhoClaimsIt() {
        let directory = SessionDirectory()
        let (one, two) = (
            SessionDirectory.Holder(shard: 0, connection: 1),
            SessionDirectory.Holder(shard: 1, connection: 1)
        )
        #expect(directory.claim("x", for: one).loser == nil)
        #expect(directory.claim("x", for: two).loser == one)
        // The loser's farewell takes nothing from the winner.
        directory.release("x", by: one)
        #expect(directory.claim("x", for: one).loser == two)
        directory.release("x", by: one)
        #expect(directory.claim("x", for: two).loser == nil)
    }

    @Test func clientIdentifiersAreComparedByteForByte() {
        let directory = SessionDirectory()
        let holder = SessionDirectory.Holder(shard: 0, connection: 1)
        #expect(directory.claim("dev-K", for: holder).loser == nil)
        // KELVIN SIGN, which Unicode holds for K.
        #expect(directory.claim("dev-\u{212A}", for: holder).loser == nil)
        directory.release("dev-\u{212A}", by: holder)
        #expect(directory.claim("dev-K", for: holder).loser == holder)
    }

    @Test func interestCountsSubscriptionsOfEachShard() throws {
        let table = InterestTable()
        let (filter, topic) = (try TopicFilter("a/+"), try TopicName("a/b"))
        table.add(filter, shard: 0)
        table.add(filter, shard: 0)
        table.add(filter, shard: 63)
        var shards = table.shards(for: topic)
        #expect(shards.contains(0) && shards.contains(63) && !shards.contains(1))
        table.remove(filter, shard: 0)
        #expect(table.shards(for: topic).contains(0))
        table.remove(filter, shard: 0)
        table.remove(filter, shard: 0)
        shards = table.shards(for: topic)
        #expect(!shards.contains(0) && shards.contains(63))
        table.remove(filter, shard: 63)
        #expect(table.shards(for: topic).isEmpty)
    }

    @Test func subscriptionsOfOneConnectionMakeOneCopy() throws {
        var table = SubscriptionTable()
        let message = Message(
            topic: try TopicName("a/b"), payload: ByteBuffer(), qos: .atLeastOnce, retain: true,
            properties: .none, publisher: nil)
        #expect(table.insert(try TopicFilter("a/#"), of: 7, options: .init()) == .added)
        #expect(
            table.insert(
                try TopicFilter("a/b"), of: 7,
                options: .init(qos: .atLeastOnce, retainAsPublished: true)) == .added)
        #expect(table.insert(try TopicFilter("#"), of: 8, options: .init()) == .added)
        #expect(table.insert(try TopicFilter("#"), of: 8, options: .init()) == .replaced)
        var matches = table.matches(message, publishedBy: nil)
            .sorted { $0.connection < $1.connection }
        #expect(matches.map(\.connection) == [7, 8])
        #expect(matches.map(\.qos) == [.atLeastOnce, .atMostOnce])
        #expect(matches.map(\.retain) == [true, false])
        #expect(table.grantedQoS(7, for: message.topic) == .atLeastOnce)
        #expect(table.grantedQoS(9, for: message.topic) == nil)
        #expect(Set(table.removeAll(of: 7).map(\.text)) == ["a/#", "a/b"])
        #expect(table.removeAll(of: 7).isEmpty)
        // The id of the connection that left is given to another, and brings nothing of the old.
        #expect(table.insert(try TopicFilter("c"), of: 9, options: .init()) == .added)
        matches = table.matches(message, publishedBy: nil)
        #expect(matches.map(\.connection) == [8])
    }

    @Test func acknowledgementsLeaveInOrder() {
        var line = AcknowledgementLine()
        #expect(line.finish(1, reason: .success).map(\.packetID) == [1])
        line.wait(2)
        #expect(line.finish(3, reason: .notAuthorized, explanation: "no").isEmpty)
        line.wait(4)
        #expect(line.finish(4, reason: .success).isEmpty)
        let ready = line.finish(2, reason: .success)
        #expect(ready.map(\.packetID) == [2, 3, 4])
        #expect(ready.map(\.reason) == [.success, .notAuthorized, .success])
        #expect(ready.map(\.explanation) == [nil, "no", nil])
        #expect(line.finish(5, reason: .success).map(\.packetID) == [5])
    }

    @Test func gateLetsTheNextInWhenOneLeaves() {
        let gate = ReservedGate(max: 1)
        let called = Mutex<[Int]>([])
        #expect(gate.enter { called.withLock { $0.append(0) } })
        #expect(!gate.enter { called.withLock { $0.append(1) } })
        #expect(!gate.enter { called.withLock { $0.append(2) } })
        gate.leave()
        #expect(called.withLock { $0 } == [1])
        // The first waiter has no use for the room, so the second is called.
        gate.passOn()
        #expect(called.withLock { $0 } == [1, 2])
        #expect(gate.inFlight == 0)
    }

    @Test(
        arguments: [
            ("CN=pump", [("CN", "pump")]),
            ("CN=pump,O=Acme\\, Inc,C=DE", [("C", "DE"), ("O", "Acme, Inc"), ("CN", "pump")]),
            ("CN=a+OU=b", [("OU", "b"), ("CN", "a")]),
            ("CN=\\C3\\A9", [("CN", "é")]), ("CN=a\\+b\\=c", [("CN", "a+b=c")]),
            ("2.5.4.3=#0C0161", []), ("", []), ("nonsense", []), ("CN=a\\", []),
            ("CN=\\FF", []),
        ])
    func namesAreReadAsRFC4514Says(text: String, expected: [(String, String)]) {
        let found = CertificateFields.attributes(ofName: text)
        #expect(found.map(\.type) == expected.map(\.0))
        #expect(found.map(\.value) == expected.map(\.1))
    }
}
