import Fleet

/// Who began a task, and whether his credential still serves: a task goes on for hours, and
/// whoever takes a credential away means what it does from then on, too.
struct TaskStarter {
    private let user: UserName
    private let key: AccessKeyID

    /// Credentials whose rights are another's: of them nothing is kept but what they are signed as.
    private static let sessionPrefix = "ASIA"

    /// nil for whoever came by the operator's socket, and signs nothing.
    /// - Parameter identity: as `RegistrationTask.startedBy` has it.
    init?(_ identity: String) {
        let parts = identity.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let user = try? UserName(String(parts[0])),
            let key = try? AccessKeyID(String(parts[1]))
        else { return nil }
        self.user = user
        self.key = key
    }

    /// Why the task may not go on; nil where it may.
    func withdrawal(in store: any FleetStore) async throws(FleetError) -> String? {
        guard self.key.rawValue.hasPrefix(Self.sessionPrefix) else {
            let key = try await store.load([.accessKey(self.key)]).accessKey(self.key)
            return key?.status == .active
                ? nil : "the access key '\(self.key)' that started it serves no longer"
        }
        return try await self.hasActiveKey(in: store)
            ? nil : "the user '\(self.user)' who started it has no access key that serves"
    }

    private func hasActiveKey(in store: any FleetStore) async throws(FleetError) -> Bool {
        var after: String?
        repeat {
            let page = try await store.page(ListQuery(.accessKeys, after: after))
            for case .accessKey(let key) in page.records
            where key.user == self.user && key.status == .active { return true }
            after = page.next
        } while after != nil
        return false
    }
}
