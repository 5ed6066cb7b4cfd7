import Fleet
import HTTPTypes
import JSON
import Registry

/// The rows of tags.
package enum TagOperations {
    package static let all: [Operation] = [
        Operation(
            "TagResource", .post, "/tags", members: ["resourceArn", "tags"],
            summary: "Sets tags of a resource", target: Self.member, handle: Self.tag),
        Operation(
            "UntagResource", .post, "/untag", members: ["resourceArn", "tagKeys"],
            summary: "Takes tags off a resource", target: Self.member, handle: Self.untag),
        Operation(
            "ListTagsForResource", .get, "/tags", query: ["resourceArn", "nextToken"],
            summary: "The tags of a resource",
            target: { request, realm throws(FleetError) in
                let text = try request.requiredQueryText("resourceArn")
                return realm.tagged(try realm.taggedResource(inARN: text))
            }, handle: Self.list),
    ]

    private static func member(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.tagged(try realm.taggedResource(inARN: try request.text("resourceArn")))
    }

    private static func tag(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let resource = try services.realm.taggedResource(inARN: request.text("resourceArn"))
        guard try request.members.array("tags") != nil else {
            throw FleetError(.invalidRequest, "/tags is missing")
        }
        let tags = try TagShape.tags(request)
        _ = try await services.decide(Tags.keys(resource), by: request.actor) {
            view, _ throws(FleetError) in
            try Tags.tag(resource, with: tags, in: view)
        }
        return .null
    }

    private static func untag(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let resource = try services.realm.taggedResource(inARN: request.text("resourceArn"))
        guard let names = try request.members.texts("tagKeys") else {
            throw FleetError(.invalidRequest, "/tagKeys is missing")
        }
        _ = try await services.decide(Tags.keys(resource), by: request.actor) {
            view, _ throws(FleetError) in
            try Tags.untag(resource, keys: names, in: view)
        }
        return .null
    }

    /// All at once: a resource has few.
    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let resource = try services.realm.taggedResource(
            inARN: request.requiredQueryText("resourceArn"))
        let view = try await services.store.load(Tags.keys(resource))
        return ["tags": TagShape.json(try Tags.existing(resource, in: view))]
    }
}
