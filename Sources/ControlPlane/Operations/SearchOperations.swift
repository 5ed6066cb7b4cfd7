import Fleet
import HTTPTypes
import JSON
import Registry

/// Searching the registry (AWS: fleet indexing). Both indexes are there at all times and up to
/// date with every commit; who is connected follows within a moment.
package enum SearchOperations {
    package static let all: [Operation] = [
        Operation(
            "SearchIndex", .post, "/indices/search",
            members: Self.queryMembers + ["nextToken", "maxResults"],
            summary: "The things, or thing groups, that a query finds, in pages",
            differences: "shadows and Device Defender's violations are not indexed yet and are "
                + "refused; an unknown field is refused; queries may be larger",
            target: Self.index, handle: Self.search),
        Operation(
            "DescribeIndex", .get, "/indices/{indexName}", summary: "What an index holds",
            target: { request, realm in realm.index(request.label("indexName")) },
            handle: Self.describe),
        Operation(
            "ListIndices", .get, "/indices", query: Pagination.tokenQuery,
            summary: "The indexes there are", handle: Self.list),
        Operation(
            "GetThingConnectivityData", .post, "/things/{thingName}/connectivity-data",
            summary: "Whether the client that calls itself by the thing's name is connected",
            differences: "a device that has left is remembered until it comes again",
            target: { request, realm throws(FleetError) in
                realm.thing(try request.name("thingName"))
            }, handle: Self.connectivity),
    ]

    static let queryMembers = ["indexName", "queryString", "queryVersion"]
    /// AWS: the default page, and a bound that its model does not set.
    private static let pageDefault = 100
    private static let pageMax = 500

    // MARK: What a request asks

    static func index(_ request: OperationRequest, _ realm: Realm) throws(FleetError) -> ARN {
        realm.index(try request.optionalText("indexName") ?? FleetIndex.things.rawValue)
    }

    private static func existing(_ name: String) throws(FleetError) -> FleetIndex {
        guard let index = FleetIndex(rawValue: name) else {
            throw FleetError(
                .notFound,
                "there is no index '\(name.clipped)'; there are "
                    + FleetIndex.allCases.map(\.rawValue).joined(separator: " and "),
                resource: name.clipped)
        }
        return index
    }

    static func query(_ request: OperationRequest) throws(FleetError) -> FleetQuery {
        let index = try Self.existing(
            try request.optionalText("indexName") ?? FleetIndex.things.rawValue)
        try Self.checkVersion(try request.optionalText("queryVersion"))
        return try FleetQuery.parse(try request.text("queryString"), index: index)
    }

    static func checkVersion(_ version: String?) throws(FleetError) {
        guard let version, version != QueryLimits.version else { return }
        throw FleetError(
            .invalidQuery,
            "queryVersion '\(version.clipped)' is not known; there is \(QueryLimits.version)")
    }

    private static func limit(_ request: OperationRequest) throws(FleetError) -> Int {
        guard let limit = try request.optionalInteger("maxResults") else {
            return Self.pageDefault
        }
        guard (1...Self.pageMax).contains(limit) else {
            throw FleetError(
                .invalidRequest, "maxResults must be from 1 to \(Self.pageMax), not \(limit)")
        }
        return limit
    }

    // MARK: Answers

    private static func search(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let query = try Self.query(request)
        let place = try Pagination.place(try request.optionalText("nextToken"), "nextToken")
        let limit = try Self.limit(request)
        let page = try await IndexSearch(query, services.store).page(after: place, limit: limit)
        let member =
            switch query.index {
            case .things: "things"
            case .thingGroups: "thingGroups"
            }
        return .object(
            .present(
                (member, .array(page.records.compactMap(IndexShape.json))),
                ("nextToken", Pagination.token(page.next))))
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let index = try Self.existing(request.label("indexName"))
        let schema =
            switch index {
            case .things: "REGISTRY_AND_CONNECTIVITY_STATUS"
            case .thingGroups: "THING_GROUPS"
            }
        return [
            "indexName": .string(index.rawValue), "indexStatus": "ACTIVE",
            "schema": .string(schema),
        ]
    }

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let limit = try request.pageLimit
        let names = FleetIndex.allCases.map(\.rawValue).sorted()
        let place = try request.pageToken
        let rest = names.filter { name in place.map { name > $0 } ?? true }
        let page = rest.prefix(limit)
        return .object(
            .present(
                ("indexNames", .array(page.map { .string($0) })),
                (
                    "nextToken",
                    Pagination.token(rest.count > page.count ? page.last : nil)
                )))
    }

    private static func connectivity(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: ThingName = try request.name("thingName")
        let view = try await services.store.load([.documentOfThing(name)])
        guard let document = view.documentOfThing(name) else {
            throw FleetError(.notFound, "there is no thing '\(name)'", resource: name.rawValue)
        }
        let found = document.connectivity
        return .object(
            .present(
                ("thingName", .name(name)),
                ("connected", .bool(found?.isConnected ?? false)),
                ("timestamp", found.map { .epoch($0.changedAt) }),
                // AWS: NONE while it is connected.
                ("disconnectReason", found.map { .string($0.disconnectReason?.rawValue ?? "NONE") })
            ))
    }
}
