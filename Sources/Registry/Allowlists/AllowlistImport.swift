package import Fleet
package import JSON

/// Brings a whole file onto an allowlist, or nothing of it.
///
/// The serial numbers are written to a draft in batches while the file streams by, and one commit
/// at the end makes the draft the list. A bad line, a broken stream or a lost race discards the
/// draft: the list stays what it was.
package struct AllowlistImport: Sendable {
    /// Serial numbers written in one transaction of the draft.
    package static let batchSerials = 10_000
    /// Serial numbers one import may hold; each is remembered until the end, to tell duplicates.
    package static let serialsMax = 10_000_000
    /// Lines named in a report; more are counted only.
    package static let issuesListedMax = 100

    let store: any FleetStore
    let drafts: any AllowlistDrafts
    private let clock: any WallClock
    /// A line may give a unit another state than it has come to: it keeps the one that it has.
    private let keepsStates: Bool

    package init(
        store: any FleetStore, drafts: any AllowlistDrafts, clock: any WallClock,
        keepsStates: Bool = false
    ) {
        self.store = store
        self.drafts = drafts
        self.clock = clock
        self.keepsStates = keepsStates
    }

    /// - Returns: what was found. `published` is nil where bad lines kept the file out.
    /// - Throws: `FleetError.invalidRequest` where the stream broke off or is too long; what the
    ///   store threw otherwise. The list is unchanged then.
    package func run<Chunks: AsyncSequence>(
        _ list: AllowlistName, mode: AllowlistDraft.Mode, chunks: Chunks, dryRun: Bool = false,
        by actor: Actor
    ) async throws(FleetError) -> AllowlistImportReport where Chunks.Element: Sequence<UInt8> {
        let draft = try await self.drafts.begin(list, mode: mode)
        do throws(FleetError) {
            var report = try await self.fill(draft, chunks: chunks, dryRun: dryRun)
            guard report.badLineCount == 0 else {
                try await self.drafts.discard(draft)
                return report
            }
            // What comes of an export that failed; with `replace` it would take off everything.
            guard report.serialsRead > 0 else {
                throw FleetError(
                    .invalidRequest, "the file holds no serial number; nothing was imported")
            }
            report.removed = try await self.removed(by: draft, report)
            if dryRun {
                report.removedSample = try await self.drafts.removed(
                    by: draft, limit: Self.sampleMax)
                try await self.drafts.discard(draft)
                return report
            }
            return try await self.publish(draft, report, by: actor)
        } catch {
            // The first error is the one to tell; a draft that cannot be discarded now is swept
            // when the store next opens.
            do throws(FleetError) { try await self.drafts.discard(draft) } catch {}
            throw error
        }
    }

    private func fill<Chunks: AsyncSequence>(
        _ draft: AllowlistDraft, chunks: Chunks, dryRun: Bool
    ) async throws(FleetError) -> AllowlistImportReport where Chunks.Element: Sequence<UInt8> {
        var file = AllowlistFile()
        var report = AllowlistImportReport(list: draft.list, mode: draft.mode)
        report.isDryRun = dryRun
        var batch: [AllowlistFacts] = []
        var firstLines: [SerialNumber: Int32] = [:]
        var iterator = chunks.makeAsyncIterator()
        while true {
            let chunk: Chunks.Element?
            do { chunk = try await iterator.next() } catch let error as FleetError {
                throw error
            } catch {
                throw FleetError(
                    .invalidRequest, "the file broke off after line \(file.linesRead): \(error)")
            }
            let findings: [AllowlistFile.Finding]
            if let chunk { findings = file.read(chunk) } else { findings = file.finish() }
            for finding in findings {
                guard let entry = report.note(finding, firstLines: &firstLines) else { continue }
                batch.append(entry)
            }
            guard firstLines.count <= Self.serialsMax else {
                throw FleetError(
                    .limitExceeded,
                    "more than \(Self.serialsMax) serial numbers in one file: split it")
            }
            // Once a line is bad nothing will be published, but reading on finds the others.
            if batch.count >= Self.batchSerials || chunk == nil {
                if report.badLineCount == 0, !batch.isEmpty {
                    let appended = try await self.drafts.append(entries: batch, to: draft)
                    report.add(appended)
                    if !self.keepsStates { report.note(batch, appended, firstLines: firstLines) }
                    if dryRun { try await self.sample(batch, of: draft, appended, into: &report) }
                }
                batch.removeAll(keepingCapacity: true)
            }
            if chunk == nil { break }
        }
        report.linesRead = file.linesRead
        report.serialsRead = firstLines.count
        return report
    }

    private func publish(
        _ draft: AllowlistDraft, _ report: AllowlistImportReport, by actor: Actor
    ) async throws(FleetError) -> AllowlistImportReport {
        let set = ChangeSet(
            action: "ImportAllowlist",
            changes: [.publishAllowlist(draft, at: self.clock.now)],
            detail: [
                "list": .string(draft.list.rawValue), "mode": .string(draft.mode.rawValue),
                "version": .int(draft.version), "serials": .int(report.serialsRead),
            ])
        _ = try await self.store.commit(set, by: actor)
        let view = try await self.store.load([.allowlist(draft.list)])
        var report = report
        report.published = view.allowlist(draft.list)
        return report
    }
}

/// What an import found, line by line where something was off.
package struct AllowlistImportReport: Hashable, Sendable {
    package struct Issue: Hashable, Sendable {
        package let line: Int
        package let message: String
    }

    package let list: AllowlistName
    package let mode: AllowlistDraft.Mode
    package var linesRead = 0
    /// Different serial numbers in the file.
    package var serialsRead = 0
    /// Of those, new to the list.
    package private(set) var added = 0
    /// Of those, on the list with other facts.
    package private(set) var changed = 0
    /// On the list, and not in a file that becomes the whole list.
    package var removed = 0
    /// Nothing was published, and nothing was meant to be.
    package var isDryRun = false
    package var addedSample: [SerialNumber] = []
    package var changedSample: [SerialNumber] = []
    package var removedSample: [SerialNumber] = []
    private(set) var inserted = 0
    package private(set) var duplicates: [Issue] = []
    package private(set) var duplicateCount = 0
    package private(set) var badLines: [Issue] = []
    package private(set) var badLineCount = 0
    /// The list as it now is; nil where nothing was imported.
    package var published: Allowlist?

    package init(list: AllowlistName, mode: AllowlistDraft.Mode) {
        self.list = list
        self.mode = mode
    }

    mutating func add(_ appended: AllowlistAppended) {
        self.added += appended.added
        self.changed += appended.changed
        self.inserted += appended.inserted
    }

    /// - Returns: the entry, where the line holds one that the file did not hold before.
    fileprivate mutating func note(
        _ finding: AllowlistFile.Finding, firstLines: inout [SerialNumber: Int32]
    ) -> AllowlistFacts? {
        switch finding {
        case .serial(let entry, let line):
            let serial = entry.serial
            let first = firstLines[serial]
            if let first {
                self.duplicateCount += 1
                if self.duplicates.count < AllowlistImport.issuesListedMax {
                    self.duplicates.append(
                        Issue(line: line, message: "\(serial) stands in line \(first) already"))
                }
                return nil
            }
            firstLines[serial] = Int32(clamping: line)
            return entry
        case .badLine(let line, let reason):
            self.noteBadLine(line, reason)
            return nil
        }
    }

    private mutating func noteBadLine(_ line: Int, _ reason: String) {
        self.badLineCount += 1
        if self.badLines.count < AllowlistImport.issuesListedMax {
            self.badLines.append(Issue(line: line, message: reason))
        }
    }

    /// Of lines that were sound by themselves.
    fileprivate mutating func note(
        _ batch: [AllowlistFacts], _ appended: AllowlistAppended,
        firstLines: [SerialNumber: Int32]
    ) {
        guard !appended.contradicting.isEmpty else { return }
        for entry in batch {
            guard let state = appended.contradicting[entry.serial], let said = entry.saidState
            else { continue }
            let step = said == .held ? "hold" : said == .blocked ? "block" : "release"
            self.noteBadLine(
                Int(firstLines[entry.serial] ?? 0),
                "says \(said.rawValue) of '\(entry.serial)', which is \(state.rawValue): a file "
                    + "says where a unit begins; leave its state empty, or 'slipway allowlist "
                    + "\(step)' the unit first")
        }
    }

    package var json: JSONValue {
        func issues(_ issues: [Issue]) -> JSONValue {
            .array(issues.map { ["line": .int($0.line), "message": .string($0.message)] })
        }
        func serials(_ serials: [SerialNumber]) -> JSONValue {
            .array(serials.map { .string($0.rawValue) })
        }
        return [
            "list": .string(self.list.rawValue),
            "mode": .string(self.mode.rawValue),
            "imported": .bool(self.published != nil),
            "version": self.published.map { .int($0.version) } ?? nil,
            "count": self.published.map { .int($0.count) } ?? nil,
            "linesRead": .int(self.linesRead),
            "serialsRead": .int(self.serialsRead),
            "dryRun": .bool(self.isDryRun),
            "added": .int(self.added),
            "changed": .int(self.changed),
            "removed": .int(self.removed),
            "addedSample": serials(self.addedSample),
            "changedSample": serials(self.changedSample),
            "removedSample": serials(self.removedSample),
            "duplicateCount": .int(self.duplicateCount),
            "duplicates": issues(self.duplicates),
            "badLineCount": .int(self.badLineCount),
            "badLines": issues(self.badLines),
        ]
    }
}
