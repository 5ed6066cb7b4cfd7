import Fleet
import MQTT
import TestSupport
import Testing

@testable import MQTTBroker

/// One certificate on two live connections.
@Suite(.timeLimit(.minutes(10)))
struct CloneTests {
    /// The older one says something, once the newer one is there and it has been told of it.
    private func twoUnits(
        _ gateway: TestGateway, kind: Certificate.Kind = .device
    ) async throws -> (older: TestClient, newer: TestClient) {
        let identity = try await gateway.device(kind: kind)
        let older = try await gateway.connect(identity, as: "one")
        let newer = try await gateway.connect(identity, as: "two")
        #expect(try await older.publishAtLeastOnce("x") == .success)
        return (older, newer)
    }

    @Test func theOlderOneIsHeardAndBothStay() async throws {
        let clones = CloneLog(.allow)
        let gateway = try await TestGateway(clones: clones)
        let (older, newer) = try await self.twoUnits(gateway)
        while clones.all.isEmpty { await Task.yield() }
        let sighting = try #require(clones.all.first)
        #expect(sighting.sign == .concurrent)
        #expect(sighting.sessions.map(\.clientID) == ["one", "two"])
        #expect(sighting.sessions.map(\.address) == ["127.0.0.1", "127.0.0.1"])
        #expect(try await older.publishAtLeastOnce("x", packetID: 2) == .success)
        #expect(try await newer.publishAtLeastOnce("x") == .success)
        #expect(clones.all.count == 1)
        #expect(gateway.server.counters.clonesSighted == 1)
        await gateway.stop()
    }

    @Test(arguments: [EnrolmentPolicy.refuse, .replace])
    func policyEndsOneOfThem(_ policy: EnrolmentPolicy) async throws {
        let gateway = try await TestGateway(clones: CloneLog(policy))
        let (older, newer) = try await self.twoUnits(gateway)
        let (ended, stays) = policy == .refuse ? (newer, older) : (older, newer)
        #expect(
            await ended.rest()
                == [.packet(.disconnect(Disconnect(reason: .notAuthorized))), .closed])
        #expect(try await stays.publishAtLeastOnce("x", packetID: 7) == .success)
        #expect(gateway.server.counters.connectionsEnded["certificate-in-two-places"] == 1)
        #expect(gateway.journal.reasons == [.certificateInTwoPlaces])
        await gateway.stop()
    }

    /// The connection before may be dead without anybody knowing.
    @Test func aSilentPredecessorIsNoClone() async throws {
        let clones = CloneLog(.refuse)
        let gateway = try await TestGateway(clones: clones)
        let identity = try await gateway.device()
        _ = try await gateway.connect(identity, as: "before")
        let client = try await gateway.connect(identity, as: "after")
        #expect(try await client.publishAtLeastOnce("x") == .success)
        #expect(clones.all.isEmpty)
        await gateway.stop()
    }

    /// A client that opens its next connection before it closes the one it has.
    @Test func aGoodByeIsNoClone() async throws {
        let clones = CloneLog(.refuse)
        let gateway = try await TestGateway(clones: clones)
        let identity = try await gateway.device()
        let before = try await gateway.connect(identity, as: "before")
        let client = try await gateway.connect(identity, as: "after")
        try before.send(.disconnect(Disconnect(reason: .success)))
        #expect(await before.rest().last == .closed)
        #expect(try await client.publishAtLeastOnce("x") == .success)
        #expect(clones.all.isEmpty)
        await gateway.stop()
    }

    @Test func aClaimIsSharedByDesign() async throws {
        let clones = CloneLog(.refuse)
        let gateway = try await TestGateway(clones: clones)
        let (older, newer) = try await self.twoUnits(gateway, kind: .claim)
        #expect(try await older.publishAtLeastOnce("x", packetID: 2) == .success)
        #expect(try await newer.publishAtLeastOnce("x") == .success)
        #expect(clones.all.isEmpty)
        await gateway.stop()
    }

    // MARK: Takeovers

    private func session(_ address: String, _ seconds: Int64) -> CertificateSessions.Session {
        CertificateSessions.Session(
            holder: .init(shard: 0, connection: UInt64(seconds)), clientID: "thing",
            address: address, since: UnixTime(seconds: 1_000_000 + seconds))
    }

    /// Each takes over from the one before.
    private func sightings(_ addresses: [String], every seconds: Int64) -> [Int] {
        let watch = TakeoverWatch()
        let id = CertificateID(sha256: [UInt8](repeating: 1, count: 32))
        return (1..<addresses.count).filter { index in
            let before = self.session(addresses[index - 1], Int64(index - 1) * seconds)
            return watch.note(
                self.session(addresses[index], Int64(index) * seconds), over: before, with: id)
                != nil
        }
    }

    @Test func unitsThatTakeTheNameFromEachOtherAreTwo() {
        let found = self.sightings(["a", "b", "a", "b", "a", "b", "a", "b", "a"], every: 30)
        #expect(found == [4, 8])
    }

    @Test(arguments: [
        ["a", "a", "a", "a", "a", "a", "a", "a"], ["a", "b", "c", "d", "e", "f", "g", "h"],
        ["a", "b", "a", "b"],
    ])
    func oneUnitThatRestartsOrMovesIsOne(addresses: [String]) {
        #expect(self.sightings(addresses, every: 30).isEmpty)
    }

    @Test func whatIsLongAgoCountsNoMore() {
        #expect(self.sightings(["a", "b", "a", "b", "a", "b", "a"], every: 601).isEmpty)
    }
}
