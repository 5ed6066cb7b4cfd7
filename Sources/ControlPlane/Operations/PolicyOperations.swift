import Fleet
import HTTPTypes
import JSON
import Registry

/// The rows of policies and their versions.
package enum PolicyOperations {
    package static let all: [Operation] = [
        Operation(
            "CreatePolicy", .post, "/policies/{policyName}", members: ["policyDocument", "tags"],
            summary: "A new policy; its document is its first version", target: Self.policy,
            handle: Self.create),
        Operation(
            "GetPolicy", .get, "/policies/{policyName}",
            summary: "One policy with its default version", target: Self.policy, handle: Self.get),
        Operation(
            "DeletePolicy", .delete, "/policies/{policyName}",
            summary: "Takes away a policy that hangs on nothing and has no other version",
            target: Self.policy, handle: Self.delete),
        Operation(
            "ListPolicies", .get, "/policies", query: Pagination.markerQuery,
            summary: "Every policy, in pages", handle: Self.list),
        Operation(
            "CreatePolicyVersion", .post, "/policies/{policyName}/version",
            members: ["policyDocument"], query: ["setAsDefault"],
            summary: "Another version, with ?setAsDefault=true the one that decides",
            differences: "1,000 versions, where AWS allows 5",
            target: Self.policy, handle: Self.createVersion),
        Operation(
            "GetPolicyVersion", .get, "/policies/{policyName}/version/{policyVersionId}",
            summary: "One version", target: Self.policy, handle: Self.getVersion),
        Operation(
            "ListPolicyVersions", .get, "/policies/{policyName}/version",
            summary: "The versions of a policy, the newest first", target: Self.policy,
            handle: Self.listVersions),
        Operation(
            "DeletePolicyVersion", .delete, "/policies/{policyName}/version/{policyVersionId}",
            summary: "Takes away a version that is not the default", target: Self.policy,
            handle: Self.deleteVersion),
        Operation(
            "SetDefaultPolicyVersion", .patch,
            "/policies/{policyName}/version/{policyVersionId}",
            summary: "Makes a version the one that decides; live connections follow",
            target: Self.policy, handle: Self.setDefaultVersion),
    ]

    static func policy(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.policy(try request.name("policyName"))
    }

    // MARK: Policies

    private static func create(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: PolicyName = try request.name("policyName")
        let document = try request.text("policyDocument")
        let tags = try TagShape.tags(request)
        _ = try await services.decide([.policy(name)], by: request.actor) {
            view, now throws(FleetError) in
            var set = try PolicyVersions.create(name, document: document, in: view, at: now)
            set.changes += try Tags.initial(tags, of: .policy(name))
            return set
        }
        return [
            "policyName": .name(name), "policyArn": .arn(services.realm.policy(name)),
            "policyDocument": .string(document), "policyVersionId": "1",
        ]
    }

    private static func get(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let (policy, revision) = try await Self.found(request, services)
        let version = try PolicyVersions.version(policy.defaultVersionID, of: policy)
        return [
            "policyName": .name(policy.name), "policyArn": .arn(services.realm.policy(policy.name)),
            "policyDocument": .string(version.document),
            "defaultVersionId": .string("\(version.id)"),
            "creationDate": .epoch(policy.createdAt),
            "lastModifiedDate": .epoch(policy.lastModifiedAt),
            "generationId": .string("\(revision)"),
        ]
    }

    private static func delete(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: PolicyName = try request.name("policyName")
        _ = try await services.decide(PolicyVersions.keysToDelete(name), by: request.actor) {
            view, _ throws(FleetError) in
            try PolicyVersions.delete(name, in: view)
        }
        return .null
    }

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let order: ListOrder =
            try request.queryFlag("isAscendingOrder") ? .ascending : .descending
        let page = try await services.store.page(
            ListQuery(
                .policiesByCreation(order), after: try request.marker,
                limit: try request.markerLimit()))
        let names = page.records.compactMap { record -> PolicyName? in
            if case .policy(let policy) = record { policy.name } else { nil }
        }
        return .object(
            .present(
                ("policies", PolicyShape.list(names, services.realm)),
                ("nextMarker", Pagination.token(page.next))))
    }

    // MARK: Versions

    private static func createVersion(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: PolicyName = try request.name("policyName")
        let document = try request.text("policyDocument")
        let setAsDefault = try request.queryFlag("setAsDefault")
        let (view, _) = try await services.decide([.policy(name)], by: request.actor) {
            view, now throws(FleetError) in
            try PolicyVersions.add(
                document: document, to: name, setAsDefault: setAsDefault, in: view, at: now)
        }
        let before = try PolicyVersions.policy(name, in: view)
        return [
            "policyArn": .arn(services.realm.policy(name)), "policyDocument": .string(document),
            "policyVersionId": .string("\(before.latestVersionID + 1)"),
            "isDefaultVersion": .bool(setAsDefault),
        ]
    }

    private static func getVersion(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try PolicyVersions.versionID(request.label("policyVersionId"))
        let (policy, _) = try await Self.found(request, services)
        let version = try PolicyVersions.version(id, of: policy)
        return [
            "policyArn": .arn(services.realm.policy(policy.name)), "policyName": .name(policy.name),
            "policyDocument": .string(version.document), "policyVersionId": .string("\(id)"),
            "isDefaultVersion": .bool(id == policy.defaultVersionID),
            "creationDate": .epoch(version.createdAt),
            // A version never changes, so there is one generation of it.
            "lastModifiedDate": .epoch(version.createdAt), "generationId": .string("\(id)"),
        ]
    }

    private static func listVersions(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let (policy, _) = try await Self.found(request, services)
        let versions = policy.versions.sorted { $0.id > $1.id }.map { version -> JSONValue in
            [
                "versionId": .string("\(version.id)"),
                "isDefaultVersion": .bool(version.id == policy.defaultVersionID),
                "createDate": .epoch(version.createdAt),
            ]
        }
        return ["policyVersions": .array(versions)]
    }

    private static func deleteVersion(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: PolicyName = try request.name("policyName")
        let id = try PolicyVersions.versionID(request.label("policyVersionId"))
        _ = try await services.decide([.policy(name)], by: request.actor) {
            view, now throws(FleetError) in
            try PolicyVersions.delete(version: id, of: name, in: view, at: now)
        }
        return .null
    }

    private static func setDefaultVersion(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: PolicyName = try request.name("policyName")
        let id = try PolicyVersions.versionID(request.label("policyVersionId"))
        _ = try await services.decide([.policy(name)], by: request.actor) {
            view, now throws(FleetError) in
            try PolicyVersions.setDefault(id, of: name, in: view, at: now)
        }
        return .null
    }

    private static func found(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> (policy: Policy, revision: Revision) {
        let name: PolicyName = try request.name("policyName")
        let view = try await services.store.load([.policy(name)])
        let policy = try PolicyVersions.policy(name, in: view)
        return (policy, view.entry(.policy(name))?.revision ?? 0)
    }
}

/// Policies as AWS IoT lists them.
enum PolicyShape {
    static func list(_ names: [PolicyName], _ realm: Realm) -> JSONValue {
        .array(
            names.map { name in
                ["policyName": .name(name), "policyArn": .arn(realm.policy(name))]
            })
    }
}
