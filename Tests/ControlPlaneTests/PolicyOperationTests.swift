import Fleet
import JSON
import TestSupport
import Testing

@testable import ControlPlane

/// The rows of policies, asked as HTTP asks them.
@Suite struct PolicyOperationTests {
    private let clock = ManualClock()
    private let store: InMemoryFleetStore
    private let services: ControlPlaneServices
    private let realm = Realm.standard

    init() {
        self.store = InMemoryFleetStore(clock: self.clock)
        self.services = ControlPlaneServices(
            store: self.store, drafts: self.store, clock: self.clock, entropy: SeededEntropy(),
            realm: .standard)
    }

    private func perform(
        _ name: String, _ labels: [String: String] = [:], query: [String: String] = [:],
        headers: [String: String] = [:], body: JSONValue = .null
    ) async throws -> JSONValue {
        let operation = try #require(OperationTable.operation(name))
        let request = OperationRequest(
            actor: .service("test"), labels: labels, query: query, headers: headers, body: body)
        _ = try operation.target(request, self.realm)
        return try await operation.perform(request, self.services)
    }

    private func refusal(
        _ name: String, _ labels: [String: String] = [:], query: [String: String] = [:],
        headers: [String: String] = [:], body: JSONValue = .null
    ) async -> FleetError.Code? {
        do {
            _ = try await self.perform(
                name, labels, query: query, headers: headers, body: body)
            return nil
        } catch { return (error as? FleetError)?.code }
    }

    private func commit(_ changes: Change...) async throws {
        _ = try await self.store.commit(
            ChangeSet(action: "test", changes: changes), by: .service("test"))
    }

    private static let allow =
        #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:*","Resource":"*"}}"#
    private static func publish(_ topic: String, effect: String = "Allow") -> String {
        """
        {"Version":"2012-10-17","Statement":{"Effect":"\(effect)","Action":"iot:Publish",\
        "Resource":"arn:aws:iot:local:000000000000:topic/\(topic)"}}
        """
    }

    private func create(_ name: String, _ document: String = Self.allow) async throws {
        _ = try await self.perform(
            "CreatePolicy", ["policyName": name], body: ["policyDocument": .string(document)])
    }

    @Test func aPolicyIsCreatedAndDescribed() async throws {
        let created = try await self.perform(
            "CreatePolicy", ["policyName": "p"],
            body: [
                "policyDocument": .string(Self.allow), "tags": [["Key": "team", "Value": "a"]],
            ])
        #expect(
            created == [
                "policyName": "p", "policyArn": "arn:aws:iot:local:000000000000:policy/p",
                "policyDocument": .string(Self.allow), "policyVersionId": "1",
            ])
        let tags = self.store.view([.tags(.policy(PolicyName(checked: "p")))])
        #expect(tags.tags(of: .policy(PolicyName(checked: "p"))) == ["team": "a"])
        let policy = try await self.perform("GetPolicy", ["policyName": "p"])
        #expect(policy["defaultVersionId"] == "1")
        #expect(policy["policyDocument"] == .string(Self.allow))
        #expect(policy["creationDate"] == .epoch(self.clock.now))
        #expect(policy["lastModifiedDate"] == .epoch(self.clock.now))
        #expect(policy["generationId"]?.stringValue?.isEmpty == false)
    }

    @Test func refusalsHaveAWSsCodes() async throws {
        let document: JSONValue = ["policyDocument": .string(Self.allow)]
        #expect(await self.refusal("GetPolicy", ["policyName": "p"]) == .notFound)
        #expect(await self.refusal("DeletePolicy", ["policyName": "p"]) == .notFound)
        #expect(
            await self.refusal("CreatePolicy", ["policyName": "a b"], body: document)
                == .invalidRequest)
        #expect(await self.refusal("CreatePolicy", ["policyName": "p"]) == .invalidRequest)
        #expect(
            await self.refusal(
                "CreatePolicy", ["policyName": "p"], body: ["policyDocument": "{}"])
                == .malformedPolicy)
        #expect(await self.refusal("CreatePolicy", ["policyName": "p"], body: document) == nil)
        #expect(
            await self.refusal("CreatePolicy", ["policyName": "p"], body: document)
                == .alreadyExists)
        let first = ["policyName": "p", "policyVersionId": "1"]
        #expect(await self.refusal("DeletePolicyVersion", first) == .deleteConflict)
        for id in ["2", "0", "x", "01"] {
            let version = ["policyName": "p", "policyVersionId": id]
            let expected: FleetError.Code = id == "2" ? .notFound : .invalidRequest
            #expect(await self.refusal("GetPolicyVersion", version) == expected)
            #expect(await self.refusal("SetDefaultPolicyVersion", version) == expected)
            #expect(await self.refusal("DeletePolicyVersion", version) == expected)
        }
        #expect(await self.refusal("ListPolicyVersions", ["policyName": "q"]) == .notFound)
    }

    @Test func versionsComeAndGo() async throws {
        try await self.create("p")
        self.clock.advance(bySeconds: 1)
        let second = try await self.perform(
            "CreatePolicyVersion", ["policyName": "p"],
            body: ["policyDocument": .string(Self.publish("a"))])
        #expect(second["policyVersionId"] == "2" && second["isDefaultVersion"] == false)
        let third = try await self.perform(
            "CreatePolicyVersion", ["policyName": "p"], query: ["setAsDefault": "true"],
            body: ["policyDocument": .string(Self.publish("b"))])
        #expect(third["policyVersionId"] == "3" && third["isDefaultVersion"] == true)
        let list = try await self.perform("ListPolicyVersions", ["policyName": "p"])
        let versions = list["policyVersions"]?.arrayValue ?? []
        #expect(versions.map { $0["versionId"]?.stringValue } == ["3", "2", "1"])
        #expect(versions.map { $0["isDefaultVersion"] } == [true, false, false])
        _ = try await self.perform(
            "SetDefaultPolicyVersion", ["policyName": "p", "policyVersionId": "2"])
        let policy = try await self.perform("GetPolicy", ["policyName": "p"])
        #expect(policy["policyDocument"] == .string(Self.publish("a")))
        let version = try await self.perform(
            "GetPolicyVersion", ["policyName": "p", "policyVersionId": "2"])
        #expect(version["isDefaultVersion"] == true)
        #expect(version["policyName"] == "p" && version["policyVersionId"] == "2")
        #expect(await self.refusal("DeletePolicy", ["policyName": "p"]) == .deleteConflict)
        for id in ["1", "3"] {
            _ = try await self.perform(
                "DeletePolicyVersion", ["policyName": "p", "policyVersionId": id])
        }
        #expect(await self.refusal("DeletePolicy", ["policyName": "p"]) == nil)
    }

    @Test func policiesAreListedInPagesBothWays() async throws {
        for name in ["a", "b", "c"] {
            try await self.create(name)
            self.clock.advance(bySeconds: 1)
        }
        func pages(_ query: [String: String]) async throws -> [String] {
            var names: [String] = []
            var query = query
            repeat {
                let page = try await self.perform("ListPolicies", query: query)
                names += (page["policies"]?.arrayValue ?? []).compactMap {
                    $0["policyName"]?.stringValue
                }
                query["marker"] = page["nextMarker"]?.stringValue
            } while query["marker"] != nil
            return names
        }
        #expect(try await pages(["pageSize": "2", "isAscendingOrder": "true"]) == ["a", "b", "c"])
        #expect(try await pages(["pageSize": "2"]) == ["c", "b", "a"])
        #expect(await self.refusal("ListPolicies", query: ["pageSize": "0"]) == .invalidRequest)
    }

    // MARK: Attachments

    private func certificate() async throws -> (id: CertificateID, arn: String) {
        try await self.commit(.putCertificate(Samples.certificate(1)))
        let id = Samples.certificateID(1)
        return (id, self.realm.certificate(id).rawValue)
    }

    @Test func attachmentsAreMadeAndListedInBothWords() async throws {
        let arn = try await self.certificate().arn
        for name in ["a", "b", "c"] { try await self.create(name) }
        _ = try await self.perform(
            "AttachPolicy", ["policyName": "a"], body: ["target": .string(arn)])
        for name in ["b", "c"] {
            _ = try await self.perform(
                "AttachPrincipalPolicy", ["policyName": name],
                headers: ["x-amzn-iot-principal": arn])
        }
        func names(_ answer: JSONValue) -> [String] {
            (answer["policies"]?.arrayValue ?? []).compactMap { $0["policyName"]?.stringValue }
        }
        let attached = try await self.perform(
            "ListAttachedPolicies", ["target": arn], query: ["pageSize": "2"])
        #expect(names(attached) == ["a", "b"])
        let rest = try await self.perform(
            "ListAttachedPolicies", ["target": arn],
            query: ["pageSize": "2", "marker": attached["nextMarker"]?.stringValue ?? ""])
        #expect(names(rest) == ["c"] && rest["nextMarker"] == nil)
        let principal = try await self.perform(
            "ListPrincipalPolicies", headers: ["x-amzn-iot-principal": arn])
        #expect(names(principal) == ["c", "b", "a"])
        let targets = try await self.perform("ListTargetsForPolicy", ["policyName": "a"])
        #expect(targets["targets"] == [.string(arn)])
        let principals = try await self.perform(
            "ListPolicyPrincipals", headers: ["x-amzn-iot-policy": "b"])
        #expect(principals["principals"] == [.string(arn)])

        #expect(await self.refusal("DeletePolicy", ["policyName": "a"]) == .deleteConflict)
        for _ in 0..<2 {
            _ = try await self.perform(
                "DetachPolicy", ["policyName": "a"], body: ["target": .string(arn)])
        }
        _ = try await self.perform(
            "DetachPrincipalPolicy", ["policyName": "b"], headers: ["x-amzn-iot-principal": arn])
        #expect(names(try await self.perform("ListAttachedPolicies", ["target": arn])) == ["c"])
        #expect(await self.refusal("DeletePolicy", ["policyName": "a"]) == nil)
    }

    @Test func attachingRefusesWhatIsNotThere() async throws {
        let arn = try await self.certificate().arn
        try await self.create("a")
        let thing = self.realm.thing(Samples.thingName(1)).rawValue
        let missing = self.realm.certificate(Samples.certificateID(7)).rawValue
        #expect(
            await self.refusal("AttachPolicy", ["policyName": "z"], body: ["target": .string(arn)])
                == .notFound)
        for (target, code) in [(thing, FleetError.Code.invalidRequest), (missing, .notFound)] {
            #expect(
                await self.refusal(
                    "AttachPolicy", ["policyName": "a"], body: ["target": .string(target)]) == code)
            #expect(await self.refusal("ListAttachedPolicies", ["target": target]) == code)
            #expect(
                await self.refusal(
                    "ListPrincipalPolicies", headers: ["x-amzn-iot-principal": target]) == code)
        }
        #expect(await self.refusal("ListTargetsForPolicy", ["policyName": "z"]) == .notFound)
        // A certificate that may have no more does not hide that the policy is not there.
        for number in 0..<Limits.policiesPerCertificateMax {
            try await self.create("full-\(number)")
            _ = try await self.perform(
                "AttachPolicy", ["policyName": "full-\(number)"], body: ["target": .string(arn)])
        }
        for (name, code) in [("z", FleetError.Code.notFound), ("a", .limitExceeded)] {
            #expect(
                await self.refusal(
                    "AttachPolicy", ["policyName": name], body: ["target": .string(arn)]) == code)
        }
        #expect(
            await self.refusal("ListPolicyPrincipals", headers: ["x-amzn-iot-policy": "z"])
                == .notFound)
        #expect(await self.refusal("ListPolicyPrincipals") == .invalidRequest)
    }

    // MARK: Decisions

    /// A certificate, the thing it speaks for, and a tree of groups above that.
    private func fleet() async throws -> (certificate: String, group: String) {
        let (id, arn) = try await self.certificate()
        let line = ThingGroup(
            name: Samples.groupName(1), id: Samples.resourceID(1),
            ancestors: [Samples.groupName(0)], createdAt: self.clock.now)
        try await self.commit(
            .putThingGroup(Samples.group(0)), .putThingGroup(line), .putThing(Samples.thing(1)),
            .addThingToGroup(Samples.thingName(1), line.name),
            .attachThingPrincipal(Samples.principal(1, 1)))
        try await self.create(
            "own", Self.publish("t/${iot:Connection.Thing.ThingName}/${iot:DomainName}"))
        try await self.create("line", Self.publish("t/a"))
        try await self.create("root", Self.publish("t/secret", effect: "Deny"))
        try await self.commit(
            .attachPolicy(PolicyName(checked: "own"), .certificate(id)),
            .attachPolicy(PolicyName(checked: "line"), .thingGroup(line.name)),
            .attachPolicy(PolicyName(checked: "root"), .thingGroup(Samples.groupName(0))))
        return (arn, self.realm.thingGroup(line.name).rawValue)
    }

    @Test func effectivePoliciesFollowTheGroups() async throws {
        let (arn, group) = try await self.fleet()
        func names(_ body: JSONValue, _ query: [String: String] = [:]) async throws -> [String] {
            let answer = try await self.perform("GetEffectivePolicies", query: query, body: body)
            return (answer["effectivePolicies"]?.arrayValue ?? []).compactMap {
                $0["policyName"]?.stringValue
            }
        }
        let thing = ["thingName": Samples.thingName(1).rawValue]
        #expect(try await names(["principal": .string(arn)]) == ["own"])
        #expect(try await names(["principal": .string(arn)], thing) == ["own", "line", "root"])
        #expect(try await names([:], thing) == ["line", "root"])
        #expect(try await names(["principal": .string(group)]) == ["line", "root"])
        #expect(await self.refusal("GetEffectivePolicies") == .invalidRequest)
        let recursive = try await self.perform(
            "ListAttachedPolicies", ["target": group], query: ["recursive": "true"])
        #expect(recursive["policies"]?.arrayValue?.count == 2)
    }

    private func results(
        _ resources: [String], clientID: String? = nil, _ members: JSONObject
    ) async throws -> JSONValue {
        var body = members
        body["authInfos"] = .array(
            resources.map { topic in
                [
                    "actionType": "PUBLISH",
                    "resources": [.string("arn:aws:iot:local:000000000000:topic/\(topic)")],
                ]
            })
        return try await self.perform(
            "TestAuthorization", query: clientID.map { ["clientId": $0] } ?? [:],
            body: .object(body))["authResults"] ?? .null
    }

    @Test func anAuthorizationIsTestedAsTheBrokerWouldDecide() async throws {
        let (arn, group) = try await self.fleet()
        let thing = Samples.thingName(1).rawValue
        let topics = ["t/a", "t/secret", "t/b"]
        func decisions(_ results: JSONValue) -> [String] {
            (results.arrayValue ?? []).compactMap { $0["authDecision"]?.stringValue }
        }
        let asItself = try await self.results(
            topics, clientID: thing, ["principal": .string(arn)])
        #expect(decisions(asItself) == ["ALLOWED", "EXPLICIT_DENY", "IMPLICIT_DENY"])
        let first = try #require(asItself.arrayValue?.first)
        #expect(first["authInfo"]?["actionType"] == "PUBLISH")
        #expect(
            first["allowed"]?["policies"] == [
                ["policyName": "line", "policyArn": "arn:aws:iot:local:000000000000:policy/line"]
            ])
        #expect(first["denied"]?["explicitDeny"]?["policies"] == [])
        #expect(first["denied"]?["implicitDeny"]?["policies"]?.arrayValue?.count == 2)
        #expect(first["missingContextValues"] == ["iot:DomainName"])
        // Another client id is another thing, or none, and the groups' policies do not count.
        let stranger = try await self.results(
            topics, clientID: "x", ["principal": .string(arn)])
        #expect(decisions(stranger) == ["IMPLICIT_DENY", "IMPLICIT_DENY", "IMPLICIT_DENY"])
        let changed = try await self.results(
            topics, clientID: thing,
            [
                "principal": .string(arn), "policyNamesToSkip": ["root"],
                "policyNamesToAdd": ["root2", "line"],
            ] as JSONObject, adding: ("root2", Self.allow))
        #expect(decisions(changed) == ["ALLOWED", "ALLOWED", "ALLOWED"])
        let ofGroup = try await self.results(topics, ["principal": .string(group)])
        #expect(decisions(ofGroup) == ["ALLOWED", "EXPLICIT_DENY", "IMPLICIT_DENY"])
        let alone = try await self.results(topics, ["policyNamesToAdd": ["line"]])
        #expect(decisions(alone) == ["ALLOWED", "IMPLICIT_DENY", "IMPLICIT_DENY"])
    }

    private func results(
        _ topics: [String], clientID: String, _ members: JSONObject,
        adding policy: (name: String, document: String)
    ) async throws -> JSONValue {
        try await self.create(policy.name, policy.document)
        return try await self.results(topics, clientID: clientID, members)
    }

    @Test(
        arguments: [
            [:], ["authInfos": []], ["authInfos": [["actionType": "PUBLISH"]]],
            ["authInfos": [["actionType": "FLY", "resources": ["arn:aws:iot:a:b:topic/c"]]]],
            ["authInfos": [["actionType": "PUBLISH", "resources": ["topic"]]]],
            ["authInfos": [["actionType": "PUBLISH", "resources": ["arn:a"], "x": 1]]],
            [
                "cognitoIdentityPoolId": "x",
                "authInfos": [["actionType": "PUBLISH", "resources": ["arn:a"]]],
            ],
        ] as [JSONValue])
    func aQuestionThatIsNoneIsRefused(body: JSONValue) async {
        #expect(await self.refusal("TestAuthorization", body: body) == .invalidRequest)
    }

    @Test func oneAnswerCoversAllResourcesOfAQuestion() async throws {
        try await self.create("line", Self.publish("t/a"))
        let answer = try await self.perform(
            "TestAuthorization",
            body: [
                "policyNamesToAdd": ["line"],
                "authInfos": [
                    [
                        "actionType": "PUBLISH",
                        "resources": [
                            "arn:aws:iot:local:000000000000:topic/t/a",
                            "arn:aws:iot:local:000000000000:topic/t/b",
                        ],
                    ]
                ],
            ])
        let result = answer["authResults"]?.arrayValue?.first
        #expect(result?["authDecision"] == "IMPLICIT_DENY")
        #expect(result?["allowed"]?["policies"]?.arrayValue?.count == 1)
    }
}
