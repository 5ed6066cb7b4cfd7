import Fleet
import JSON
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct AccessOperationTests {
    private let fixture: AccessFixture

    init() throws { self.fixture = try AccessFixture() }

    private func keys() async throws -> [JSONValue] {
        try await self.fixture.perform("ListAccessKeys")["accessKeys"]?.arrayValue ?? []
    }

    @Test func aSecretIsToldOnce() async throws {
        let made = try await self.fixture.perform(
            "CreateAccessKey", [:], ["user": "alice", "roles": ["auditor"]])
        let secret = try #require(made["secretAccessKey"]?.stringValue)
        #expect(secret.utf8.count == 40)
        #expect(made["status"] == "Active")
        let listed = try await self.keys()
        #expect(listed.count == 1)
        #expect(listed[0]["accessKeyId"] == made["accessKeyId"])
        #expect(listed[0]["secretAccessKey"] == nil)
        for commit in self.fixture.store.log {
            #expect(!"\(commit)".contains(secret))
        }
    }

    @Test func aRotatedCredentialWorksBesideTheOldOne() async throws {
        let old = try await self.fixture.credential("alice", "auditor")
        let new = try AccessFixture.credential(
            try await self.fixture.perform("RotateAccessKey", ["accessKeyId": old.id]))
        #expect(await self.fixture.refusal(old) == nil)
        #expect(await self.fixture.refusal(new) == nil)
        let next = try AccessFixture.credential(
            try await self.fixture.perform(
                "RotateAccessKey", ["accessKeyId": new.id], ["disablesOld": true]))
        #expect(await self.fixture.refusal(new)?.code == .unrecognizedClient)
        #expect(await self.fixture.refusal(next) == nil)
        #expect(try await self.keys().count == 3)
    }

    @Test func aSessionActsForItsCredentialUntilItEnds() async throws {
        let parent = try await self.fixture.credential("alice", "auditor")
        let answer = try await self.fixture.perform(
            "CreateSession", ["accessKeyId": parent.id], ["durationSeconds": 900])
        let session = try AccessFixture.credential(answer)
        let token = try #require(answer["sessionToken"]?.stringValue)
        #expect(session.id.hasPrefix("ASIA"))
        let caller = try await self.fixture.call(session, token: token)
        #expect(caller.actor.identity == "alice/\(session.id)")
        #expect(AccessFixture.refusal(caller, "iot:ListThings") == nil)
        #expect(AccessFixture.refusal(caller, "iot:CreateThing") != nil)
        // Without its token, or with another, it is nobody.
        let other = try await self.fixture.perform("CreateSession", ["accessKeyId": parent.id])
        for wrong in [nil, "x", token + "A", other["sessionToken"]?.stringValue] {
            #expect(
                await self.fixture.refusal(session, token: wrong)?.code == .unrecognizedClient)
        }
        self.fixture.clock.advance(bySeconds: 900)
        var late = session
        late.signer.timestamp = SignatureTime(self.fixture.clock.now).text
        #expect(await self.fixture.refusal(late, token: token)?.code == .expiredToken)
    }

    @Test func aSessionEndsWithTheCredentialItWasMadeFrom() async throws {
        let parent = try await self.fixture.credential("alice", "auditor")
        let answer = try await self.fixture.perform("CreateSession", ["accessKeyId": parent.id])
        let session = try AccessFixture.credential(answer)
        let token = try #require(answer["sessionToken"]?.stringValue)
        #expect(await self.fixture.refusal(session, token: token) == nil)
        #expect(
            self.fixture.store.log.last?.detail["session"] == .string(session.id))
        try await self.fixture.perform(
            "SetAccessKeyStatus", ["accessKeyId": parent.id], ["status": "Inactive"])
        #expect(
            await self.fixture.refusal(session, token: token)?.code == .unrecognizedClient)
        await #expect(throws: FleetError.self) {
            try await self.fixture.perform("CreateSession", ["accessKeyId": parent.id])
        }
    }

    @Test(arguments: [899, 129_601, -1]) func aSessionsLengthHasLimits(seconds: Int) async throws {
        let parent = try await self.fixture.credential("alice", "auditor")
        await #expect(throws: FleetError.self) {
            try await self.fixture.perform(
                "CreateSession", ["accessKeyId": parent.id],
                ["durationSeconds": .int(seconds)])
        }
    }

    @Test(arguments: [
        JSONValue.null, ["user": "alice"], ["user": "alice", "roles": []],
        ["user": "a/b", "roles": ["auditor"]], ["user": "", "roles": ["auditor"]],
        ["user": "alice", "roles": ["nobody"]], ["user": "alice", "roles": "auditor"],
        ["user": "alice", "roles": [7]], ["user": "alice", "roles": ["auditor"], "secret": "x"],
    ])
    func aBodyOfAnotherShapeMakesNothing(body: JSONValue) async throws {
        await #expect(throws: FleetError.self) {
            try await self.fixture.perform("CreateAccessKey", [:], body)
        }
        #expect(try await self.keys().isEmpty)
    }

    @Test func aStatusIsOneOfTwo() async throws {
        let credential = try await self.fixture.credential("alice", "auditor")
        await #expect(throws: FleetError.self) {
            try await self.fixture.perform(
                "SetAccessKeyStatus", ["accessKeyId": credential.id], ["status": "inactive"])
        }
    }

    @Test(arguments: ["RotateAccessKey", "DeleteAccessKey"])
    func aCredentialThatIsNotThereIsNotFound(operation: String) async {
        let error = await #expect(throws: FleetError.self) {
            try await self.fixture.perform(operation, ["accessKeyId": "AKIANOBODY"])
        }
        #expect(error?.code == .notFound)
    }

    @Test func rolesAreListedAndShown() async throws {
        let document = #"{"Version":"2012-10-17","Statement":[]}"#
        try await self.fixture.perform(
            "PutRole", ["roleName": "plant"],
            ["document": .string(allowListThings)])
        await #expect(throws: FleetError.self) {
            try await self.fixture.perform(
                "PutRole", ["roleName": "plant"], ["document": .string(document + "}")])
        }
        let roles = try await self.fixture.perform("ListRoles")["roles"]?.arrayValue ?? []
        #expect(
            roles.compactMap { $0["name"]?.stringValue } == [
                "administrator", "security-officer", "template-author", "factory-operator",
                "auditor", "device-operator", "plant",
            ])
        let shown = try await self.fixture.perform("DescribeRole", ["roleName": "plant"])
        #expect(shown["document"] == .string(allowListThings))
        let auditor = try await self.fixture.perform("DescribeRole", ["roleName": "auditor"])
        #expect(auditor["builtIn"] == true)
    }

    private var allowListThings: String {
        #"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iot:ListThings","Resource":"*"}]}"#
    }
}

@Suite struct HookOperationTests {
    private let fixture: AccessFixture
    private let alice = Actor(kind: .user, identity: "alice/AKIA1")
    private let bob = Actor(kind: .user, identity: "bob/AKIA2")

    init() throws { self.fixture = try AccessFixture() }

    private func put(_ source: String, by actor: Actor) async throws -> JSONValue {
        try await self.fixture.perform(
            "PutHook", ["hookName": "gate"], ["source": .string(source)], by: actor)
    }

    private func approve(_ digest: JSONValue, by actor: Actor) async throws -> JSONValue {
        try await self.fixture.perform(
            "ApproveHook", ["hookName": "gate"], ["digest": digest], by: actor)
    }

    @Test func oneWritesAndAnotherApproves() async throws {
        let written = try await self.put("return 1", by: self.alice)
        #expect(written["author"] == "alice")
        #expect(written["approver"] == nil)
        let digest = try #require(written["digest"])
        let own = await #expect(throws: FleetError.self) {
            try await self.approve(digest, by: Actor(kind: .user, identity: "alice/AKIA9"))
        }
        #expect(own?.code == .notAllowed)
        #expect(try await self.approve(digest, by: self.bob)["approver"] == "bob")
        let listed = try await self.fixture.perform("ListHooks")["hooks"]?.arrayValue
        #expect(listed?.first?["approver"] == "bob")
        #expect(listed?.first?["source"] == nil)
    }

    @Test func aTextThatDoesNotLoadIsNotStored() async throws {
        let refusal = await #expect(throws: FleetError.self) {
            try await self.put("broken(", by: self.alice)
        }
        #expect(refusal?.message == "the hook 'gate' does not load: syntax error")
        #expect(self.fixture.store.log.isEmpty)
    }
}
