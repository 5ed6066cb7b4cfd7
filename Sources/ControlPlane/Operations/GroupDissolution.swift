import Fleet

/// A group of very many things is emptied before it goes, some things at a commit: in one commit it
/// would keep everybody else's writes waiting for as long as all its memberships take.
///
/// What ends in between leaves the group with fewer things in it, and the same call goes on.
enum GroupDissolution {
    /// Lost races, after which what is left goes in one commit.
    private static let lostRacesMax = 100

    /// Commits until the things that are left fit one.
    /// - Parameters:
    ///   - subject: a listing of names of things.
    ///   - decision: takes these out.
    static func empty(
        _ subject: ListQuery.Subject, by actor: Actor, _ services: ControlPlaneServices,
        _ decision: ([ThingName]) async throws(FleetError) -> ChangeSet
    ) async throws(FleetError) {
        var lostRaces = 0
        while lostRaces < Self.lostRacesMax {
            let page = try await services.store.page(ListQuery(subject))
            guard page.next != nil else { return }
            let names = page.records.compactMap { record -> ThingName? in
                if case .thingName(let name) = record { name } else { nil }
            }
            do throws(FleetError) {
                let set = try await decision(names)
                // All of the page have moved meanwhile, and the next one tells of others.
                guard !set.changes.isEmpty else {
                    lostRaces += 1
                    continue
                }
                _ = try await services.store.commit(set, by: actor)
            } catch {
                // The group has gone meanwhile, or a thing of it has: the next page tells.
                guard error.code == .conflict else { throw error }
                lostRaces += 1
            }
        }
    }
}
