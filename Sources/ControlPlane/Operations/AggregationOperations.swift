import Fleet
import HTTPTypes
import JSON
import Registry

/// Figures over what a query finds (AWS: fleet indexing, "Querying for aggregate data"). Any field
/// may be aggregated, declared as a custom field or not.
package enum AggregationOperations {
    package static let all: [Operation] = [
        Operation(
            "GetStatistics", .post, "/indices/statistics", members: Self.members,
            summary: "Count, average, extremes and spread of a field",
            differences: "any field may be aggregated, declared as a custom field or not",
            target: SearchOperations.index, handle: Self.statistics),
        Operation(
            "GetCardinality", .post, "/indices/cardinality", members: Self.members,
            summary: "How many different values a field has",
            differences: "exact, and not an estimate; any field may be aggregated",
            target: SearchOperations.index, handle: Self.cardinality),
        Operation(
            "GetPercentiles", .post, "/indices/percentiles", members: Self.members + ["percents"],
            summary: "Which value of a field so many percent of the values stay below",
            target: SearchOperations.index, handle: Self.percentiles),
        Operation(
            "GetBucketsAggregation", .post, "/indices/buckets",
            members: Self.members + ["bucketsAggregationType"],
            summary: "The most frequent values of a field, each with its count",
            target: SearchOperations.index, handle: Self.buckets),
    ]

    private static let members = SearchOperations.queryMembers + ["aggregationField"]
    /// AWS: GetPercentiles.
    private static let percentsDefault: [Double] = [1, 5, 25, 50, 75, 95, 99]
    private static let percentsMax = 100
    /// AWS: TermsAggregation.
    private static let bucketsMax = 10_000

    /// A field of an index, and how its values are taken.
    private struct Aggregation {
        let search: IndexSearch
        let field: QueryField
        let tally: FieldTally
        let type: FieldType
    }

    private static func aggregation(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> Aggregation {
        let query = try SearchOperations.query(request)
        let field = try Self.field(try request.optionalText("aggregationField"), in: query.index)
        let search = try await IndexSearch(query, services.store)
        let tally = try await search.tally(field)
        let view = try await services.store.load([.indexingConfiguration])
        let configuration = view.indexingConfiguration ?? .standard
        let type =
            field.managedType ?? configuration.type(of: field, in: query.index) ?? tally.ownType
        return Aggregation(search: search, field: field, tally: tally, type: type)
    }

    private static func field(
        _ name: String?, in index: FleetIndex
    ) throws(FleetError) -> QueryField {
        // AWS: registry.version where none is named.
        guard let name else { return .version }
        do throws(FleetError) { return try QueryField(name, in: index) } catch {
            throw FleetError(.invalidAggregation, "aggregationField: \(error.message)")
        }
    }

    // MARK: Answers

    private static func statistics(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let aggregation = try await Self.aggregation(request, services)
        var found = aggregation.tally.statistics(as: aggregation.type)
        switch aggregation.field {
        case .thingGroupNames, .parentGroupNames:
            // Devices are counted, and one may have several of these.
            found.count = try await aggregation.search.total(having: aggregation.field)
        case .thingName, .thingID, .thingTypeName, .billingGroupName, .attribute, .version,
            .connected, .connectivityTimestamp, .disconnectReason, .thingGroupName,
            .thingGroupID, .thingGroupDescription:
            break
        }
        return [
            "statistics": .object(
                .present(
                    ("count", .int(found.count)), ("average", Self.number(found.average)),
                    ("sum", Self.number(found.sum)), ("minimum", Self.number(found.minimum)),
                    ("maximum", Self.number(found.maximum)),
                    ("sumOfSquares", Self.number(found.sumOfSquares)),
                    ("variance", Self.number(found.variance)),
                    ("stdDeviation", Self.number(found.standardDeviation))))
        ]
    }

    private static func number(_ value: Double?) -> JSONValue? {
        value.flatMap { JSONNumber($0) }.map { .number($0) }
    }

    private static func cardinality(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let aggregation = try await Self.aggregation(request, services)
        return ["cardinality": .int(aggregation.tally.cardinality(as: aggregation.type))]
    }

    private static func percentiles(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let percents = try Self.percents(request)
        let aggregation = try await Self.aggregation(request, services)
        guard aggregation.type == .number || aggregation.tally.counts.isEmpty else {
            throw FleetError(
                .invalidAggregation,
                "aggregationField: there are percentiles of numbers only, and its values are of "
                    + "type \(aggregation.type.rawValue)")
        }
        let found = aggregation.tally.percentiles(percents, as: .number)
        return [
            "percentiles": .array(
                found.map { pair in
                    .object(
                        .present(
                            ("percent", Self.number(pair.percent)),
                            ("value", Self.number(pair.value))))
                })
        ]
    }

    private static func percents(_ request: OperationRequest) throws(FleetError) -> [Double] {
        guard let values = try request.members.array("percents") else {
            return Self.percentsDefault
        }
        guard (1...Self.percentsMax).contains(values.count) else {
            throw FleetError(
                .invalidRequest, "/percents holds from 1 to \(Self.percentsMax) numbers")
        }
        var percents: [Double] = []
        for (index, value) in values.enumerated() {
            guard case .number(let number) = value, let percent = number.doubleValue,
                (0...100).contains(percent)
            else {
                throw FleetError(
                    .invalidRequest, "/percents/\(index) must be a number from 0 to 100")
            }
            percents.append(percent)
        }
        return percents
    }

    private static func buckets(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        guard try request.optionalText("aggregationField") != nil else {
            throw FleetError(.invalidRequest, "/aggregationField is missing")
        }
        let max = try Self.bucketsMax(request)
        let aggregation = try await Self.aggregation(request, services)
        let buckets = aggregation.tally.buckets(max: max).map { bucket -> JSONValue in
            ["keyValue": .string(bucket.value), "count": .int(bucket.count)]
        }
        return [
            "totalCount": .int(try await aggregation.search.total()), "buckets": .array(buckets),
        ]
    }

    private static func bucketsMax(_ request: OperationRequest) throws(FleetError) -> Int {
        guard let type = try request.object("bucketsAggregationType") else {
            throw FleetError(.invalidRequest, "/bucketsAggregationType is missing")
        }
        try type.refuseUnknown(["termsAggregation"])
        guard let terms = try type.object("termsAggregation") else { return Self.bucketsMax }
        try terms.refuseUnknown(["maxBuckets"])
        guard let max = try terms.optionalInteger("maxBuckets") else { return Self.bucketsMax }
        guard (1...Self.bucketsMax).contains(max) else {
            throw FleetError(
                .invalidRequest,
                "/bucketsAggregationType/termsAggregation/maxBuckets must be from 1 to "
                    + "\(Self.bucketsMax), not \(max)")
        }
        return max
    }
}
