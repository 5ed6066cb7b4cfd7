internal import Fleet
internal import JSON

/// One row of `commits` as it is stored, and the bytes its hash is taken over.
struct AuditEntry: Sendable {
    static let columns = """
        sequence, time, actor_kind, actor_identity, actor_address, action, refusal, message, \
        changes, detail, leaf
        """

    let sequence: Commit.Sequence
    let time: UnixTime
    let actorKind: String
    let actorIdentity: String
    let actorAddress: String?
    let action: String
    /// The refusal's code; nil for a commit.
    let refusal: String?
    let message: String?
    /// A JSON array of changes.
    let changes: String
    let detail: String

    init(sequence: Commit.Sequence, time: UnixTime, draft: AuditDraft) {
        self.sequence = sequence
        self.time = time
        self.actorKind = draft.actor.kind.rawValue
        self.actorIdentity = draft.actor.identity.storable
        self.actorAddress = draft.actor.sourceAddress?.storable
        self.action = draft.action.storable
        switch draft.outcome {
        case .committed: (self.refusal, self.message) = (nil, nil)
        case .refused(let code, let message):
            (self.refusal, self.message) = (code.storable, message.storable)
        }
        self.changes = draft.changesText
        self.detail = draft.detailText
    }

    init(_ row: inout RowReader) throws {
        self.sequence = try row.int64()
        self.time = try row.time()
        self.actorKind = try row.text()
        self.actorIdentity = try row.text()
        self.actorAddress = try row.optionalText()
        self.action = try row.text()
        self.refusal = try row.optionalText()
        self.message = try row.optionalText()
        self.changes = try row.text()
        self.detail = try row.text()
    }

    /// A version byte; sequence and time, eight bytes each; then every text with its length in
    /// four bytes before it, all ones where there is none. Big-endian throughout. No two different
    /// rows have the same bytes, and a verifier in any language is a few lines.
    var bytes: [UInt8] {
        var output: [UInt8] = [1]
        output.reserveCapacity(128 + self.changes.utf8.count + self.detail.utf8.count)
        Self.append(self.sequence, to: &output)
        Self.append(self.time.milliseconds, to: &output)
        for text in [
            self.actorKind, self.actorIdentity, self.actorAddress, self.action, self.refusal,
            self.message, self.changes, self.detail,
        ] {
            let length = text.map { UInt32(clamping: $0.utf8.count) } ?? .max
            withUnsafeBytes(of: length.bigEndian) { output.append(contentsOf: $0) }
            if let text { output.append(contentsOf: text.utf8) }
        }
        return output
    }

    private static func append(_ number: Int64, to output: inout [UInt8]) {
        withUnsafeBytes(of: number.bigEndian) { output.append(contentsOf: $0) }
    }

    func commit() throws -> Commit {
        guard let kind = Actor.Kind(rawValue: self.actorKind) else {
            throw DamagedRow("entry \(self.sequence) of the audit log names no kind of actor")
        }
        guard let changes = try RecordJSON.parse(self.changes).arrayValue,
            let detail = try RecordJSON.parse(self.detail).objectValue
        else { throw DamagedRow("entry \(self.sequence) of the audit log is damaged") }
        return Commit(
            sequence: self.sequence, time: self.time,
            actor: Actor(
                kind: kind, identity: self.actorIdentity, sourceAddress: self.actorAddress),
            action: self.action,
            outcome: self.refusal.map { .refused(code: $0, message: self.message ?? "") }
                ?? .committed,
            changes: try changes.map { try Change(json: $0) }, detail: detail)
    }
}

/// What will become an entry once it has its place and time. Its texts are made by the task that
/// commits, not by the one writer.
struct AuditDraft: Sendable {
    let actor: Actor
    let action: String
    let outcome: Commit.Outcome
    let changes: [Change]
    let detail: JSONObject
    let changesText: String
    let detailText: String

    /// - Throws: `FleetError.limitExceeded` where the changes are too many to log.
    init(_ set: ChangeSet, by actor: Actor) throws(FleetError) {
        self.actor = actor
        self.action = set.action
        self.outcome = .committed
        self.changes = set.changes
        self.detail = set.detail
        self.changesText = JSONPrinter.print(.array(set.changes.map(\.json)))
        self.detailText = JSONPrinter.print(.object(set.detail))
        guard self.changesText.utf8.count <= StorageLimits.changesBytesMax else {
            throw FleetError(
                .limitExceeded,
                "\(set.action): \(self.changesText.utf8.count) bytes of changes at once; at most "
                    + "\(StorageLimits.changesBytesMax)")
        }
    }

    init(_ refusal: Refusal, by actor: Actor) {
        self.actor = actor
        self.action = refusal.action
        self.outcome = .refused(
            code: refusal.error.code.rawValue, message: refusal.error.message)
        self.changes = []
        self.detail = refusal.detail
        self.changesText = "[]"
        self.detailText = JSONPrinter.print(.object(refusal.detail))
    }

    func commit(_ sequence: Commit.Sequence, _ time: UnixTime) -> Commit {
        Commit(
            sequence: sequence, time: time, actor: self.actor, action: self.action,
            outcome: self.outcome, changes: self.changes, detail: self.detail)
    }
}
