import ControlPlane
import Fleet
import Foundation
import JSON
import Registry

/// Makes the key that secrets are sealed with, and the first credential: an administrator's, so
/// that there is one who can make the others.
struct AccessFounding: Sendable {
    static let user = UserName(checked: "admin")
    /// What the credentials file is called until the credential it holds is committed.
    private static let pendingSuffix = ".pending"

    let installation: Installation
    let store: any FleetStore
    let clock: any WallClock
    let entropy: any Entropy
    let actor: Actor

    /// - Returns: the credential that was made now; nil where there was one.
    func run() async throws(FleetError) -> CredentialsFile? {
        let isEmpty = try await self.store.page(ListQuery(.accessKeys, limit: 1)).records.isEmpty
        try self.makeKeyIfAbsent(isEmpty: isEmpty)
        let pending = self.installation.awsCredentials + Self.pendingSuffix
        if PrivateFile.exists(pending), try await self.finish(pending) { return nil }
        // A file without its credential is one that was deleted: it is not made again.
        guard isEmpty, !PrivateFile.exists(self.installation.awsCredentials) else { return nil }
        let made = try Self.vault(self.installation, self.entropy).make()
        let file = CredentialsFile(id: made.id, secret: made.secret)
        try PrivateFile.create(pending, file.bytes)
        let definition = AccessKeys.Definition(
            id: made.id, user: Self.user, roles: [BuiltInRole.administrator.name],
            secret: made.sealed)
        _ = try await self.store.commit(
            try AccessKeys.create(
                definition, in: try await self.store.load(definition.keys), at: self.clock.now),
            by: self.actor)
        try PrivateFile.rename(pending, to: self.installation.awsCredentials)
        return file
    }

    /// What opens and seals the secrets of an installation.
    static func vault(
        _ installation: Installation, _ entropy: any Entropy
    ) throws(FleetError) -> AccessVault {
        guard PrivateFile.exists(installation.accessKey) else {
            guard PrivateFile.exists(installation.awsCredentials) else {
                throw FleetError(
                    .invalidRequest,
                    "'\(installation.accessKey)' is missing: run 'slipway init', which makes it "
                        + "where it has never been; where it has, put the file back")
            }
            throw Self.lost(installation)
        }
        let key = Secret(
            WipedBytes(
                try PrivateFile.read(installation.accessKey, as: "the access key file")))
        do throws(FleetError) { return try AccessVault(key: key, entropy: entropy) } catch {
            throw FleetError(
                error.code, "'\(installation.accessKey)': \(error.message): put the right file back"
            )
        }
    }

    /// A new key would open no secret that was sealed with another.
    private func makeKeyIfAbsent(isEmpty: Bool) throws(FleetError) {
        guard !PrivateFile.exists(self.installation.accessKey) else { return }
        guard isEmpty else { throw Self.lost(self.installation) }
        try PrivateFile.create(
            self.installation.accessKey, self.entropy.bytes(count: AccessVault.keyBytesCount))
    }

    private static func lost(_ installation: Installation) -> FleetError {
        FleetError(
            .invalidRequest,
            "'\(installation.accessKey)' is missing, and the secrets of the credentials are sealed "
                + "with it: put the file back; or delete them all with 'slipway access delete', "
                + "move '\(installation.awsCredentials)' away and run 'slipway init' for a new one")
    }

    /// What a run that was cut short left: named at last where its credential was committed, and
    /// removed where it was not.
    private func finish(_ pending: String) async throws(FleetError) -> Bool {
        let bytes = try PrivateFile.read(pending, as: "the unfinished credentials file")
        if let id = CredentialsFile.id(in: bytes),
            try await self.store.load([.accessKey(id)]).accessKey(id) != nil
        {
            try PrivateFile.rename(pending, to: self.installation.awsCredentials)
            return true
        }
        unlink(pending)
        return false
    }
}
