internal import Fleet
internal import Foundation
internal import GRDB

/// What the writer is asked for. Each request succeeds or fails alone, whatever others share its
/// transaction.
struct WriteRequest: Sendable {
    enum Work: Sendable {
        case commit([Precondition], AuditDraft)
        case refusal(AuditDraft)
        case beginDraft(AllowlistName, AllowlistDraft.Mode)
        case appendToDraft([AllowlistFacts], AllowlistDraft)
        case discardDraft(AllowlistDraft)
        case noteConnectivity([ConnectivityNote], run: Int64)
        case takeListNumber(CertificateID, UnixTime)
        /// Runs outside any transaction: checkpoints, backups, and tests that spoil things.
        case alone(@Sendable (Database) throws -> Void)
    }

    enum Answer: Sendable {
        case commit(Commit)
        case draft(AllowlistDraft)
        case appended(AllowlistAppended)
        case listNumber(RevocationListNumber)
        case done
    }

    let work: Work
    let reply: @Sendable (Result<Answer, FleetError>) -> Void

    /// In changes and rows, for the bound of a transaction.
    var weight: Int {
        switch self.work {
        case .commit(_, let draft):
            draft.changes.reduce(1) { sum, change in
                if case .addAllowlistEntries(_, let serials, _) = change {
                    sum + serials.count
                } else if case .removeAllowlistEntries(_, let serials, _) = change {
                    sum + serials.count
                } else {
                    sum + 1
                }
            }
        case .appendToDraft(let serials, _): serials.count + 1
        case .noteConnectivity(let notes, _): notes.count + 1
        case .refusal, .beginDraft, .discardDraft, .takeListNumber: 1
        case .alone: StorageLimits.changesPerTransactionMax
        }
    }
}

/// The one writer, on its own thread. It takes all requests that wait, applies them in one
/// transaction in which each stands or falls alone, commits once, and answers all: one `fsync`
/// serves everybody who came while the last one ran.
///
/// A value that lives on its thread's stack, so nothing else can touch its state.
struct FleetWriter: ~Copyable {
    private let queue: DatabaseQueue
    private let mailbox: Mailbox<WriteRequest>
    private let clock: any WallClock
    private let feed: CommitFeed
    private var log: AuditLog
    private var sweep = AllowlistSweep()
    private var sweepIsDue = true
    private var pace = GatheringPace()

    init(
        queue: DatabaseQueue, mailbox: Mailbox<WriteRequest>, clock: any WallClock,
        feed: CommitFeed, log: AuditLog
    ) {
        self.queue = queue
        self.mailbox = mailbox
        self.clock = clock
        self.feed = feed
        self.log = log
    }

    /// The thread's body: returns once the mailbox is closed and empty.
    mutating func run() {
        while true {
            var weight = 0
            let fits = { (request: WriteRequest) -> Bool in
                weight += request.weight
                return weight <= StorageLimits.changesPerTransactionMax
            }
            guard let batch = self.mailbox.take(wait: !self.sweepIsDue, while: fits) else { return }
            if batch.isEmpty {
                self.sweepOnce()
            } else if weight < StorageLimits.changesPerTransactionMax,
                self.pace.waits(with: batch.count)
            {
                // On this thread of the writer's own, which has nothing else to do; a sleep that is
                // longer or shorter only has more or fewer requests join.
                Thread.sleep(forTimeInterval: StorageLimits.gatheringSeconds)
                let more = self.mailbox.takeMore(while: fits)
                self.pace.came(more.count)
                self.serve(batch + more)
            } else {
                self.serve(batch)
            }
        }
    }

    private mutating func serve(_ batch: [WriteRequest]) {
        do {
            let answers = try self.transaction(batch)
            self.finish(batch, answers)
        } catch  where batch.count == 1 {
            batch[0].reply(.failure(FleetError(storage: error)))
        } catch {
            // The disk refused the batch as a whole. Alone, each request learns its own fate: one
            // that is too large for what space is left does not take the others with it.
            for request in batch { self.serve([request]) }
        }
    }

    private typealias Answers = [Result<WriteRequest.Answer, FleetError>]

    /// Commits durably, or leaves everything as it was and throws.
    private mutating func transaction(_ batch: [WriteRequest]) throws -> Answers {
        if batch.count == 1, case .alone(let body) = batch[0].work {
            try self.queue.writeWithoutTransaction { db in try body(db) }
            return [.success(.done)]
        }
        Self.reached(.beforeTransaction, with: batch)
        var answers = Answers()
        let before = self.log
        try self.queue.writeWithoutTransaction { db in
            // Only where a ROLLBACK failed before: the disk may be back by now.
            if db.isInsideTransaction { try db.run("ROLLBACK") }
            try db.run("BEGIN IMMEDIATE")
            do {
                if batch.count == 1 {
                    // Nobody shares the transaction: what is refused takes it along.
                    answers = [.success(try self.perform(batch[0].work, db))]
                } else {
                    answers = try self.answers(to: batch, since: before, db)
                }
                if self.log.latest != before.latest { try self.log.save(db) }
                Self.reached(.afterApply, with: batch)
                try db.run("COMMIT")
            } catch {
                // A full disk may have ended the transaction already; a failed COMMIT may not.
                if db.isInsideTransaction { try? db.run("ROLLBACK") }
                // The database itself is asked where its log ends now.
                self.log = (try? AuditLog(db)) ?? before
                throw error
            }
        }
        Self.reached(.afterStorageCommit, with: batch)
        return answers
    }

    /// A service takes numbers for its lists by itself, at times that nobody chose; whoever has it
    /// die at a transaction means one that was asked for.
    private static func reached(_ point: CrashPoint, with batch: [WriteRequest]) {
        let isAsked = batch.contains {
            if case .takeListNumber = $0.work { false } else { true }
        }
        if isAsked { CrashPoint.reached(point) }
    }

    /// A request of several was refused after it had written something, and nothing keeps its
    /// writing from the others'.
    private struct SpoiltBatch: Error {}

    /// Without a savepoint for each commit, which costs a copy of every page that it touches: most
    /// are refused, if at all, before they write. Where one is not, all are undone and begun afresh
    /// with savepoints.
    private mutating func answers(
        to batch: [WriteRequest], since before: AuditLog, _ db: Database
    ) throws -> Answers {
        do {
            var answers = Answers()
            for request in batch {
                if case .commit(let preconditions, let draft) = request.work {
                    answers.append(try self.applyOpenly(preconditions, draft, db))
                } else {
                    answers.append(try self.apply(request, db))
                }
            }
            return answers
        } catch is SpoiltBatch {
            try db.run("ROLLBACK")
            self.log = before
            try db.run("BEGIN IMMEDIATE")
            var answers = Answers()
            for request in batch { answers.append(try self.apply(request, db)) }
            return answers
        }
    }

    private mutating func applyOpenly(
        _ preconditions: [Precondition], _ draft: AuditDraft, _ db: Database
    ) throws -> Result<WriteRequest.Answer, FleetError> {
        do { try Self.check(preconditions, db) } catch let error as FleetError {
            return .failure(error)
        }
        do { return .success(try self.write(draft, db)) } catch is FleetError {
            throw SpoiltBatch()
        }
    }

    private static func check(_ preconditions: [Precondition], _ db: Database) throws {
        let loader = RecordLoader(db: db)
        for precondition in preconditions { try loader.check(precondition) }
    }

    private mutating func write(
        _ draft: AuditDraft, _ db: Database
    ) throws -> WriteRequest.Answer {
        let time = self.clock.now
        let writer = ChangeWriter(db: db, revision: self.log.latest + 1)
        for change in draft.changes { try writer.apply(change) }
        try self.log.append(draft, at: time, db)
        return .commit(draft.commit(self.log.latest, time))
    }

    /// Whatever is refused here is undone to the savepoint; what is thrown ends the transaction.
    private mutating func apply(
        _ request: WriteRequest, _ db: Database
    ) throws -> Result<WriteRequest.Answer, FleetError> {
        try db.run("SAVEPOINT request")
        let before = self.log
        do {
            let answer = try self.perform(request.work, db)
            try db.run("RELEASE request")
            return .success(answer)
        } catch let error as FleetError {
            self.log = before
            try db.run("ROLLBACK TO request")
            try db.run("RELEASE request")
            return .failure(error)
        }
    }

    private mutating func perform(
        _ work: WriteRequest.Work, _ db: Database
    ) throws -> WriteRequest.Answer {
        switch work {
        case .commit(let preconditions, let draft):
            try Self.check(preconditions, db)
            return try self.write(draft, db)
        case .refusal(let draft):
            try self.log.append(draft, at: self.clock.now, db)
            return .done
        case .beginDraft(let list, let mode):
            return .draft(try AllowlistTables.begin(list, mode: mode, db))
        case .appendToDraft(let serials, let draft):
            return .appended(try AllowlistTables.append(serials, to: draft, db))
        case .discardDraft(let draft):
            try AllowlistTables.discard(draft, db)
            return .done
        case .noteConnectivity(let notes, let run):
            try ConnectivityTable.write(notes, run: run, db)
            return .done
        case .takeListNumber(let issuer, let now):
            return .listNumber(try RevocationTable.takeListNumber(of: issuer, at: now, db))
        case .alone:
            throw FleetError(.internalFailure, "a request for the writer alone was batched")
        }
    }

    /// Announces first: whoever hears that a change is committed may rely on its announcement.
    private mutating func finish(_ batch: [WriteRequest], _ answers: Answers) {
        let commits = answers.compactMap { answer in
            if case .success(.commit(let commit)) = answer { commit } else { nil }
        }
        self.feed.announce(commits, upTo: self.log.latest)
        for (request, answer) in zip(batch, answers) {
            if case .success = answer, request.leavesDeadRows { self.sweepIsDue = true }
            request.reply(answer)
        }
    }

    /// One step of the sweep, when nobody waits. A disk that refuses it now may allow it later,
    /// after the next request that leaves something to sweep.
    private mutating func sweepOnce() {
        do {
            var sweep = self.sweep
            var more = false
            try self.queue.writeWithoutTransaction { db in
                try db.inTransaction(.immediate) {
                    more = try sweep.step(db)
                    return .commit
                }
            }
            (self.sweep, self.sweepIsDue) = (sweep, more)
        } catch {
            self.sweepIsDue = false
        }
    }
}

extension WriteRequest {
    fileprivate var leavesDeadRows: Bool {
        switch self.work {
        case .discardDraft: true
        case .commit(_, let draft):
            draft.changes.contains { change in
                if case .publishAllowlist(let draft, _) = change {
                    draft.mode == .replace
                } else {
                    false
                }
            }
        case .refusal, .beginDraft, .appendToDraft, .noteConnectivity, .takeListNumber, .alone:
            false
        }
    }
}
