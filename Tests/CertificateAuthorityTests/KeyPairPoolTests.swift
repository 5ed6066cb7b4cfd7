import Foundation
import Synchronization
import Testing

@testable import CertificateAuthority
@testable import Fleet

/// A maker that waits for leave before each pair, so that tests decide when one is ready.
private final class Gate: Sendable {
    private let leave = DispatchSemaphore(value: 0)
    private let made = Mutex(0)

    func open(_ count: Int = 1) { for _ in 0..<count { self.leave.signal() } }
    var count: Int { self.made.withLock { $0 } }

    func make() -> KeyPair {
        self.leave.wait()
        let number = self.made.withLock { made in
            made += 1
            return made
        }
        return KeyPair(
            publicKey: [UInt8(truncatingIfNeeded: number)],
            privateKeyPEM: Secret(WipedBytes([])))
    }
}

@Suite struct KeyPairPoolTests {
    /// Anchors A4 row 7.
    @Test(arguments: [
        (KeyPairKind.rsa2048, "-----BEGIN RSA PRIVATE KEY-----\n"),
        (.p256, "-----BEGIN EC PRIVATE KEY-----\n"),
    ])
    func pairIsWhatOpenSSLReads(kind: KeyPairKind, begin: String) async throws {
        let pool = try KeyPairPool(.init(kind: kind, depth: 1))
        defer { pool.shutdown() }
        let pair = try await pool.next()
        let pem = pair.privateKeyPEM.expose { secret in
            secret.withBytes { String(decoding: $0, as: UTF8.self) }
        }
        #expect(pem.hasPrefix(begin))
        let folder = try TemporaryFolder()
        try folder.write("key.pem", pem)
        try folder.openssl("pkey", "-in", "key.pem", "-check", "-noout")
        try folder.openssl("pkey", "-in", "key.pem", "-pubout", "-out", "public.pem")
        #expect(try PEMBlock(parsing: folder.read("public.pem")).bytes == pair.publicKey)
        if kind == .rsa2048 {
            #expect(
                try folder.openssl("pkey", "-in", "key.pem", "-noout", "-text")
                    .contains("2048 bit"))
        }
    }

    /// The idle thread is stuck, as it is on a machine that has no idle time.
    @Test func whoeverWaitsIsServedWhateverTheIdleThreadDoes() async throws {
        let (idle, serving) = (Gate(), Gate())
        serving.open(8)
        let begun = Atomic(0)
        let pool = try KeyPairPool(.init(depth: 1, servingThreads: 1)) {
            // The first pair is the idle thread's, which was woken before anybody waited.
            begun.wrappingAdd(1, ordering: .relaxed).newValue == 1 ? idle.make() : serving.make()
        }
        defer {
            idle.open(8)
            pool.shutdown()
        }
        while begun.load(ordering: .relaxed) == 0 { await Task.yield() }
        for number in 1...3 { #expect(try await pool.next().publicKey == [UInt8(number)]) }
        #expect(pool.counts.missed == 3)
        #expect(pool.readyCount == 0)
        idle.open(1)
        #expect(try await pool.next().publicKey.count == 1)
    }

    @Test func waitersAreServedInOrderAndBounded() async throws {
        let gate = Gate()
        let pool = try KeyPairPool(.init(depth: 0, waitersMax: 3)) { gate.make() }
        defer {
            gate.open(8)
            pool.shutdown()
        }
        var waits: [Task<UInt8?, any Error>] = []
        for _ in 0..<3 {
            let before = pool.waitingCount
            waits.append(Task { try await pool.next().publicKey.first })
            while pool.waitingCount == before { await Task.yield() }
        }
        await #expect {
            _ = try await pool.next()
        } throws: {
            ($0 as? FleetError)?.code == .tooManyRequests
        }
        gate.open(3)
        for (index, wait) in waits.enumerated() {
            #expect(try await wait.value == UInt8(index + 1))
        }
    }

    @Test func readyPairsAreRefilled() async throws {
        let gate = Gate()
        let pool = try KeyPairPool(.init(depth: 4, threads: 2)) { gate.make() }
        defer {
            gate.open(8)
            pool.shutdown()
        }
        gate.open(4)
        while pool.readyCount < 4 { await Task.yield() }
        _ = try await pool.next()
        #expect(pool.readyCount == 3)
        gate.open()
        while pool.readyCount < 4 { await Task.yield() }
        #expect(gate.count == 5)
    }

    /// One and a half of two processors are taken, until they are not. The clock stands still when
    /// enough has been seen, however long this test waits for a processor.
    @Test func aBusyServiceIsNotMadeBusierForTheStock() async throws {
        let looks = Atomic(0)
        let isBusy = Atomic(true)
        var settings = KeyPairPool.Settings(depth: 3, servingThreads: 1)
        settings.processors = 2
        let pool = try KeyPairPool(
            settings,
            clocks: {
                let look = looks.wrappingAdd(1, ordering: .relaxed).newValue
                let stands = isBusy.load(ordering: .relaxed)
                let elapsed = RefillPace.windowMin * (stands ? min(look, 8) : look)
                let worked = RefillPace.windowMin * min(look, 8) * 1.5
                return RefillPace.Reading(elapsed: elapsed, worked: worked)
            },
            make: {
                // It costs so much that the slow pace's next one is out of reach.
                let begin = ProcessorClocks.threadTime()
                while ProcessorClocks.threadTime() - begin < .milliseconds(100) {}
                return KeyPair(publicKey: [1], privateKeyPEM: Secret(WipedBytes([])))
            })
        defer { pool.shutdown() }
        while looks.load(ordering: .relaxed) < 8 { await Task.yield() }
        #expect(pool.readyCount == 1)
        // Who finds a pair ready takes it, and who finds none is served at once all the same.
        for _ in 1...2 { _ = try await pool.next() }
        #expect(pool.counts.missed == 1)
        #expect(pool.readyCount == 0)
        isBusy.store(false, ordering: .relaxed)
        while pool.readyCount < 3 { await Task.yield() }
    }

    @Test func shutdownRefusesWhoWaitsAndWhoComes() async throws {
        let gate = Gate()
        let pool = try KeyPairPool(.init(depth: 0)) { gate.make() }
        let wait = Task { try await pool.next() }
        while pool.waitingCount == 0 { await Task.yield() }
        gate.open(8)
        // The maker may have been quicker than the shutdown; then the waiter has its pair.
        pool.shutdown()
        do {
            _ = try await wait.value
        } catch {
            #expect((error as? FleetError)?.code == .serviceUnavailable)
        }
        await #expect {
            _ = try await pool.next()
        } throws: {
            ($0 as? FleetError)?.code == .serviceUnavailable
        }
        pool.shutdown()
    }

    @Test func cancelledWaiterLeavesTheQueue() async throws {
        let gate = Gate()
        let pool = try KeyPairPool(.init(depth: 0)) { gate.make() }
        defer {
            gate.open(8)
            pool.shutdown()
        }
        let wait = Task { try await pool.next() }
        while pool.waitingCount == 0 { await Task.yield() }
        wait.cancel()
        await #expect(throws: FleetError.self) { _ = try await wait.value }
        #expect(pool.waitingCount == 0)
    }

    @Test func failureToMakeReachesWhoWaitsAndIsNotForever() async throws {
        let failures = Mutex(1)
        let pool = try KeyPairPool(.init(depth: 0)) { () throws(FleetError) -> KeyPair in
            let fails = failures.withLock { left in
                defer { left = max(0, left - 1) }
                return left > 0
            }
            if fails { throw FleetError(.internalFailure, "out of primes") }
            return KeyPair(publicKey: [1], privateKeyPEM: Secret(WipedBytes([])))
        }
        defer { pool.shutdown() }
        await #expect(throws: FleetError.self) { _ = try await pool.next() }
        _ = try await pool.next()
    }

    @Test func severalThreadsServeManyAtOnce() async throws {
        let pool = try KeyPairPool(.init(kind: .p256, depth: 4, threads: 2, waitersMax: 100))
        defer { pool.shutdown() }
        let keys = try await withThrowingTaskGroup(of: [UInt8].self) { group in
            for _ in 0..<100 { group.addTask { try await pool.next().publicKey } }
            return try await group.reduce(into: Set<[UInt8]>()) { $0.insert($1) }
        }
        #expect(keys.count == 100)
    }
}
