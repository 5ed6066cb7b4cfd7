internal import Fleet

/// What lists say of their units, what became of these, and the versions there were.
struct AllowlistBooks {
    var facts: [AllowlistName: [SerialNumber: AllowlistFacts]] = [:]
    var history: [AllowlistName: [SerialNumber: [AllowlistStanding]]] = [:]
    var versions: [AllowlistName: [Allowlist]] = [:]
}

extension FleetTables {
    mutating func setStanding(
        _ standing: AllowlistStanding, of serial: SerialNumber, on list: AllowlistName
    ) throws(FleetError) {
        // A list that was only ever drafted has rows too, and is none.
        guard self.versionsTaken[list] != nil else {
            throw .conflict("\(RecordKey.allowlist(list)) does not exist")
        }
        self.books.history[list, default: [:]][serial, default: []].append(standing)
    }

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
        let listed = self.allowlistEntries[name, default: []]
        self.books.facts[name] = self.books.facts[name]?.filter { listed.contains($0.key) }
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
        self.books.versions[name, default: []].append(
            Allowlist(name: name, version: version, count: count, updatedAt: time))
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
        case .merge:
            self.allowlistEntries[draft.list, default: []].formUnion(open.serials)
            self.books.facts[draft.list, default: [:]].merge(open.facts) { $1 }
        case .replace:
            self.allowlistEntries[draft.list] = open.serials
            self.books.facts[draft.list] = open.facts
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
        _ entries: [AllowlistFacts], to draft: AllowlistDraft
    ) throws(FleetError) -> AllowlistAppended {
        guard var open = self.drafts[draft.list]?[draft.version], open.draft == draft else {
            throw FleetError(
                .notFound, "draft \(draft.version) of allowlist \(draft.list) is not open")
        }
        let before = open.serials.count
        let listed = self.allowlistEntries[draft.list] ?? []
        let serials = entries.map(\.serial)
        var changed = 0
        for entry in entries where !open.serials.contains(entry.serial) {
            let before = self.allowlistUnit(draft.list, entry.serial)?.facts
            let after = draft.mode == .merge ? before?.adding(entry) : nil
            open.facts[entry.serial] = after ?? entry.asListed
            if let before, before != open.facts[entry.serial] { changed += 1 }
        }
        switch draft.mode {
        case .merge:
            open.serials.formUnion(
                Set(serials).subtracting(self.allowlistEntries[draft.list] ?? []))
        case .replace: open.serials.formUnion(serials)
        }
        self.drafts[draft.list]?[draft.version] = open
        var contradicting: [SerialNumber: AllowlistStanding.State] = [:]
        for entry in entries {
            let listed = self.allowlistUnit(draft.list, entry.serial)?.facts
            guard let standing = self.books.history[draft.list]?[entry.serial]?.last,
                entry.contradicts(standing, listed: listed)
            else { continue }
            contradicting[entry.serial] = standing.state
        }
        return AllowlistAppended(
            inserted: open.serials.count - before,
            added: serials.count { !listed.contains($0) }, changed: changed,
            contradicting: contradicting)
    }

    func allowlistUnit(_ list: AllowlistName, _ serial: SerialNumber) -> AllowlistUnit? {
        guard self.allowlistEntries[list]?.contains(serial) == true else { return nil }
        return AllowlistUnit(
            facts: self.books.facts[list]?[serial] ?? AllowlistFacts(serial: serial),
            standing: self.books.history[list]?[serial]?.last)
    }

    func removed(by draft: AllowlistDraft, limit: Int) -> [SerialNumber] {
        guard draft.mode == .replace else { return [] }
        let open = self.drafts[draft.list]?[draft.version]?.serials ?? []
        let gone = (self.allowlistEntries[draft.list] ?? []).subtracting(open)
        return Array(gone.sorted().prefix(limit))
    }

    mutating func discard(_ draft: AllowlistDraft) {
        self.drafts[draft.list]?[draft.version] = nil
    }
}
