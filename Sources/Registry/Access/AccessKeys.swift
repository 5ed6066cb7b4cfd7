package import Fleet
import JSON

/// The rules of access keys. What is secret has been sealed before it comes here.
package enum AccessKeys {
    /// More roles than this are one role that nobody has written.
    package static let rolesPerKeyMax = 10

    /// A key pair that has just been made.
    package struct Definition: Sendable {
        package let id: AccessKeyID
        package let user: UserName
        package let roles: [RoleName]
        package let secret: SealedSecret

        package init(
            id: AccessKeyID, user: UserName, roles: [RoleName], secret: SealedSecret
        ) {
            self.id = id
            self.user = user
            self.roles = roles
            self.secret = secret
        }

        /// What `create` looks at.
        package var keys: Set<RecordKey> {
            AccessKeys.keys(of: self.roles).union([.accessKey(self.id)])
        }
    }

    /// What a check of `roles` looks at.
    package static func keys(of roles: [RoleName]) -> Set<RecordKey> {
        Set(roles.filter { BuiltInRole(name: $0) == nil }.map { .role($0) })
    }

    package static func create(
        _ definition: Definition, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let key = AccessKey(
            id: definition.id, user: definition.user,
            roles: try Self.checked(definition.roles, in: view), secret: definition.secret,
            createdAt: now)
        return ChangeSet(
            action: "CreateAccessKey", preconditions: try Self.isNew(key.id, in: view),
            changes: [.putAccessKey(key)], detail: Self.detail(key))
    }

    /// A new key for the same user with the same roles. The old one goes on working until it is
    /// disabled, so that those who hold it can change over; one that has leaked is disabled here
    /// and now.
    package static func rotate(
        _ old: AccessKeyID, to id: AccessKeyID, secret: SealedSecret, disablingOld: Bool,
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        var previous = try Self.existing(old, in: view)
        let key = AccessKey(
            id: id, user: previous.user, roles: previous.roles, secret: secret, createdAt: now,
            rotatedFrom: old)
        var set = ChangeSet(
            action: "RotateAccessKey",
            preconditions: [view.asSeen(.accessKey(old))] + (try Self.isNew(id, in: view)),
            changes: [.putAccessKey(key)], detail: Self.detail(key))
        set.detail["rotatedFrom"] = .string(old.rawValue)
        if disablingOld, previous.status == .active {
            previous.status = .inactive
            set.changes.append(.putAccessKey(previous))
        }
        return set
    }

    /// Setting the status that it has changes nothing.
    package static func setStatus(
        _ id: AccessKeyID, _ status: AccessKey.Status, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        var key = try Self.existing(id, in: view)
        var set = ChangeSet(
            action: "SetAccessKeyStatus", preconditions: [view.asSeen(.accessKey(id))])
        guard key.status != status else { return set }
        key.status = status
        set.changes = [.putAccessKey(key)]
        set.detail = Self.detail(key)
        set.detail["status"] = .string(status.rawValue)
        return set
    }

    /// - Parameter view: holds the key, and `keys(of: roles)`.
    package static func setRoles(
        _ id: AccessKeyID, _ roles: [RoleName], in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        var key = try Self.existing(id, in: view)
        let checked = try Self.checked(roles, in: view)
        var set = ChangeSet(
            action: "SetAccessKeyRoles", preconditions: [view.asSeen(.accessKey(id))])
        guard key.roles != checked else { return set }
        key.roles = checked
        set.changes = [.putAccessKey(key)]
        set.detail = Self.detail(key)
        return set
    }

    package static func delete(
        _ id: AccessKeyID, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        let key = try Self.existing(id, in: view)
        return ChangeSet(
            action: "DeleteAccessKey", preconditions: [view.asSeen(.accessKey(id))],
            changes: [.deleteAccessKey(id)], detail: Self.detail(key))
    }

    package static func existing(
        _ id: AccessKeyID, in view: RegistryView
    ) throws(FleetError) -> AccessKey {
        guard let key = view.accessKey(id) else {
            throw FleetError(
                .notFound, "there is no access key '\(id)'", resource: id.rawValue)
        }
        return key
    }

    private static func isNew(
        _ id: AccessKeyID, in view: RegistryView
    ) throws(FleetError) -> [Precondition] {
        guard view.accessKey(id) == nil else {
            throw FleetError(
                .alreadyExists, "there is an access key '\(id)' already", resource: id.rawValue)
        }
        return [.absent(.accessKey(id))]
    }

    /// In order, none twice, each of them there.
    private static func checked(
        _ roles: [RoleName], in view: RegistryView
    ) throws(FleetError) -> [RoleName] {
        let checked = Set(roles).sorted()
        guard (1...Self.rolesPerKeyMax).contains(checked.count) else {
            throw FleetError(
                .invalidRequest,
                "a credential has 1 to \(Self.rolesPerKeyMax) roles, not \(checked.count): with "
                    + "none it may do nothing at all")
        }
        for name in checked where BuiltInRole(name: name) == nil && view.role(name) == nil {
            throw FleetError(
                .notFound, "there is no role '\(name)'; see 'slipway access role list'",
                resource: name.rawValue)
        }
        return checked
    }

    private static func detail(_ key: AccessKey) -> JSONObject {
        [
            "accessKeyId": .string(key.id.rawValue), "user": .string(key.user.rawValue),
            "roles": .array(key.roles.map { .string($0.rawValue) }),
        ]
    }
}
