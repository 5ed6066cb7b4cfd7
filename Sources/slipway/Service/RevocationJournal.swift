import Fleet
import Foundation
import JSON
import Logging
import SQLiteStorage
import ServiceLifecycle

/// Every revocation a second time, in a file beside the database. A database that is restored from
/// a backup knows nothing of what was revoked since, and nothing that was revoked and is unexpired
/// may leave the next CRL: what it lacks comes back from here before a device can connect. So does
/// the standing of claims: one that was disabled or revoked since lets no device in.
///
/// One line each, the last of a commit behind its number. Only ever appended to.
struct RevocationJournal: Sendable {
    /// Read from the end first: whether its last revocation is in the database tells whether all
    /// are.
    private static let tailOctets: UInt64 = 64 << 10
    /// A line with a number alone is written so often, so that the next start need not read the
    /// audit log further back.
    private static let commitsUnmarkedMax: Commit.Sequence = 10_000
    private static let commitsPerRead = 1_000
    /// By one commit, so that no device waits for a million of them.
    private static let broughtBackAtOnce = 500
    /// Until what could not be written is tried again.
    private static let pause = Duration.seconds(5)
    /// Activated with each measurement, and never on hold.
    private static let canary = Actor.service("canary")

    let path: String
    let store: SQLiteFleetStore
    let logger: Logger

    // MARK: Reading

    private enum Line {
        case revoked(Revocation)
        case released(CertificateID)
        case claim(ClaimName, ClaimStanding)
        case mark
    }

    private struct ClaimStanding: Hashable {
        let status: ClaimTerms.Status
        let since: UnixTime
    }

    /// nil where the file is not there.
    private func text(tail: Bool) throws -> (text: String, isWhole: Bool)? {
        guard FileManager.default.fileExists(atPath: self.path) else { return nil }
        let file = try FileHandle(forReadingFrom: URL(fileURLWithPath: self.path))
        defer { try? file.close() }
        let end = try file.seekToEnd()
        let start = tail && end > Self.tailOctets ? end - Self.tailOctets : 0
        try file.seek(toOffset: start)
        let data = try file.readToEnd() ?? Data()
        return (String(decoding: data, as: UTF8.self), start == 0)
    }

    /// What a power failure tore, and the beginning of a tail, is no line.
    private static func line(_ text: Substring) -> (Commit.Sequence, Line)? {
        let words = text.split(separator: " ").map { String($0) }
        guard words.count >= 3, words.last == ".", let sequence = Int64(words[0]) else {
            return nil
        }
        switch (words[1], words.count) {
        case ("read", 3): return (sequence, .mark)
        case ("released", 4):
            guard let id = try? CertificateID(words[2]) else { return nil }
            return (sequence, .released(id))
        case ("claim", 6):
            guard let name = try? ClaimName(words[2]),
                let status = ClaimTerms.Status(rawValue: words[3]), let time = Int64(words[4])
            else { return nil }
            return (
                sequence,
                .claim(
                    name, ClaimStanding(status: status, since: UnixTime(milliseconds: time)))
            )
        case ("revoked", 9):
            guard let id = try? CertificateID(words[2]), let notAfter = Int64(words[5]),
                let reason = RevocationReason(rawValue: words[6]), let time = Int64(words[7])
            else { return nil }
            return (
                sequence,
                .revoked(
                    Revocation(
                        certificate: id, issuerID: try? CertificateID(words[3]),
                        serialNumber: words[4],
                        notAfter: UnixTime(milliseconds: notAfter), reason: reason,
                        revokedAt: UnixTime(milliseconds: time)))
            )
        default: return nil
        }
    }

    private struct Contents {
        var last: Commit.Sequence = 0
        /// What holds still, by certificate.
        var revocations: [CertificateID: Revocation] = [:]
        /// The last of them that was written.
        var newest: CertificateID?
        /// As they were last.
        var claims: [ClaimName: ClaimStanding] = [:]
        var newestClaim: ClaimName?

        mutating func take(_ text: String) {
            for part in text.split(separator: "\n") {
                guard let (sequence, line) = RevocationJournal.line(part) else { continue }
                self.last = sequence
                switch line {
                case .mark: break
                case .claim(let name, let standing):
                    self.claims[name] = standing
                    self.newestClaim = name
                case .revoked(let revocation):
                    self.revocations[revocation.certificate] = revocation
                    self.newest = revocation.certificate
                case .released(let id):
                    guard self.revocations[id]?.reason == .certificateHold else { break }
                    self.revocations[id] = nil
                    if self.newest == id { self.newest = nil }
                }
            }
        }
    }

    // MARK: Restoring

    /// - Returns: where in the audit log this file ends.
    func restore(at now: UnixTime) async throws(FleetError) -> Commit.Sequence {
        let latest = try await self.store.latestSequence()
        var contents = Contents()
        do {
            guard let (text, isWhole) = try self.text(tail: true) else { return 0 }
            contents.take(text)
            let claimsAreKnown = try await self.knowsNewestClaim(of: contents)
            if let newest = contents.newest.flatMap({ contents.revocations[$0] }) {
                // Word for word: a hold that the backup has may have been released and put anew
                // after others, and then tells nothing of them.
                let known = try await self.store.revocation(of: newest.certificate)
                if known?.revokedAt == newest.revokedAt, known?.reason == newest.reason,
                    claimsAreKnown
                {
                    return self.end(of: contents, latest)
                }
            } else if isWhole, contents.revocations.isEmpty, claimsAreKnown {
                return self.end(of: contents, latest)
            }
            if !isWhole, let (text, _) = try self.text(tail: false) {
                contents = Contents()
                contents.take(text)
            }
        } catch let error as FleetError { throw error } catch {
            throw FleetError(
                .internalFailure,
                "'\(self.path)' cannot be read, and may know of revocations that the database "
                    + "lacks: \(error.localizedDescription)")
        }
        // First: while a revocation is missing, the next start looks for all again.
        try await self.bringBackClaims(contents.claims)
        try await self.bringBackRevocations(of: contents, at: now)
        return self.end(of: contents, latest)
    }

    private func bringBackRevocations(
        of contents: Contents, at now: UnixTime
    ) async throws(FleetError) {
        var missing: [Revocation] = []
        let byTime = contents.revocations.values.sorted { $0.revokedAt < $1.revokedAt }
        for revocation in byTime {
            guard try await !self.isKnown(revocation) else { continue }
            missing.append(revocation)
        }
        // Last, whatever the clock said: while it is missing, the next start looks for all again.
        if let index = missing.firstIndex(where: { $0.certificate == contents.newest }) {
            missing.append(missing.remove(at: index))
        }
        var rest = missing[...]
        while !rest.isEmpty {
            try await self.bringBack(Array(rest.prefix(Self.broughtBackAtOnce)), at: now)
            rest = rest.dropFirst(Self.broughtBackAtOnce)
        }
        if !missing.isEmpty {
            self.logger.critical(
                "certificates revoked before the database was restored are revoked again",
                metadata: ["certificates": "\(missing.count)", "journal": "\(self.path)"])
        }
    }

    private func knowsNewestClaim(of contents: Contents) async throws(FleetError) -> Bool {
        guard let name = contents.newestClaim, let standing = contents.claims[name] else {
            return true
        }
        let terms = try await self.store.load([.claimTerms(name)]).claimTerms(name)
        return terms?.status == standing.status && terms?.statusChangedAt == standing.since
    }

    /// Claims that may do more than they might when the database was lost. One that is there and
    /// was enabled since stays as it is: somebody will have to decide that again.
    private func bringBackClaims(
        _ claims: [ClaimName: ClaimStanding]
    ) async throws(FleetError) {
        for (name, standing) in claims.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where standing.status != .active {
            let view = try await self.store.load([.claimTerms(name)])
            // The backup may be older than the claim.
            guard var terms = view.claimTerms(name), terms.status != .revoked,
                terms.status != standing.status,
                standing.status == .revoked || standing.since > terms.statusChangedAt
            else { continue }
            terms.status = standing.status
            terms.statusChangedAt = standing.since
            terms.statusReason = "\(standing.status.rawValue) before the database was restored"
            let set = ChangeSet(
                action: "RestoreRevocation", preconditions: [view.asSeen(.claimTerms(name))],
                changes: [.putClaimTerms(terms)], detail: ["claim": .string(name.rawValue)])
            _ = try await self.store.commit(set, by: .service("revocation-journal"))
            self.logger.critical(
                "a claim disabled or revoked before the database was restored is so again",
                metadata: [
                    "claim": "\(name)", "status": "\(standing.status.rawValue)",
                    "journal": "\(self.path)",
                ])
        }
    }

    /// The commits of a database that was restored are counted anew from where it is.
    private func end(of contents: Contents, _ latest: Commit.Sequence) -> Commit.Sequence {
        guard contents.last > latest else { return contents.last }
        _ = self.append(Self.row(latest, "read"))
        return latest
    }

    private func isKnown(_ revocation: Revocation) async throws(FleetError) -> Bool {
        guard let known = try await self.store.revocation(of: revocation.certificate) else {
            return false
        }
        return known.reason != .certificateHold || revocation.reason == .certificateHold
    }

    /// As they were: time and reason have been told to whoever read the list.
    private func bringBack(
        _ revocations: [Revocation], at now: UnixTime
    ) async throws(FleetError) {
        let keys = revocations.map { RecordKey.certificate($0.certificate) }
        let view = try await self.store.load(Set(keys))
        var set = ChangeSet(
            action: "RestoreRevocation", preconditions: keys.map { view.asSeen($0) },
            detail: ["certificates": .int(revocations.count)])
        for revocation in revocations {
            let id = revocation.certificate
            let status: Certificate.Status =
                revocation.reason == .certificateHold ? .inactive : .revoked
            // The backup may be older than the certificate.
            if let certificate = view.certificate(id), certificate.status != status,
                certificate.status.canBecome(status)
            {
                set.changes.append(
                    .setCertificateStatus(
                        id, status, reason: "revoked before the database was restored", at: now))
            }
            set.changes.append(.putRevocation(revocation))
        }
        _ = try await self.store.commit(set, by: .service("revocation-journal"))
    }

    // MARK: Writing

    /// Writes down what was committed, until the task is cancelled.
    func follow(after start: Commit.Sequence) async {
        var written = start
        while !Task.isCancelled {
            for await commit in self.store.changes(after: written) {
                guard let end = await self.note(commit, after: written) else { break }
                written = end
            }
            // Read again from what was written last: a later line would hide what is missing.
            // Only a stop cuts the sleep short, and ends the loop with it.
            try? await Task.sleep(for: Self.pause)
        }
    }

    /// What was committed last, while nobody followed any more.
    func catchUp() async {
        do {
            var contents = Contents()
            if let (text, _) = try self.text(tail: true) { contents.take(text) }
            var after = contents.last
            var written = after
            while true {
                let page = try await self.store.page(
                    ListQuery(.commits, after: String(after), limit: Self.commitsPerRead))
                for case .commit(let commit) in page.records {
                    guard let end = await self.note(commit, after: written) else { return }
                    written = end
                    after = commit.sequence
                }
                guard page.next != nil else { return }
            }
        } catch { self.complain("\(error)") }
    }

    /// - Returns: the number that the file ends with then; nil where the commit is not in it.
    private func note(
        _ commit: Commit, after written: Commit.Sequence
    ) async -> Commit.Sequence? {
        var lines: [String] = []
        guard commit.outcome == .committed else { return written }
        var told: Set<CertificateID> = []
        for case .putRevocation(let revocation) in commit.changes {
            told.insert(revocation.certificate)
        }
        for change in commit.changes {
            switch change {
            case .putRevocation(let revocation): lines.append(Self.words(revocation))
            case .setCertificateStatus(let id, .revoked, _, _) where !told.contains(id):
                do throws(FleetError) {
                    if let known = try await self.store.revocation(of: id) {
                        lines.append(Self.words(known))
                    }
                } catch {
                    self.complain(error.message)
                    return nil
                }
            case .putClaimTerms(let terms):
                lines.append(
                    "claim \(terms.name) \(terms.status.rawValue) "
                        + "\(terms.statusChangedAt.milliseconds)")
            case .releaseHold(let id) where commit.actor != Self.canary:
                lines.append("released \(id)")
            default: break
            }
        }
        if lines.isEmpty {
            guard commit.sequence - written >= Self.commitsUnmarkedMax else { return written }
            lines = ["read"]
        }
        // Only the last bears the number: of a commit that is torn, none is taken for written.
        let rows =
            lines.dropLast().map { Self.row(written, $0) }
            + lines.suffix(1).map { Self.row(commit.sequence, $0) }
        return self.append(rows.joined()) ? commit.sequence : nil
    }

    /// The point tells that it is whole.
    private static func row(_ sequence: Commit.Sequence, _ words: String) -> String {
        "\(sequence) \(words) .\n"
    }

    private static func words(_ revocation: Revocation) -> String {
        [
            "revoked", revocation.certificate.rawValue, revocation.issuerID?.rawValue ?? "-",
            revocation.serialNumber, "\(revocation.notAfter.milliseconds)",
            revocation.reason.rawValue, "\(revocation.revokedAt.milliseconds)",
        ].joined(separator: " ")
    }

    /// In the kernel's hands when this returns; a power failure that takes it leaves the database,
    /// from which the next start writes it again.
    /// - Returns: false where it is not there whole, which the log says.
    private func append(_ text: String) -> Bool {
        let descriptor = open(
            self.path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, PrivateFile.fileMode)
        guard descriptor >= 0 else {
            self.complain(String(cString: strerror(errno)))
            return false
        }
        defer { close(descriptor) }
        // A line that was torn ends here; an empty one is none.
        let octets = Array("\n\(text)".utf8)
        let count = octets.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
        guard count == octets.count else {
            self.complain(count < 0 ? String(cString: strerror(errno)) : "no room for a whole line")
            return false
        }
        return true
    }

    private func complain(_ why: String) {
        self.logger.error(
            "revocations are missing from the journal, and would be lost with the database",
            metadata: ["journal": "\(self.path)", "why": "\(why)"])
    }
}

/// Keeps the journal while the service runs.
struct RevocationRecording: Service {
    let journal: RevocationJournal
    let start: Commit.Sequence

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.journal.follow(after: self.start) }
    }
}
