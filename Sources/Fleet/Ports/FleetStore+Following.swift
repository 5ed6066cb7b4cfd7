extension FleetStore {
    /// One consistent read of `keys` and of all that `more` finds to be needed beside them.
    ///
    /// Which certificates share a key, or speak for a thing, only a first look can tell; and by the
    /// second look there may be another one. The read is made again until the view holds all that
    /// it asks for itself, so that a decision never meets a record which nobody has loaded.
    /// - Parameter more: what a view asks for. It may look at a key that it has named itself only
    ///   where `holds` says that the view has it.
    /// - Throws: `FleetError.conflict` where the records changed between all of the looks: the
    ///   decision is to be made afresh, as after any lost race.
    package func load(
        _ keys: Set<RecordKey>, following more: (RegistryView) -> Set<RecordKey>
    ) async throws(FleetError) -> RegistryView {
        var wanted = keys
        for _ in 0..<looksMax {
            let view = try await self.load(wanted)
            let needed = wanted.union(more(view))
            guard needed.count > wanted.count else { return view }
            wanted = needed
        }
        throw FleetError(.conflict, "other requests kept changing what this one rests upon")
    }
}

/// Looks of one read. Three are the most that a decision needs by itself: things, the certificates
/// that speak for them, and the claims that those came by.
private let looksMax = 16
