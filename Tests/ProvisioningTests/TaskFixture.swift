import Fleet
import JSON
import Provisioning
import Synchronization
import TestSupport
import Testing

/// A task's files as dictionaries. Reads can be cut short, and writes can fail.
final class MemoryFiles: RegistrationFiles {
    struct Folder {
        var unfinished: [UInt8]?
        var input: [UInt8]?
        var reports: [RegistrationReport: [UInt8]] = [:]
    }

    private let folders = Mutex<[RegistrationTaskID: Folder]>([:])
    private let readBytesMax: Int
    private let writes = Mutex<Int?>(nil)

    init(readBytesMax: Int = .max) { self.readBytesMax = readBytesMax }

    /// Lets `count` more writes of reports through.
    func fail(after count: Int?) { self.writes.withLock { $0 = count } }

    func text(_ report: RegistrationReport, of task: RegistrationTaskID) -> String {
        self.folders.withLock {
            String(decoding: $0[task]?.reports[report] ?? [], as: UTF8.self)
        }
    }

    func beginInput(of task: RegistrationTaskID) async throws(FleetError) {
        self.folders.withLock { $0[task, default: Folder()].unfinished = [] }
    }

    func appendInput(_ bytes: [UInt8], of task: RegistrationTaskID) async throws(FleetError) {
        self.folders.withLock { $0[task]?.unfinished? += bytes }
    }

    func finishInput(of task: RegistrationTaskID) async throws(FleetError) -> Int64 {
        self.folders.withLock { folders in
            let bytes = folders[task]?.unfinished ?? []
            folders[task, default: Folder()].input = bytes
            folders[task]?.unfinished = nil
            return Int64(bytes.count)
        }
    }

    func readInput(
        of task: RegistrationTaskID, at offset: Int64, count: Int
    ) async throws(FleetError) -> [UInt8] {
        guard let input = self.folders.withLock({ $0[task]?.input }) else {
            throw FleetError(.notFound, "the input is gone")
        }
        return Array(input.dropFirst(Int(offset)).prefix(min(count, self.readBytesMax)))
    }

    func removeInput(of task: RegistrationTaskID) async throws(FleetError) {
        self.folders.withLock { $0[task]?.input = nil }
    }

    func write(
        _ bytes: [UInt8], to report: RegistrationReport, of task: RegistrationTaskID,
        at offset: Int64
    ) async throws(FleetError) {
        let mayWrite = self.writes.withLock { left in
            guard let count = left else { return true }
            left = count - 1
            return count > 0
        }
        guard mayWrite else { throw FleetError(.serviceUnavailable, "the disk is full") }
        self.folders.withLock { folders in
            let before = folders[task]?.reports[report] ?? []
            precondition(before.count >= Int(offset), "A report has no holes.")
            folders[task]?.reports[report] = before.prefix(Int(offset)) + bytes
        }
    }

    func read(
        _ report: RegistrationReport, of task: RegistrationTaskID, at offset: Int64, count: Int
    ) async throws(FleetError) -> [UInt8] {
        self.folders.withLock {
            Array(($0[task]?.reports[report] ?? []).dropFirst(Int(offset)).prefix(count))
        }
    }

    func tasks() async throws(FleetError) -> [RegistrationTaskID] {
        self.folders.withLock { Array($0.keys) }
    }

    func removeAll(of task: RegistrationTaskID) async throws(FleetError) {
        self.folders.withLock { $0[task] = nil }
    }
}

/// Inputs that are texts by their keys.
struct MemoryInputs: RegistrationInputs {
    var texts: [String: [UInt8]] = [:]

    func check(_ input: RegistrationInput) throws(FleetError) {
        guard input.bucket == "factory" else {
            throw FleetError(.invalidRequest, "no source '\(input.bucket)'")
        }
    }

    func read(
        _ input: RegistrationInput,
        _ take: @Sendable ([UInt8]) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        guard let bytes = self.texts[input.key] else {
            throw FleetError(.notFound, "there is no '\(input.key)'")
        }
        var rest = bytes[...]
        while !rest.isEmpty {
            try await take(Array(rest.prefix(1000)))
            rest = rest.dropFirst(1000)
        }
    }
}

/// A store that dies as a process does: from one commit on, nothing gets through. It can also do
/// something at each commit.
final class MortalStore: FleetStore {
    let inner: InMemoryFleetStore
    private let commitsLeft = Mutex<Int?>(nil)
    private let onCommit = Mutex<(@Sendable (ChangeSet) async -> Void)?>(nil)

    init(_ inner: InMemoryFleetStore) { self.inner = inner }

    func die(after commits: Int?) { self.commitsLeft.withLock { $0 = commits } }
    func observe(_ body: @escaping @Sendable (ChangeSet) async -> Void) {
        self.onCommit.withLock { $0 = body }
    }

    private static let dead = FleetError(.serviceUnavailable, "the store is closed")

    func load(_ keys: Set<RecordKey>) async throws(FleetError) -> RegistryView {
        try await self.inner.load(keys)
    }
    func page(_ query: ListQuery) async throws(FleetError) -> ListPage {
        try await self.inner.page(query)
    }
    func commit(_ set: ChangeSet, by actor: Actor) async throws(FleetError) -> Commit {
        let isAlive = self.commitsLeft.withLock { left in
            guard let count = left else { return true }
            left = max(0, count - 1)
            return count > 0
        }
        guard isAlive else { throw Self.dead }
        let commit = try await self.inner.commit(set, by: actor)
        if let body = self.onCommit.withLock({ $0 }) { await body(set) }
        return commit
    }
    func record(_ refusal: Refusal, by actor: Actor) async throws(FleetError) {
        try await self.inner.record(refusal, by: actor)
    }
    func changes(after sequence: Commit.Sequence) -> AsyncStream<Commit> {
        self.inner.changes(after: sequence)
    }
    func latestSequence() async throws(FleetError) -> Commit.Sequence {
        try await self.inner.latestSequence()
    }
}

/// Tasks on doubles.
final class TaskFixture: Sendable {
    let clock = ManualClock()
    let store: MortalStore
    let files: MemoryFiles
    private let inputs = Mutex(MemoryInputs())
    let alice = Actor(kind: .operator, identity: "alice", sourceAddress: "10.9.9.9")
    static let role = "arn:aws:iam::000000000000:role/registration"

    init(readBytesMax: Int = .max) {
        self.store = MortalStore(InMemoryFleetStore(clock: self.clock))
        self.files = MemoryFiles(readBytesMax: readBytesMax)
    }

    /// A task that is in the store and has not begun.
    func start(
        _ input: String, template: String, bucket: String = "factory",
        createsMissing: Bool = false, by actor: Actor? = nil
    ) async throws -> RegistrationTaskID {
        try await self.start(
            Array(input.utf8), template: template, bucket: bucket, createsMissing: createsMissing,
            by: actor)
    }

    func start(
        _ input: [UInt8]?, template: String, bucket: String = "factory",
        createsMissing: Bool = false, by actor: Actor? = nil
    ) async throws -> RegistrationTaskID {
        let id = RegistrationTaskID(random: SystemRandomBytes.bytes(16))
        self.inputs.withLock { $0.texts["\(id)"] = input }
        let definition = try RegistrationTasks.Definition(
            id: id, templateBody: template,
            input: RegistrationInput(bucket: bucket, key: "\(id)"), roleARN: Self.role,
            createsMissing: createsMissing)
        let view = try await self.store.load([.registrationTask(id)])
        _ = try await self.store.commit(
            RegistrationTasks.start(
                definition, by: actor ?? self.alice, in: view, at: self.clock.now),
            by: actor ?? self.alice)
        return id
    }

    func runner(
        lineWorkers: Int = 8,
        observe: @escaping @Sendable (RegistrationTaskRunner.Event) -> Void
    ) -> RegistrationTaskRunner {
        RegistrationTaskRunner(
            ports: RegistrationTaskRunner.Ports(
                store: self.store, files: self.files, inputs: self.inputs.withLock { $0 },
                registration: DirectRegistration(
                    ports: DirectRegistration.Ports(
                        store: self.store, issuer: SharedIssuer.issuer,
                        inspector: FakeInspector(), clock: self.clock, entropy: SeededEntropy()),
                    realm: .standard), clock: self.clock, pause: { _ in }),
            lineWorkers: lineWorkers, observe: observe)
    }

    /// Carries out what the store holds until every one of `ids` has ended, or something of the
    /// service's own went wrong.
    func carryOut(
        _ ids: [RegistrationTaskID], lineWorkers: Int = 8,
        with body: (RegistrationTaskRunner) -> Void = { _ in }
    ) async throws {
        let (events, continuation) = AsyncStream<RegistrationTaskRunner.Event>.makeStream()
        let runner = self.runner(lineWorkers: lineWorkers) { continuation.yield($0) }
        body(runner)
        if try ids.allSatisfy({ try self.task($0).state.status.isEnded }) { return }
        async let finished: Void = runner.run()
        var left = Set(ids)
        waiting: for await event in events {
            switch event {
            case .began: continue
            case .ended(let id, _):
                left.remove(id)
                if left.isEmpty { break waiting }
            case .interrupted: break waiting
            }
        }
        runner.stop()
        try await finished
    }

    func task(_ id: RegistrationTaskID) throws -> RegistrationTask {
        try #require(
            self.store.inner.view([.registrationTask(id)]).registrationTask(id))
    }

    func lines(_ report: RegistrationReport, of id: RegistrationTaskID) throws -> [JSONValue] {
        try self.files.text(report, of: id).split(separator: "\n").map {
            try JSONParser.parse(String($0))
        }
    }

    func certificates() async throws -> [Certificate] {
        var found: [Certificate] = []
        var after: String?
        repeat {
            let page = try await self.store.page(ListQuery(.certificates, after: after))
            for case .certificate(let certificate) in page.records { found.append(certificate) }
            after = page.next
        } while after != nil
        return found
    }

    func stop(_ id: RegistrationTaskID) async throws {
        let view = try await self.store.inner.load([.registrationTask(id)])
        let set = try RegistrationTasks.stop(id, in: view, at: self.clock.now)
        guard !set.changes.isEmpty else { return }
        _ = try await self.store.inner.commit(set, by: self.alice)
    }

    /// `count` lines, each a thing and a request.
    static func input(_ count: Int, prefix: String = "lamp") -> String {
        (1...count).map {
            #"{"Name": "\#(prefix)-\#($0)", "CSR": "CSR \#(prefix)-\#($0)"}"# + "\n"
        }.joined()
    }

    static let template = orderTemplate(
        certificate: Source.request, policies: [inlinePolicy(resource: #""*""#)])
}

/// One issuer for all services of a test: certificates never repeat.
enum SharedIssuer {
    static let issuer = FakeIssuer()
}

enum SystemRandomBytes {
    static func bytes(_ count: Int) -> [UInt8] {
        (0..<count).map { _ in UInt8.random(in: 0...255) }
    }
}
