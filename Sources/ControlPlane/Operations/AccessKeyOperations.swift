import Fleet
import HTTPTypes
import JSON
import Registry

/// Credentials of people and machines.
package enum AccessKeyOperations {
    package static let all: [Operation] = [
        Operation(
            "ListAccessKeys", .get, "/slipway/access-keys", query: ["after"],
            summary: "Every credential with its user, roles and status", handle: Self.list),
        Operation(
            "CreateAccessKey", .post, "/slipway/access-keys", members: ["user", "roles"],
            summary: "A new credential; its secret is told this once",
            target: { request, realm throws(FleetError) in
                realm.user(try UserName(try request.text("user")))
            }, handleSecret: Self.create),
        Operation(
            "RotateAccessKey", .post, "/slipway/access-keys/{accessKeyId}/rotation",
            members: ["disablesOld"],
            summary: "A new credential in place of one; its secret is told this once",
            target: Self.target, handleSecret: Self.rotate),
        Operation(
            "CreateSession", .post, "/slipway/access-keys/{accessKeyId}/session",
            members: ["durationSeconds"],
            summary: "A temporary credential with the rights of another",
            target: Self.target, handleSecret: Self.createSession),
        Operation(
            "SetAccessKeyStatus", .put, "/slipway/access-keys/{accessKeyId}/status",
            members: ["status"], summary: "Let a credential serve, or not",
            target: Self.target, handle: Self.setStatus),
        Operation(
            "SetAccessKeyRoles", .put, "/slipway/access-keys/{accessKeyId}/roles",
            members: ["roles"], summary: "Other roles for a credential", target: Self.target,
            handle: Self.setRoles),
        Operation(
            "DeleteAccessKey", .delete, "/slipway/access-keys/{accessKeyId}",
            summary: "Forget a credential", target: Self.target, handle: Self.delete),
    ]

    private static let target: Operation.Target = { request, realm throws(FleetError) in
        realm.accessKey(try request.name("accessKeyId", as: AccessKeyID.self))
    }

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let page = try await services.store.page(
            ListQuery(.accessKeys, after: request.query["after"]))
        let keys = page.records.compactMap { record -> JSONValue? in
            if case .accessKey(let key) = record { .object(Self.json(key)) } else { nil }
        }
        return ["accessKeys": .array(keys), "next": page.next.map { .string($0) } ?? nil]
    }

    private static func create(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> SecretAnswer {
        let user = try UserName(try request.text("user"))
        let roles = try Self.roles(request)
        let access = try services.requiredAccess
        let made = try access.vault.make()
        let definition = AccessKeys.Definition(
            id: made.id, user: user, roles: roles, secret: made.sealed)
        let decided = try await services.decide(definition.keys, by: request.actor) {
            view, now throws(FleetError) in
            try AccessKeys.create(definition, in: view, at: now)
        }
        return Self.told(made, decided.set)
    }

    private static func rotate(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> SecretAnswer {
        let old = try request.name("accessKeyId", as: AccessKeyID.self)
        let disablesOld = try request.optionalFlag("disablesOld") ?? false
        let access = try services.requiredAccess
        let made = try access.vault.make()
        let decided = try await services.decide(
            [.accessKey(old), .accessKey(made.id)], by: request.actor
        ) { view, now throws(FleetError) in
            try AccessKeys.rotate(
                old, to: made.id, secret: made.sealed, disablingOld: disablesOld, in: view,
                at: now)
        }
        access.directory.forgetAll()
        return Self.told(made, decided.set)
    }

    /// AWS: GetSessionToken, from 15 minutes to 36 hours, 12 hours where nobody says.
    private static let sessionSecondsRange = 900...129_600
    private static let sessionSecondsDefault = 43_200

    /// Nothing changes but that the credential has been given, and that is written down.
    private static func createSession(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> SecretAnswer {
        let id = try request.name("accessKeyId", as: AccessKeyID.self)
        let seconds =
            try request.optionalInteger("durationSeconds") ?? Self.sessionSecondsDefault
        guard Self.sessionSecondsRange.contains(seconds) else {
            throw FleetError(
                .invalidRequest,
                "durationSeconds must be from \(Self.sessionSecondsRange.lowerBound) to "
                    + "\(Self.sessionSecondsRange.upperBound), not \(seconds)")
        }
        let view = try await services.store.load([.accessKey(id)])
        let key = try AccessKeys.existing(id, in: view)
        guard key.status == .active else {
            throw FleetError(
                .invalidRequest, "the access key '\(id)' is disabled", resource: id.rawValue)
        }
        let expiresAt = services.clock.now.advanced(bySeconds: Int64(seconds))
        let made = try services.requiredAccess.vault.makeSession(for: id, until: expiresAt)
        _ = try await services.store.commit(
            ChangeSet(
                action: "CreateSession", preconditions: [view.asSeen(.accessKey(id))],
                detail: [
                    "accessKeyId": .name(id), "user": .name(key.user), "session": .name(made.id),
                    "expiresAt": .string(expiresAt.description),
                ]), by: request.actor)
        return SecretAnswer(
            [
                "accessKeyId": .name(made.id), "sessionToken": .string(made.token),
                "user": .name(key.user), "expiresAt": .string(expiresAt.description),
            ], Self.secretMember, made.secret)
    }

    private static func setStatus(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let text = try request.text("status")
        guard let status = AccessKey.Status(rawValue: text) else {
            throw FleetError(
                .invalidRequest, "status is Active or Inactive, not '\(text.clipped)'")
        }
        if status == .active {
            // Whoever lets one serve again hands out its rights as much as whoever gives it roles.
            try request.authorize(
                "slipway:SetAccessKeyRoles",
                services.realm.accessKey(try request.name("accessKeyId", as: AccessKeyID.self)))
        }
        return try await Self.change(request, services, []) { id, view throws(FleetError) in
            try AccessKeys.setStatus(id, status, in: view)
        }
    }

    private static func setRoles(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let roles = try Self.roles(request)
        return try await Self.change(request, services, AccessKeys.keys(of: roles)) {
            id, view throws(FleetError) in
            try AccessKeys.setRoles(id, roles, in: view)
        }
    }

    private static func delete(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        try await Self.change(request, services, []) { id, view throws(FleetError) in
            try AccessKeys.delete(id, in: view)
        }
    }

    /// Decides upon the key that the path names. What is remembered of credentials is forgotten
    /// before the answer goes: whoever hears that a key is disabled may rely on it.
    private static func change(
        _ request: OperationRequest, _ services: ControlPlaneServices, _ keys: Set<RecordKey>,
        _ decision: (AccessKeyID, RegistryView) throws(FleetError) -> ChangeSet
    ) async throws(FleetError) -> JSONValue {
        let id = try request.name("accessKeyId", as: AccessKeyID.self)
        _ = try await services.decide(keys.union([.accessKey(id)]), by: request.actor) {
            view, _ throws(FleetError) in
            try decision(id, view)
        }
        services.access?.directory.forgetAll()
        let view = try await services.store.load([.accessKey(id)])
        return view.accessKey(id).map { .object(Self.json($0)) } ?? .null
    }

    private static func roles(
        _ request: OperationRequest
    ) throws(FleetError) -> [RoleName] {
        var roles: [RoleName] = []
        for text in try request.members.texts("roles") ?? [] { roles.append(try RoleName(text)) }
        return roles
    }

    /// What is told but once.
    private static func told(_ made: AccessVault.Made, _ set: ChangeSet) -> SecretAnswer {
        guard case .putAccessKey(let key)? = set.changes.first else {
            preconditionFailure("A set that makes a key begins with it.")
        }
        return SecretAnswer(Self.json(key), Self.secretMember, made.secret)
    }

    private static let secretMember = "secretAccessKey"

    private static func json(_ key: AccessKey) -> JSONObject {
        .present(
            ("accessKeyId", .name(key.id)), ("user", .name(key.user)),
            ("roles", .array(key.roles.map { .name($0) })),
            ("status", .string(key.status.rawValue)),
            ("createdAt", .string(key.createdAt.description)),
            ("rotatedFrom", key.rotatedFrom.map { .name($0) }))
    }
}

extension ControlPlaneServices {
    var requiredAccess: AccessServices {
        get throws(FleetError) {
            guard let access = self.access else {
                throw FleetError(
                    .serviceUnavailable,
                    "there is no access key file, which seals secrets: run 'slipway init'")
            }
            return access
        }
    }
}
