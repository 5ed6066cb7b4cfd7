import Fleet

extension AllowlistImport {
    /// Serial numbers a dry run shows of those that would be added, changed or removed.
    package static let sampleMax = 20
    /// Serial numbers looked up at once for a sample.
    private static let sampleKeysMax = 500

    /// How many a file that becomes the whole list takes off it.
    func removed(
        by draft: AllowlistDraft, _ report: AllowlistImportReport
    ) async throws(FleetError) -> Int {
        guard draft.mode == .replace else { return 0 }
        let view = try await self.store.load([.allowlist(draft.list)])
        let before = view.allowlist(draft.list)?.count ?? 0
        return max(0, before - (report.inserted - report.added))
    }

    /// Names the first of those that a dry run found to be new or changed. The draft is seen by
    /// nobody, so the list still is what it was.
    func sample(
        _ batch: [AllowlistFacts], of draft: AllowlistDraft, _ appended: AllowlistAppended,
        into report: inout AllowlistImportReport
    ) async throws(FleetError) {
        var wanted = (
            added: min(appended.added, Self.sampleMax - report.addedSample.count),
            changed: min(appended.changed, Self.sampleMax - report.changedSample.count)
        )
        var rest = batch[...]
        while wanted.added > 0 || wanted.changed > 0, !rest.isEmpty {
            let piece = rest.prefix(Self.sampleKeysMax)
            rest = rest.dropFirst(piece.count)
            let view = try await self.store.load(
                Set(piece.map { .allowlistUnit(draft.list, $0.serial) }))
            for entry in piece {
                guard let unit = view.allowlistUnit(draft.list, entry.serial) else {
                    guard wanted.added > 0 else { continue }
                    report.addedSample.append(entry.serial)
                    wanted.added -= 1
                    continue
                }
                let after = draft.mode == .replace ? entry.asListed : unit.facts.adding(entry)
                guard wanted.changed > 0, unit.facts != after else { continue }
                report.changedSample.append(entry.serial)
                wanted.changed -= 1
            }
        }
    }
}
