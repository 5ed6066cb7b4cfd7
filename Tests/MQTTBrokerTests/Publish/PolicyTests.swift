import Fleet
import Logging
import MQTT
import NIOCore
import TestSupport
import Testing

@testable import MQTTBroker

/// Each thing a client does, allowed and denied (provisioning specification, 5.7).
@Suite(.timeLimit(.minutes(10)))
struct PolicyTests {
    @Test(arguments: [(ProtocolVersion.v311, ReasonCode.notAuthorized), (.v5, .notAuthorized)])
    func deniedConnectIsAnswered(version: ProtocolVersion, reason: ReasonCode) async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(
            allowing: TestPolicy.allow(("Connect", "client/device-*")))
        let client = try await gateway.open(device, version: version)
        try client.send(.connect(Connect(version: version, clientID: "other")))
        guard case .packet(.connack(let connack)) = await client.next() else {
            Issue.record("no CONNACK")
            return
        }
        #expect(connack.reason == reason)
        #expect(await client.next() == .closed)
        await gateway.stop()
        let line = gateway.log.lines.first { $0.message == "denied by policy" }
        #expect(line?.metadata["action"] == "iot:Connect")
        #expect(line?.metadata["resource"]?.hasSuffix("client/other") == true)
        #expect(line?.metadata["certificate"] == CertificateID(sha256: device.digest).rawValue)
        #expect(line?.metadata["decidedBy"] == "no statement allows it")
    }

    /// The test's client asks for "localhost".
    @Test(arguments: [("localhost", true), ("elsewhere", false)])
    func aPolicyMayAskForTheServersName(name: String, allowed: Bool) async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(
            allowing: """
                {"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iot:Connect",\
                "Resource":"*","Condition":{"StringEquals":{"iot:DomainName":"\(name)"}}}}
                """)
        let client = try await gateway.open(device)
        try client.send(.connect(Connect(version: .v5, clientID: "device")))
        guard case .packet(.connack(let connack)) = await client.next() else {
            Issue.record("no CONNACK")
            return
        }
        #expect((connack.reason == .success) == allowed)
        await gateway.stop()
    }

    @Test func deniedWillTopicRefusesTheConnect() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(
            allowing: TestPolicy.allow(("Connect", "client/*"), ("Publish", "topic/mine")))
        for (topic, reason) in [
            ("other", ReasonCode.notAuthorized), ("$aws/x", .topicNameInvalid),
        ] {
            let client = try await gateway.open(device)
            var connect = Connect(version: .v5, clientID: "device")
            connect.will = Will(topic: try TopicName(topic), payload: ByteBuffer())
            try client.send(.connect(connect))
            guard case .packet(.connack(let connack)) = await client.next() else {
                Issue.record("no CONNACK")
                return
            }
            #expect(connack.reason == reason)
        }
        await gateway.stop()
    }

    /// AWS: `iot:RetainPublish` beside `iot:Publish`, for a message as for a will.
    @Test func retainFlagNeedsARightOfItsOwn() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(
            allowing: TestPolicy.allow(
                ("Connect", "client/*"), ("Publish", "topic/*"), ("RetainPublish", "topic/kept")))
        let will = { (topic: String) throws in
            Will(topic: try TopicName(topic), payload: ByteBuffer(), retain: true)
        }
        let refused = try await gateway.open(device, version: .v311)
        var connect = Connect(version: .v311, clientID: "device")
        connect.will = try will("mine")
        try refused.send(.connect(connect))
        guard case .packet(.connack(let connack)) = await refused.next() else {
            Issue.record("no CONNACK")
            return
        }
        #expect(connack.reason == .notAuthorized)
        let kept = try will("kept")
        let client = try await gateway.connect(device, as: "device", version: .v311) {
            $0.will = kept
        }
        try client.publish("kept", "x", retain: true)
        #expect(try await client.publishAtLeastOnce("mine") == .success)
        try client.publish("mine", "x", retain: true)
        #expect(await client.rest() == [.closed])
        await gateway.stop()
        let denials = gateway.log.lines.filter { $0.message == "denied by policy" }
        #expect(denials.count == 2)
        #expect(denials.allSatisfy { $0.metadata["action"] == "iot:RetainPublish" })
    }

    @Test func deniedPublishClosesMQTT3() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(
            allowing: TestPolicy.allow(("Connect", "client/*"), ("Publish", "topic/mine")))
        let client = try await gateway.connect(device, as: "device", version: .v311)
        #expect(try await client.publishAtLeastOnce("mine") == .success)
        try client.publish("other", "x")
        #expect(await client.rest() == [.closed])
        await gateway.stop()
    }

    @Test func deniedPublishIsAnsweredInMQTT5AndTheConnectionStays() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(
            allowing: TestPolicy.allow(("Connect", "client/*"), ("Publish", "topic/mine")))
        let client = try await gateway.connect(device, as: "device")
        #expect(try await client.publishAtLeastOnce("other") == .notAuthorized)
        try client.publish("other", "x")
        #expect(try await client.publishAtLeastOnce("mine", packetID: 2) == .success)
        await gateway.stop()
        #expect(gateway.server.counters.publishesDenied == 2)
    }

    @Test(arguments: [(ProtocolVersion.v311, ReasonCode.unspecifiedError), (.v5, .notAuthorized)])
    func deniedSubscribeIsAnsweredAndTheConnectionStays(
        version: ProtocolVersion, reason: ReasonCode
    ) async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(
            allowing: TestPolicy.allow(
                ("Connect", "client/*"), ("Subscribe", "topicfilter/mine/*"),
                ("Subscribe", "topicfilter/topic")))
        let client = try await gateway.connect(device, as: "device", version: version)
        #expect(
            try await client.subscribe("mine/#", "other", "topic") == [
                .grantedQoS1, reason, .grantedQoS1,
            ])
        await gateway.stop()
    }

    @Test func messageThatMayNotBeReceivedIsWithheld() async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(
            allowing: TestPolicy.allow(
                ("Connect", "client/*"), ("Subscribe", "topicfilter/*"),
                ("Receive", "topic/open/*"), ("Publish", "topic/*")))
        let client = try await gateway.connect(device, as: "device")
        try await client.subscribe("#")
        try client.publish("secret/1", "no")
        try client.publish("open/1", "yes")
        #expect(await client.message() == "yes")
        await gateway.stop()
        #expect(gateway.server.counters.messagesWithheld == 1)
    }

    @Test(
        arguments: [
            "", "   ", "{", #"{"Version":"2012-10-17","Statement":[]}"#,
            #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:*","Reso"#,
        ])
    func unreadablePolicyDeniesAllAndTheLogSaysSo(document: String) async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device()
        let id = CertificateID(sha256: device.digest)
        let name = try PolicyName("torn")
        try await gateway.commit(
            .putPolicy(TestPolicy.record(name, document)), .attachPolicy(name, .certificate(id)))
        let client = try await gateway.open(device)
        try client.send(.connect(Connect(version: .v5, clientID: "device")))
        guard case .packet(.connack(let connack)) = await client.next() else {
            Issue.record("no CONNACK")
            return
        }
        #expect(connack.reason == .notAuthorized)
        await gateway.stop()
        #expect(
            gateway.log.lines.contains {
                $0.level == .error && $0.metadata["policy"]?.contains("policy torn") == true
            })
    }

    @Test func certificateWithoutPolicyMayDoNothing() async throws {
        let gateway = try await TestGateway()
        let device = try gateway.authority.issue()
        try await gateway.commit(.putCertificate(gateway.record(device)))
        let client = try await gateway.open(device)
        try client.send(.connect(Connect(version: .v5, clientID: "device")))
        guard case .packet(.connack(let connack)) = await client.next() else {
            Issue.record("no CONNACK")
            return
        }
        #expect(connack.reason == .notAuthorized)
        await gateway.stop()
    }

    /// Provisioning specification, 5.6: group policies count only while the thing is associated.
    @Test(
        arguments: [
            (ThingPrincipal.Exclusivity.nonExclusive, "pump-1", true),
            (.nonExclusive, "elsewhere", false), (.exclusive, "pump-1", true),
            (.exclusive, "elsewhere", true),
        ])
    func policiesOfGroupsAndAncestorsCountWithTheThing(
        exclusivity: ThingPrincipal.Exclusivity, clientID: String, isAllowed: Bool
    ) async throws {
        let gateway = try await TestGateway()
        let device = try await gateway.device(
            allowing: TestPolicy.allow(("Connect", "client/*")))
        let id = CertificateID(sha256: device.digest)
        let (parent, child) = (try ThingGroupName("plant"), try ThingGroupName("hall"))
        let thing = try ThingName("pump-1")
        let policy = try PolicyName("plant")
        let now = gateway.clock.now
        try await gateway.commit(
            .putThingGroup(ThingGroup(name: parent, id: Samples.resourceID(1), createdAt: now)),
            .putThingGroup(
                ThingGroup(
                    name: child, id: Samples.resourceID(2), ancestors: [parent], createdAt: now)),
            .putThing(
                Thing(
                    name: thing, id: Samples.resourceID(3), attributes: ["site": "north"],
                    createdAt: now)),
            .addThingToGroup(thing, child),
            .attachThingPrincipal(
                ThingPrincipal(thing: thing, certificate: id, exclusivity: exclusivity)),
            .putPolicy(
                TestPolicy.record(
                    policy,
                    TestPolicy.allow(
                        (
                            "Publish",
                            "topic/${iot:Connection.Thing.Attributes[site]}/"
                                + "${iot:Connection.Thing.ThingName}"
                        )))),
            .attachPolicy(policy, .thingGroup(parent)))
        let client = try await gateway.connect(device, as: clientID)
        let reason = try await client.publishAtLeastOnce("north/pump-1")
        #expect(reason == (isAllowed ? .success : .notAuthorized))
        await gateway.stop()
    }
}
