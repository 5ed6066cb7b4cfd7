import Fleet
import Policies
import Registry

/// Who began a task, and whether he may still do so: a task goes on for hours, and whoever takes a
/// credential or a right away means what it does from then on, too.
struct TaskStarter {
    private let user: UserName
    private let key: AccessKeyID
    /// nil for a task from before it was kept. What a condition would say of it nobody knows then,
    /// and the credential's status alone decides.
    private let address: String?

    /// Credentials whose rights are another's: of them nothing is kept but what they are signed as.
    private static let sessionPrefix = "ASIA"

    /// nil for whoever came by the operator's socket, and signs nothing.
    init?(_ task: RegistrationTask) {
        let parts = task.startedBy.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, let user = try? UserName(String(parts[0])),
            let key = try? AccessKeyID(String(parts[1]))
        else { return nil }
        self.user = user
        self.key = key
        self.address = task.startedFrom
    }

    private var isSession: Bool { self.key.rawValue.hasPrefix(Self.sessionPrefix) }

    /// Why the task may not go on; nil where it may.
    /// - Parameter rights: what it takes to start it.
    func withdrawal(
        of rights: [NeededRight], in store: any FleetStore, at now: UnixTime
    ) async throws(FleetError) -> String? {
        let keys = try await self.servingKeys(in: store)
        guard !keys.isEmpty else {
            return self.isSession
                ? "the user '\(self.user)' who started it has no access key that serves"
                : "the access key '\(self.key)' that started it serves no longer"
        }
        guard let address else { return nil }
        let circumstances = Rights.Circumstances(
            user: self.user, sourceAddress: address, now: now)
        var lost: NeededRight?
        for key in keys {
            let had = Rights(
                key.roles, in: try await store.load(AccessKeys.keys(of: key.roles)))
            lost = rights.first {
                !had.decide($0.action, on: $0.resource, circumstances).isAllowed
            }
            if lost == nil { return nil }
        }
        return lost.map { right in
            let who =
                self.isSession
                ? "the user '\(self.user)' who" : "the access key '\(self.key)' that"
            return "\(who) started it has no right to \(right.action) any longer"
        }
    }

    /// The key itself; of a session every key of its user, as one of them is what it acts for.
    private func servingKeys(in store: any FleetStore) async throws(FleetError) -> [AccessKey] {
        guard self.isSession else {
            let key = try await store.load([.accessKey(self.key)]).accessKey(self.key)
            return [key].compactMap { $0 }.filter { $0.status == .active }
        }
        var found: [AccessKey] = []
        var after: String?
        repeat {
            let page = try await store.page(ListQuery(.accessKeys, after: after))
            for case .accessKey(let key) in page.records
            where key.user == self.user && key.status == .active { found.append(key) }
            after = page.next
        } while after != nil
        return found
    }
}
