internal import Fleet

extension FleetTables {
    func allowlist(_ name: AllowlistName) -> Allowlist? {
        if case .allowlist(let list)? = self.records[.allowlist(name)]?.record { list } else { nil }
    }

    private mutating func takeVersion(_ name: AllowlistName) -> Int {
        let version = self.versionsTaken[name, default: 0] + 1
        self.versionsTaken[name] = version
        return version
    }

    /// Every addition and removal is a version of its own, even where it finds nothing to do.
    mutating func update(
        _ name: AllowlistName, _ time: UnixTime, _ revision: Revision,
        _ body: (inout Set<SerialNumber>) -> Void
    ) {
        body(&self.allowlistEntries[name, default: []])
        self.putAllowlist(name, version: self.takeVersion(name), time, revision)
    }

    private mutating func putAllowlist(
        _ name: AllowlistName, version: Int, _ time: UnixTime, _ revision: Revision
    ) {
        let count = self.allowlistEntries[name, default: []].count
        self.put(
            .allowlist(name),
            .allowlist(Allowlist(name: name, version: version, count: count, updatedAt: time)),
            revision)
    }

    mutating func publish(
        _ draft: AllowlistDraft, _ time: UnixTime, _ revision: Revision
    ) throws(FleetError) {
        guard let open = self.drafts[draft.list]?[draft.version], open.draft == draft else {
            throw .conflict("draft \(draft.version) of allowlist \(draft.list) is not open")
        }
        guard self.allowlist(draft.list)?.version == draft.baseVersion else {
            throw .conflict("allowlist \(draft.list) has changed since the draft was begun")
        }
        switch draft.mode {
        case .merge: self.allowlistEntries[draft.list, default: []].formUnion(open.serials)
        case .replace: self.allowlistEntries[draft.list] = open.serials
        }
        self.drafts[draft.list]?[draft.version] = nil
        self.putAllowlist(draft.list, version: draft.version, time, revision)
    }

    mutating func begin(_ list: AllowlistName, mode: AllowlistDraft.Mode) -> AllowlistDraft {
        let draft = AllowlistDraft(
            list: list, mode: mode, version: self.takeVersion(list),
            baseVersion: self.allowlist(list)?.version)
        self.drafts[list, default: [:]][draft.version] = Draft(draft: draft)
        return draft
    }

    mutating func append(
        _ serials: [SerialNumber], to draft: AllowlistDraft
    ) throws(FleetError) -> Int {
        guard var open = self.drafts[draft.list]?[draft.version], open.draft == draft else {
            throw FleetError(
                .notFound, "draft \(draft.version) of allowlist \(draft.list) is not open")
        }
        let before = open.serials.count
        switch draft.mode {
        case .merge:
            open.serials.formUnion(
                Set(serials).subtracting(self.allowlistEntries[draft.list] ?? []))
        case .replace: open.serials.formUnion(serials)
        }
        self.drafts[draft.list]?[draft.version] = open
        return open.serials.count - before
    }

    mutating func discard(_ draft: AllowlistDraft) {
        self.drafts[draft.list]?[draft.version] = nil
    }
}
