import Fleet
import HTTPTypes
import JSON
import Registry

/// What credentials may do: roles that ship, and roles of our users' own.
package enum RoleOperations {
    package static let all: [Operation] = [
        Operation(
            "ListRoles", .get, "/slipway/roles", query: ["after"],
            summary: "Every role, built in or not", handle: Self.list),
        Operation(
            "DescribeRole", .get, "/slipway/roles/{roleName}",
            summary: "One role with its document", target: Self.target, handle: Self.describe),
        Operation(
            "PutRole", .put, "/slipway/roles/{roleName}", members: ["document"],
            summary: "A role of one's own, by its document", target: Self.target,
            handle: Self.put),
        Operation(
            "DeleteRole", .delete, "/slipway/roles/{roleName}",
            summary: "Forget a role that no credential has",
            target: Self.target, handle: Self.delete),
    ]

    private static let target: Operation.Target = { request, realm throws(FleetError) in
        realm.role(try request.name("roleName", as: RoleName.self))
    }

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let after = request.query["after"]
        let page = try await services.store.page(ListQuery(.roles, after: after))
        let builtIn = after == nil ? BuiltInRole.allCases.map { Self.summary($0) } : []
        let custom = page.records.compactMap { record -> JSONValue? in
            guard case .role(let role) = record else { return nil }
            return [
                "name": .name(role.name), "builtIn": false,
                "lastModifiedAt": .string(role.lastModifiedAt.description),
            ]
        }
        return [
            "roles": .array(builtIn + custom), "next": page.next.map { .string($0) } ?? nil,
        ]
    }

    private static func summary(_ role: BuiltInRole) -> JSONValue {
        ["name": .name(role.name), "builtIn": true, "summary": .string(role.summary)]
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("roleName", as: RoleName.self)
        if let role = BuiltInRole(name: name) {
            var answer = Self.summary(role).objectValue ?? [:]
            answer["document"] = .string(role.document)
            return .object(answer)
        }
        guard let role = try await services.store.load([.role(name)]).role(name) else {
            throw FleetError(.notFound, "there is no role '\(name)'", resource: name.rawValue)
        }
        return [
            "name": .name(name), "builtIn": false,
            "createdAt": .string(role.createdAt.description),
            "lastModifiedAt": .string(role.lastModifiedAt.description),
            "document": .string(role.document),
        ]
    }

    private static func put(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("roleName", as: RoleName.self)
        let document = try request.text("document")
        let decided = try await services.decide([.role(name)], by: request.actor) {
            view, now throws(FleetError) in
            try AccessRoles.put(
                name, document: document, knowing: OperationTable.all.map(\.action), in: view,
                at: now)
        }
        services.access?.directory.forgetAll()
        return ["name": .name(name), "changed": .bool(!decided.set.changes.isEmpty)]
    }

    private static func delete(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("roleName", as: RoleName.self)
        let keys = try await Self.keys(having: name, services)
        _ = try await services.decide([.role(name)], by: request.actor) {
            view, _ throws(FleetError) in
            try AccessRoles.delete(name, namedBy: keys, in: view)
        }
        services.access?.directory.forgetAll()
        return .null
    }

    /// Disabled ones too: they may serve again.
    private static func keys(
        having role: RoleName, _ services: ControlPlaneServices
    ) async throws(FleetError) -> [AccessKeyID] {
        var found: [AccessKeyID] = []
        var after: String?
        repeat {
            let page = try await services.store.page(ListQuery(.accessKeys, after: after))
            for case .accessKey(let key) in page.records where key.roles.contains(role) {
                found.append(key.id)
            }
            after = page.next
        } while after != nil
        return found
    }
}
