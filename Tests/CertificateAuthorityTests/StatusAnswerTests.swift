import Synchronization
import TestSupport
import Testing

@testable import CertificateAuthority
@testable import Fleet

/// OCSP answers that are kept, signed ahead, and given in place of fresh ones under load.
@Suite struct StatusAnswerTests {
    private let deployment: Deployment
    private let clock = ManualClock(noon)
    private let store: InMemoryFleetStore
    private static let life = RevocationAuthority.Settings().lifeSeconds

    init() throws {
        self.deployment = try Deployment.shared.get()
        self.store = InMemoryFleetStore(clock: self.clock)
    }

    private func started(_ store: (any RevocationStore)? = nil) throws -> RevocationAuthority {
        try RevocationAuthority(
            authority: self.deployment.openIssuing(), store: store ?? self.store,
            clock: self.clock, entropy: SeededEntropy(5), settings: RevocationAuthority.Settings())
    }

    /// A request for one serial number by SHA-1, as most clients write it.
    private func request(_ serial: UInt8 = 0x41, nonce: [UInt8]? = nil) throws -> [UInt8] {
        try OCSPRequestBytes(
            issuer: self.deployment.issuing.certificate, serial: [serial], nonce: nonce
        ).der
    }

    @Test func answerIsKeptForHalfItsLife() async throws {
        let authority = try self.started()
        let first = await authority.answer(ocsp: try self.request())
        #expect(first.nextUpdate == noon.advanced(bySeconds: Self.life))
        self.clock.set(noon.advanced(bySeconds: Self.life / 2))
        #expect(await authority.answer(ocsp: try self.request()) == first)
        self.clock.set(noon.advanced(bySeconds: Self.life / 2 + 1))
        #expect(await authority.answer(ocsp: try self.request()) != first)
    }

    /// Whoever asks in the last eighth before its half-life gets an answer that was ready.
    @Test func answersInDemandAreSignedAhead() async throws {
        let authority = try self.started()
        let (wanted, once) = (try self.request(0x41), try self.request(0x42))
        let first = await authority.answer(ocsp: wanted)
        let other = await authority.answer(ocsp: once)
        #expect(await authority.answer(ocsp: wanted) == first)
        self.clock.set(noon.advanced(bySeconds: Self.life * 3 / 8))
        await authority.signAnswersAhead()
        #expect(await authority.answer(ocsp: wanted) == first)
        self.clock.set(noon.advanced(bySeconds: Self.life * 3 / 8 + 1))
        await authority.signAnswersAhead()
        let second = await authority.answer(ocsp: wanted)
        #expect(second.thisUpdate == self.clock.now)
        #expect(await authority.answer(ocsp: once) == other)
    }

    /// Who signs is looked up when somebody asks: an edited profile needs no restart.
    @Test func anotherProfileIsFollowedAtOnce() async throws {
        let authority = try self.started()
        let first = await authority.answer(ocsp: try self.request())
        authority.use(responder: .ocspResponder)
        #expect(await authority.answer(ocsp: try self.request()) == first)
        var profile = CertificateProfile.ocspResponder
        profile.validitySeconds = 3 * CertificateProfile.daySeconds
        authority.use(responder: profile)
        let second = await authority.answer(ocsp: try self.request())
        #expect(second != first)
        #expect(await authority.answer(ocsp: try self.request()) == second)
    }

    @Test func answerNeverOutlivesTheTruth() async throws {
        let authority = try self.started()
        let before = await authority.answer(ocsp: try self.request())
        let record = Revocation(
            certificate: Samples.certificateID(1),
            issuerID: self.deployment.issuing.certificate.id, serialNumber: "41",
            notAfter: noon.advanced(bySeconds: 1_000_000), reason: .certificateHold,
            revokedAt: noon)
        _ = try await self.store.commit(
            ChangeSet(action: "Test", changes: [.putRevocation(record)]), by: .service("test"))
        let held = await authority.answer(ocsp: try self.request())
        // The serial number ends the CertID, and the status follows: revoked [1], unknown [2].
        #expect(before.der.contains(subsequence: [0x02, 0x01, 0x41, 0x82, 0x00]))
        #expect(held.der.contains(subsequence: [0x02, 0x01, 0x41, 0xA1]))
        _ = try await self.store.commit(
            ChangeSet(action: "Test", changes: [.releaseHold(record.certificate)]),
            by: .service("test"))
        let after = await authority.answer(ocsp: try self.request())
        #expect(after.der.contains(subsequence: [0x02, 0x01, 0x41, 0x82, 0x00]))
    }

    /// A nonce costs a signature while few ask; when many do, all get the answer that is kept.
    @Test func loadTakesNoncesNoSignatures() async throws {
        let held = HeldStore(self.store)
        let authority = try self.started(held)
        let nonce = Array(repeating: UInt8(7), count: 16)
        let calm = await authority.answer(ocsp: try self.request(nonce: nonce))
        #expect(calm.nextUpdate == nil)
        #expect(calm.der.contains(subsequence: nonce))
        let plain = await authority.answer(ocsp: try self.request())

        held.hold()
        let crowd = try (0..<RevocationAuthority.signingMax).map { _ in
            let request = try self.request()
            return Task { await authority.answer(ocsp: request) }
        }
        while held.waiting < RevocationAuthority.signingMax { await Task.yield() }
        let asked = try self.request(nonce: nonce)
        let pressed = Task { await authority.answer(ocsp: asked) }
        while held.waiting <= RevocationAuthority.signingMax { await Task.yield() }
        held.release()
        #expect(await pressed.value == plain)
        for task in crowd { #expect(await task.value == plain) }
        // Once they have gone, a nonce is worth a signature again.
        #expect(await authority.answer(ocsp: asked).der.contains(subsequence: nonce))
    }

    @Test func tooManyAtOnceAreToldToTryLater() async throws {
        let held = HeldStore(self.store)
        let authority = try self.started(held)
        held.hold()
        let request = try self.request()
        let crowd = (0..<RevocationAuthority.underWayMax).map { _ in
            Task { await authority.answer(ocsp: request) }
        }
        while held.waiting < RevocationAuthority.underWayMax { await Task.yield() }
        // tryLater (RFC 6960 4.2.1).
        #expect(await authority.answer(ocsp: request).der == [0x30, 0x03, 0x0A, 0x01, 0x03])
        held.release()
        for task in crowd { _ = await task.value }
        #expect(await authority.answer(ocsp: request).nextUpdate != nil)
    }

    @Test func cacheIsBoundedAndKeepsWhatIsAskedFor() {
        var cache = StatusAnswerCache(answersMax: 4)
        func statement(_ number: UInt8) -> PublishedStatement {
            PublishedStatement(der: [number], thisUpdate: noon, nextUpdate: noon)
        }
        func found(_ number: UInt8) -> Bool {
            cache.answer(on: [number], standing: .good, at: noon, ageMax: 10) != nil
        }
        for number: UInt8 in 0..<4 {
            cache.keep(statement(number), on: [number], standing: .good)
        }
        #expect(found(1))
        for number: UInt8 in 10..<13 {
            cache.keep(statement(number), on: [number], standing: .good)
        }
        #expect(cache.count == 4)
        #expect(found(1), "what is asked for is kept")
        #expect(!found(0) && found(12))
        for number: UInt8 in 0..<200 {
            cache.keep(statement(number), on: [number], standing: .good)
            #expect(cache.count <= 4)
        }
    }

    /// Ten looks in the half-life; the alarm is raised once three quarters are over.
    @Test func alarmIsRaisedAtThreeQuarters() {
        let life: Int64 = 1000
        var supervision = RevocationSupervision(lifeSeconds: life, start: noon)
        #expect(supervision.intervalSeconds == 50)
        let list = PublishedStatement(
            der: [], thisUpdate: noon, nextUpdate: noon.advanced(bySeconds: life))
        #expect(supervision.look(at: list, noon.advanced(bySeconds: 750)) == nil)
        #expect(supervision.look(at: list, noon.advanced(bySeconds: 751)) == 751)
        let anew = PublishedStatement(
            der: [], thisUpdate: noon.advanced(bySeconds: 760), nextUpdate: nil)
        #expect(supervision.look(at: anew, noon.advanced(bySeconds: 800)) == nil)
        #expect(supervision.look(at: nil, noon.advanced(bySeconds: 801)) == 41)
    }
}

extension [UInt8] {
    fileprivate func contains(subsequence: [UInt8]) -> Bool {
        guard self.count >= subsequence.count else { return false }
        return (0...(self.count - subsequence.count)).contains {
            self[$0..<($0 + subsequence.count)].elementsEqual(subsequence)
        }
    }
}

/// The real look-ups, each of which can be made to wait.
final class HeldStore: RevocationStore {
    private struct State {
        var isHeld = false
        var waiters: [CheckedContinuation<Void, Never>] = []
    }
    private let store: InMemoryFleetStore
    private let state = Mutex(State())

    init(_ store: InMemoryFleetStore) { self.store = store }

    var waiting: Int { self.state.withLock { $0.waiters.count } }

    func hold() { self.state.withLock { $0.isHeld = true } }

    func release() {
        let waiters = self.state.withLock { state in
            defer { state = State() }
            return state.waiters
        }
        for waiter in waiters { waiter.resume() }
    }

    func standing(
        of serialNumber: String, issuer: CertificateID
    ) async throws(FleetError) -> CertificateStanding {
        await withCheckedContinuation { continuation in
            let isHeld = self.state.withLock { state in
                if state.isHeld { state.waiters.append(continuation) }
                return state.isHeld
            }
            if !isHeld { continuation.resume() }
        }
        return try await self.store.standing(of: serialNumber, issuer: issuer)
    }

    func revocations(
        of issuer: CertificateID, buckets: ClosedRange<Int>, endingAfter: UnixTime,
        after: RevocationEntries.Place?, limit: Int
    ) async throws(FleetError) -> RevocationEntries {
        try await self.store.revocations(
            of: issuer, buckets: buckets, endingAfter: endingAfter, after: after, limit: limit)
    }

    func revocationsAtMost() async throws(FleetError) -> Int {
        try await self.store.revocationsAtMost()
    }

    func takeListNumber(
        of issuer: CertificateID, at now: UnixTime
    ) async throws(FleetError) -> RevocationListNumber {
        try await self.store.takeListNumber(of: issuer, at: now)
    }
}
