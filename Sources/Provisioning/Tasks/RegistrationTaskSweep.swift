package import Fleet

/// Takes away tasks that ended long ago, and files that no task has any more; ends tasks that have
/// lasted for too long.
package struct RegistrationTaskSweep: Sendable {
    private let store: any FleetStore
    private let files: any RegistrationFiles
    private let clock: any WallClock

    package init(store: any FleetStore, files: any RegistrationFiles, clock: any WallClock) {
        self.store = store
        self.files = files
        self.clock = clock
    }

    /// Looks at every task once.
    /// - Returns: how many went.
    /// - Throws: where the store or the files cannot be read.
    @discardableResult
    package func sweepOnce() async throws(FleetError) -> Int {
        var removed = 0
        var after: String?
        let now = self.clock.now
        repeat {
            let page = try await self.store.page(ListQuery(.registrationTasks(nil), after: after))
            for case .registrationTask(let task) in page.records {
                if RegistrationTasks.isForgotten(task, at: now) {
                    let view = try await self.store.load([.registrationTask(task.id)])
                    try await self.commit(RegistrationTasks.forget(task.id, in: view))
                    removed += 1
                } else if RegistrationTasks.isOverdue(task, at: now) {
                    let view = try await self.store.load([.registrationTask(task.id)])
                    let set = RegistrationTasks.end(
                        task.id, as: .failed("it had not ended after 30 days"), in: view, at: now)
                    if let set { try await self.commit(set) }
                }
            }
            after = page.next
        } while after != nil
        try await self.removeOrphans()
        return removed
    }

    private func removeOrphans() async throws(FleetError) {
        for id in try await self.files.tasks() {
            let view = try await self.store.load([.registrationTask(id)])
            guard let task = view.registrationTask(id) else {
                try await self.files.removeAll(of: id)
                continue
            }
            if task.state.status.isEnded { try await self.files.removeInput(of: id) }
        }
    }

    /// A task that changed meanwhile is looked at the next time.
    private func commit(_ set: ChangeSet) async throws(FleetError) {
        do throws(FleetError) {
            _ = try await self.store.commit(set, by: .service("sweep"))
        } catch {
            guard error.code == .conflict else { throw error }
        }
    }
}
