import Fleet
import JSON
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct SearchOperationTests {
    private let store = InMemoryFleetStore()
    private let services: ControlPlaneServices

    init() async throws {
        self.services = ControlPlaneServices(
            store: self.store, drafts: self.store, clock: ManualClock(),
            entropy: SeededEntropy(), realm: .standard)
        let (site, line) = (
            ThingGroupName(checked: "site-a"), ThingGroupName(checked: "line-1")
        )
        var changes: [Change] = [
            .putThingGroup(
                ThingGroup(
                    name: site, id: Samples.resourceID(1), summary: "The first site",
                    attributes: ["city": "Ulm"], createdAt: Samples.time)),
            .putThingGroup(
                ThingGroup(
                    name: line, id: Samples.resourceID(2), ancestors: [site],
                    createdAt: Samples.time)),
        ]
        for number in 1...5 {
            changes.append(
                .putThing(
                    Thing(
                        name: ThingName(checked: "pump-\(number)"),
                        id: Samples.resourceID(10 + number),
                        typeName: number < 5 ? ThingTypeName(checked: "Pump") : nil,
                        attributes: number < 5
                            ? ["temp": "\(number * 10)", "model": number < 3 ? "X1" : "x2"] : [:],
                        version: number, createdAt: Samples.time)))
        }
        changes.append(.addThingToGroup(ThingName(checked: "pump-1"), line))
        _ = try await self.store.commit(
            ChangeSet(action: "Fill", changes: changes), by: .service("test"))
        try await self.store.note([
            ConnectivityNote(
                clientID: ThingName(checked: "pump-1"), session: 1,
                state: .connected(at: Samples.time)),
            ConnectivityNote(
                clientID: ThingName(checked: "pump-2"), session: 2,
                state: .disconnected(at: Samples.time, .keepAliveTimeout)),
        ])
    }

    private func perform(
        _ name: String, _ body: JSONValue = .null, labels: [String: String] = [:],
        query: [String: String] = [:]
    ) async throws -> JSONValue {
        let operation = try #require(OperationTable.operation(name))
        return try await operation.perform(
            OperationRequest(
                actor: .service("test"), labels: labels, query: query, body: body),
            self.services)
    }

    private func names(_ query: String) async throws -> [String] {
        let answer = try await self.perform("SearchIndex", ["queryString": .string(query)])
        return (answer["things"]?.arrayValue ?? []).compactMap { $0["thingName"]?.stringValue }
    }

    private func refusal(
        _ name: String, _ body: JSONValue
    ) async throws -> FleetError? {
        await #expect(throws: FleetError.self) { try await self.perform(name, body) }
    }

    // MARK: Search

    @Test func aThingIsDescribedWithAllThatIsIndexed() async throws {
        let answer = try await self.perform("SearchIndex", ["queryString": "thingName:PUMP-1"])
        #expect(
            answer["things"]?.arrayValue?.first == [
                "thingName": "pump-1", "thingId": .string(Samples.resourceID(11).rawValue),
                "thingTypeName": "Pump", "thingGroupNames": ["line-1"],
                "attributes": ["model": "X1", "temp": "10"],
                "connectivity": [
                    "connected": true, "timestamp": .int(Int(Samples.time.milliseconds)),
                ],
            ])
        #expect(answer["nextToken"] == nil)
        let bare = try await self.perform("SearchIndex", ["queryString": "thingName:pump-5"])
        #expect(
            bare["things"]?.arrayValue == [
                ["thingName": "pump-5", "thingId": .string(Samples.resourceID(15).rawValue)]
            ])
    }

    @Test func queriesFindWhatTheySay() async throws {
        #expect(try await self.names("*").count == 5)
        #expect(try await self.names("attributes.temp>=30") == ["pump-3", "pump-4"])
        #expect(
            try await self.names("connectivity.disconnectReason:MQTT_KEEP_ALIVE_TIMEOUT")
                == ["pump-2"])
        #expect(try await self.names("x1 -connectivity.connected:true") == ["pump-2"])
        #expect(try await self.names("NOT thingTypeName:*") == ["pump-5"])
    }

    @Test func pagesFollowOneAnother() async throws {
        var names: [String] = []
        var token: JSONValue?
        repeat {
            var body: JSONObject = ["queryString": "*", "maxResults": 2]
            if let token { body["nextToken"] = token }
            let answer = try await self.perform("SearchIndex", .object(body))
            let page = answer["things"]?.arrayValue ?? []
            #expect(page.count <= 2)
            names += page.compactMap { $0["thingName"]?.stringValue }
            token = answer["nextToken"]
        } while token != nil
        #expect(names == (1...5).map { "pump-\($0)" })
    }

    @Test func groupsHaveAnIndexOfTheirOwn() async throws {
        let answer = try await self.perform(
            "SearchIndex",
            ["indexName": "AWS_ThingGroups", "queryString": "parentGroupNames:site-a OR first"])
        #expect(
            answer["thingGroups"]?.arrayValue == [
                [
                    "thingGroupName": "line-1",
                    "thingGroupId": .string(Samples.resourceID(2).rawValue),
                    "parentGroupNames": ["site-a"],
                ],
                [
                    "thingGroupName": "site-a",
                    "thingGroupId": .string(Samples.resourceID(1).rawValue),
                    "thingGroupDescription": "The first site", "attributes": ["city": "Ulm"],
                ],
            ])
    }

    @Test func whatCannotBeAskedIsRefusedByItsCode() async throws {
        for (body, code) in [
            (["queryString": "shadow.reported.t:1"], .invalidQuery),
            (["queryString": "*", "queryVersion": "2016"], .invalidQuery),
            (["queryString": "*", "indexName": "AWS_Cars"], .notFound),
            (["queryString": "*", "maxResults": 0], .invalidRequest),
            (["queryString": "*", "maxResults": 501], .invalidRequest),
            (["queryString": "*", "nextToken": "?"], .invalidRequest),
            ([:], .invalidRequest), (["queryString": 5], .invalidRequest),
        ] as [(JSONValue, FleetError.Code)] {
            #expect(try await self.refusal("SearchIndex", body)?.code == code, "\(body)")
        }
    }

    // MARK: Indices and connectivity

    @Test func bothIndicesAreListedAndDescribed() async throws {
        let names: JSONValue = ["AWS_ThingGroups", "AWS_Things"]
        #expect(try await self.perform("ListIndices")["indexNames"] == names)
        let first = try await self.perform("ListIndices", query: ["maxResults": "1"])
        #expect(first["indexNames"] == ["AWS_ThingGroups"])
        let token = try #require(first["nextToken"]?.stringValue)
        let second = try await self.perform("ListIndices", query: ["nextToken": token])
        #expect(second == ["indexNames": ["AWS_Things"]])
        #expect(
            try await self.perform("DescribeIndex", labels: ["indexName": "AWS_Things"]) == [
                "indexName": "AWS_Things", "indexStatus": "ACTIVE",
                "schema": "REGISTRY_AND_CONNECTIVITY_STATUS",
            ])
        await #expect(throws: FleetError.self) {
            try await self.perform("DescribeIndex", labels: ["indexName": "x"])
        }
    }

    @Test func connectivityIsToldOfEveryThing() async throws {
        func connectivity(_ name: String) async throws -> JSONValue {
            try await self.perform("GetThingConnectivityData", labels: ["thingName": name])
        }
        let time = JSONValue.epoch(Samples.time)
        #expect(
            try await connectivity("pump-1") == [
                "thingName": "pump-1", "connected": true, "timestamp": time,
                "disconnectReason": "NONE",
            ])
        #expect(
            try await connectivity("pump-2") == [
                "thingName": "pump-2", "connected": false, "timestamp": time,
                "disconnectReason": "MQTT_KEEP_ALIVE_TIMEOUT",
            ])
        #expect(
            try await connectivity("pump-3") == ["thingName": "pump-3", "connected": false])
        let error = await #expect(throws: FleetError.self) { try await connectivity("none") }
        #expect(error?.code == .notFound)
    }

    // MARK: Aggregations

    @Test func statisticsAreThoseOfTheThingsFound() async throws {
        let answer = try await self.perform(
            "GetStatistics",
            ["queryString": "thingTypeName:pump", "aggregationField": "attributes.temp"])
        #expect(
            answer["statistics"] == [
                "count": 4, "average": .number(try #require(JSONNumber(25.0))),
                "sum": .number(try #require(JSONNumber(100.0))),
                "minimum": .number(try #require(JSONNumber(10.0))),
                "maximum": .number(try #require(JSONNumber(40.0))),
                "sumOfSquares": .number(try #require(JSONNumber(3000.0))),
                "variance": .number(try #require(JSONNumber(125.0))),
                "stdDeviation": .number(try #require(JSONNumber(125.0.squareRoot()))),
            ])
        let texts = try await self.perform(
            "GetStatistics", ["queryString": "*", "aggregationField": "attributes.model"])
        #expect(texts == ["statistics": ["count": 4]])
        let grouped = try await self.perform(
            "GetStatistics", ["queryString": "*", "aggregationField": "thingGroupNames"])
        #expect(grouped == ["statistics": ["count": 1]])
        let connected = try await self.perform(
            "GetStatistics",
            ["queryString": "*", "aggregationField": "connectivity.connected"])
        #expect(connected["statistics"]?["average"]?.description == "0.5")
        let versions = try await self.perform("GetStatistics", ["queryString": "*"])
        #expect(versions["statistics"]?["sum"]?.description == "15.0")
    }

    @Test func cardinalityPercentilesAndBucketsAreAnswered() async throws {
        let query: (String, String) -> JSONObject = { text, field in
            ["queryString": .string(text), "aggregationField": .string(field)]
        }
        #expect(
            try await self.perform("GetCardinality", .object(query("*", "attributes.model")))
                == ["cardinality": 2])
        #expect(
            try await self.perform("GetCardinality", .object(query("none", "attributes.model")))
                == ["cardinality": 0])

        var percentiles = query("*", "attributes.temp")
        percentiles["percents"] = [50, 100]
        let found = try await self.perform("GetPercentiles", .object(percentiles))
        #expect(
            found["percentiles"]?.arrayValue?.map { $0["value"]?.description } == ["25.0", "40.0"])
        #expect(
            try await self.perform("GetPercentiles", .object(query("none", "attributes.temp")))
                == ["percentiles": []])

        var buckets = query("*", "attributes.model")
        buckets["bucketsAggregationType"] = ["termsAggregation": ["maxBuckets": 5]]
        #expect(
            try await self.perform("GetBucketsAggregation", .object(buckets)) == [
                "totalCount": 5,
                "buckets": [["keyValue": "X1", "count": 2], ["keyValue": "x2", "count": 2]],
            ])
    }

    @Test func anAggregationThatMeansNothingIsRefused() async throws {
        for (name, body, code) in [
            (
                "GetStatistics", ["queryString": "*", "aggregationField": "foo"],
                .invalidAggregation
            ),
            (
                "GetStatistics", ["queryString": "*", "aggregationField": "shadow.x"],
                .invalidAggregation
            ),
            (
                "GetPercentiles", ["queryString": "*", "aggregationField": "thingName"],
                .invalidAggregation
            ),
            ("GetPercentiles", ["queryString": "*", "percents": [101]], .invalidRequest),
            ("GetPercentiles", ["queryString": "*", "percents": ["5"]], .invalidRequest),
            ("GetBucketsAggregation", ["queryString": "*"], .invalidRequest),
            (
                "GetBucketsAggregation",
                ["queryString": "*", "aggregationField": "thingName"], .invalidRequest
            ),
            ("GetCardinality", ["queryString": "("], .invalidQuery),
        ] as [(String, JSONValue, FleetError.Code)] {
            #expect(try await self.refusal(name, body)?.code == code, "\(name) \(body)")
        }
    }

    // MARK: Configuration

    @Test func theConfigurationIsKeptAsGivenAndTypesItsFields() async throws {
        let first = try await self.perform("GetIndexingConfiguration")
        #expect(first["thingIndexingConfiguration"]?["thingIndexingMode"] == "REGISTRY")
        #expect(first["thingIndexingConfiguration"]?["thingConnectivityIndexingMode"] == "STATUS")
        #expect(first["thingGroupIndexingConfiguration"]?["thingGroupIndexingMode"] == "ON")
        let things: JSONValue = [
            "thingIndexingMode": "REGISTRY_AND_SHADOW",
            "customFields": [["name": "attributes.temp", "type": "String"]],
        ]
        #expect(
            try await self.perform(
                "UpdateIndexingConfiguration", ["thingIndexingConfiguration": things]) == .null)
        let second = try await self.perform("GetIndexingConfiguration")
        let kept = second["thingIndexingConfiguration"]
        #expect(kept?["thingIndexingMode"] == "REGISTRY_AND_SHADOW")
        #expect(kept?["thingConnectivityIndexingMode"] == "OFF")
        #expect(kept?["customFields"] == [["name": "attributes.temp", "type": "String"]])
        #expect(
            second["thingGroupIndexingConfiguration"] == first["thingGroupIndexingConfiguration"])
        // What was declared a text is counted and no more; and everything is still indexed.
        let statistics = try await self.perform(
            "GetStatistics",
            [
                "queryString": "connectivity.connected:true OR x2",
                "aggregationField": "attributes.temp",
            ])
        #expect(statistics == ["statistics": ["count": 3]])
    }

    @Test(
        arguments: [
            ["thingIndexingConfiguration": [:]],
            ["thingIndexingConfiguration": ["thingIndexingMode": "ON"]],
            ["thingIndexingConfiguration": ["thingIndexingMode": "REGISTRY", "mode": "x"]],
            [
                "thingIndexingConfiguration": [
                    "thingIndexingMode": "REGISTRY",
                    "customFields": [["name": "thingName", "type": "String"]],
                ]
            ],
            [
                "thingIndexingConfiguration": [
                    "thingIndexingMode": "REGISTRY",
                    "customFields": [["name": "attributes.x", "type": "Text"]],
                ]
            ],
            ["thingGroupIndexingConfiguration": ["thingGroupIndexingMode": "MAYBE"]],
        ] as [JSONValue])
    func aConfigurationOfAnotherShapeIsRefused(body: JSONValue) async throws {
        #expect(
            try await self.refusal("UpdateIndexingConfiguration", body)?.code == .invalidRequest)
    }
}
