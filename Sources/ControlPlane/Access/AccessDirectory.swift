package import Fleet
package import Registry
import Synchronization

/// Finds the credential that a request names, with its secret opened and its rights compiled.
///
/// What was found is remembered, since every request asks; it is forgotten as a whole when any
/// credential or role changes, by whoever committed the change before he answers, and by the feed
/// of commits for changes that came another way.
package final class AccessDirectory: Sendable {
    /// A credential, and what it may do.
    package struct Grant: Sendable {
        package let credential: AccessCredential
        package let rights: Rights
    }

    /// In one generation.
    private static let grantsMax = 1024

    private struct State {
        var grants = RecentValues<AccessKeyID, Grant>(generationMax: AccessDirectory.grantsMax)
        /// Counts how often all was forgotten, so that what was read before is not kept after.
        var forgotten = 0
    }

    private let store: any FleetStore
    private let vault: AccessVault
    private let state = Mutex(State())

    package init(store: any FleetStore, vault: AccessVault) {
        self.store = store
        self.vault = vault
    }

    /// - Returns: nil for a credential that is not known or not active, and for a temporary one
    ///   whose token this service did not make.
    /// - Throws: `FleetError.internalFailure` where the store cannot be read or the secret does
    ///   not open.
    package func grant(_ presented: SignatureV4.Presented) async throws(FleetError) -> Grant? {
        guard let token = presented.sessionToken,
            presented.id.rawValue.hasPrefix(AccessVault.sessionIDPrefix)
        else { return try await self.grant(presented.id) }
        guard let session = self.vault.openSession(token), session.contents.id == presented.id,
            let parent = try await self.grant(session.contents.parent)
        else { return nil }
        return Grant(
            credential: AccessCredential(
                id: presented.id, user: parent.credential.user, roles: parent.credential.roles,
                secret: session.secret,
                session: AccessCredential.Session(
                    token: Secret(WipedBytes(token.utf8)),
                    expiresAt: session.contents.expiresAt)),
            rights: parent.rights)
    }

    /// - Returns: nil for a key that is not known or not active.
    /// - Throws: `FleetError.internalFailure` where the store cannot be read or the secret does
    ///   not open.
    package func grant(_ id: AccessKeyID) async throws(FleetError) -> Grant? {
        let (kept, forgotten) = self.state.withLock { ($0.grants.value(id), $0.forgotten) }
        if let kept { return kept }
        let view = try await self.store.load([.accessKey(id)])
        guard let key = view.accessKey(id), key.status == .active else { return nil }
        let grant = Grant(
            credential: AccessCredential(
                id: id, user: key.user, roles: key.roles,
                secret: try self.vault.open(key.secret, of: id)),
            rights: try await self.rights(of: key.roles))
        self.state.withLock { state in
            if state.forgotten == forgotten { state.grants.keep(grant, id) }
        }
        return grant
    }

    private func rights(of roles: [RoleName]) async throws(FleetError) -> Rights {
        let keys = AccessKeys.keys(of: roles)
        guard !keys.isEmpty else { return Rights(roles, custom: [:]) }
        return Rights(roles, in: try await self.store.load(keys))
    }

    /// To be called once a change of credentials or roles is committed, before anybody is told.
    package func forgetAll() {
        self.state.withLock { state in
            state.grants.forgetAll()
            state.forgotten += 1
        }
    }

    /// Forgets with every commit that concerns credentials or roles, until the task is cancelled.
    package func follow(_ commits: AsyncStream<Commit>) async {
        for await commit in commits where commit.changes.contains(where: \.concernsAccess) {
            self.forgetAll()
        }
    }
}

extension Change {
    var concernsAccess: Bool {
        if case .putAccessKey = self { return true }
        if case .deleteAccessKey = self { return true }
        if case .putRole = self { return true }
        if case .deleteRole = self { return true }
        return false
    }
}
