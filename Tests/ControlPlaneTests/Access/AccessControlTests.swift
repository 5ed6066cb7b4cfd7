import Fleet
import HTTPTypes
import JSON
import TestSupport
import Testing

@testable import ControlPlane

@Suite struct AccessControlTests {
    private let fixture: AccessFixture

    init() throws { self.fixture = try AccessFixture() }

    @Test func aCredentialIsRecognizedByItsSignature() async throws {
        let credential = try await self.fixture.credential("alice", "auditor")
        let caller = try await self.fixture.call(credential)
        #expect(caller.actor.kind == .user)
        #expect(caller.actor.identity == "alice/\(credential.id)")
        #expect(caller.actor.sourceAddress == "192.0.2.1")
        #expect(AccessFixture.refusal(caller, "iot:ListThings") == nil)
    }

    @Test func whatNoRoleAllowsIsDeniedInTheWordsOfAWS() async throws {
        let caller = try await self.fixture.call(
            try await self.fixture.credential("alice", "auditor"))
        let target = "arn:aws:iot:local:000000000000:thing/t"
        let refusal = AccessFixture.refusal(caller, "iot:CreateThing", target)
        #expect(refusal?.code == .notAllowed)
        #expect(
            refusal?.message
                == "User: arn:aws:iam::000000000000:user/alice is not authorized to perform: "
                + "iot:CreateThing on resource: \(target) because no identity-based policy "
                + "allows the iot:CreateThing action")
        let audited = await self.fixture.audited()
        #expect(audited.count == 1)
        #expect(audited.first?.action == "CreateThing")
        #expect(audited.first?.actor == caller.actor)
        #expect(audited.first?.detail["target"] == .string(target))
    }

    @Test func aWrongSecretOfAKnownCredentialIsAudited() async throws {
        let credential = try await self.fixture.credential("alice", "auditor")
        var forger = credential.signer
        forger.secret = "another"
        let refusal = await self.fixture.refusal(
            AccessFixture.Credential(id: credential.id, signer: forger))
        #expect(refusal?.code == .invalidSignature)
        let audited = await self.fixture.audited()
        #expect(audited.map(\.action) == ["Authenticate"])
        #expect(audited.first?.actor.identity == "alice/\(credential.id)")
    }

    /// Anybody may make up a key; the audit log is no place for that.
    @Test func anUnknownCredentialIsNotAudited() async throws {
        var signer = LiteralSigner()
        signer.timestamp = SignatureTime(ManualClock.start).text
        let refusal = await self.fixture.refusal(
            AccessFixture.Credential(id: signer.keyID, signer: signer))
        #expect(refusal?.code == .unrecognizedClient)
        #expect(await self.fixture.audited().isEmpty)
    }

    /// Whoever has been told that it is disabled may rely on it: no moment passes between.
    @Test func aDisabledCredentialIsRefusedFromThatMomentOn() async throws {
        let credential = try await self.fixture.credential("alice", "administrator")
        for _ in 0..<3 {
            #expect(await self.fixture.refusal(credential) == nil)
            try await self.fixture.perform(
                "SetAccessKeyStatus", ["accessKeyId": credential.id], ["status": "Inactive"])
            #expect(await self.fixture.refusal(credential)?.code == .unrecognizedClient)
            try await self.fixture.perform(
                "SetAccessKeyStatus", ["accessKeyId": credential.id], ["status": "Active"])
        }
        try await self.fixture.perform("DeleteAccessKey", ["accessKeyId": credential.id])
        #expect(await self.fixture.refusal(credential)?.code == .unrecognizedClient)
    }

    @Test func otherRolesCountFromThatMomentOn() async throws {
        let credential = try await self.fixture.credential("alice", "auditor")
        let before = try await self.fixture.call(credential)
        #expect(AccessFixture.refusal(before, "iot:CreateThing") != nil)
        try await self.fixture.perform(
            "SetAccessKeyRoles", ["accessKeyId": credential.id], ["roles": ["device-operator"]])
        let after = try await self.fixture.call(credential)
        #expect(AccessFixture.refusal(after, "iot:CreateThing") == nil)
        #expect(AccessFixture.refusal(after, "slipway:ListCommits") != nil)
    }

    @Test func aRolesDocumentCountsFromThatMomentOn() async throws {
        func document(_ effect: String) -> JSONValue {
            .string(
                #"{"Version":"2012-10-17","Statement":[{"Effect":"\#(effect)","#
                    + #""Action":"iot:*","Resource":"*"}]}"#)
        }
        try await self.fixture.perform(
            "PutRole", ["roleName": "plant"], ["document": document("Allow")])
        let credential = try await self.fixture.credential("alice", "plant")
        let caller = try await self.fixture.call(credential)
        #expect(AccessFixture.refusal(caller, "iot:CreateThing") == nil)
        try await self.fixture.perform(
            "PutRole", ["roleName": "plant"], ["document": document("Deny")])
        let denied = AccessFixture.refusal(
            try await self.fixture.call(credential), "iot:CreateThing")
        #expect(
            denied?.message.hasSuffix("with an explicit deny in an identity-based policy") == true)
        // What it denies would be allowed without it.
        let kept = await #expect(throws: FleetError.self) {
            try await self.fixture.perform("DeleteRole", ["roleName": "plant"])
        }
        #expect(kept?.code == .deleteConflict)
        try await self.fixture.perform(
            "SetAccessKeyRoles", ["accessKeyId": credential.id], ["roles": ["auditor"]])
        try await self.fixture.perform("DeleteRole", ["roleName": "plant"])
    }

    /// A change that came another way than through this process's own operations.
    @Test func theFeedMakesTheDirectoryForget() async throws {
        let credential = try await self.fixture.credential("alice", "auditor")
        let id = AccessKeyID(checked: credential.id)
        let directory = self.fixture.access.directory
        let key = try #require(try await self.fixture.store.load([.accessKey(id)]).accessKey(id))
        #expect(try await directory.grant(id) != nil)
        var disabled = key
        disabled.status = .inactive
        let commit = try await self.fixture.store.commit(
            ChangeSet(action: "test", changes: [.putAccessKey(disabled)]), by: .service("test"))
        // It is remembered until the feed says otherwise.
        #expect(try await directory.grant(id) != nil)
        await directory.follow(
            AsyncStream { continuation in
                continuation.yield(commit)
                continuation.finish()
            })
        #expect(try await directory.grant(id) == nil)
    }

    @Test func aReceivedRequestIsIdentified() async throws {
        let credential = try await self.fixture.credential("alice", "auditor")
        let signed = credential.signer.signed(
            SignedRequest(
                method: "GET", path: "/things/a%2Fb", query: "maxResults=5",
                headers: [("host", "gw:8484"), ("x-amz-date", credential.signer.timestamp)],
                body: .bytes([])), ["host", "x-amz-date"])
        var headers: HTTPFields = [:]
        for header in signed.headers where header.name != "host" {
            headers[try #require(HTTPField.Name(header.name))] = header.value
        }
        let head = HTTPRequest(
            method: .get, scheme: nil, authority: "gw:8484",
            path: "\(signed.path)?\(signed.query)", headerFields: headers)
        let caller = try await self.fixture.control.identify(
            SignedRequest(head, body: .streamed).carrying(.bytes([])), "192.0.2.1")
        #expect(caller.actor.identity == "alice/\(credential.id)")
        #expect(caller.actor.sourceAddress == "192.0.2.1")
    }
}

@Suite struct SignedBodyTests {
    private static func body(_ chunks: [String]) -> OperationRequest.Stream {
        AsyncThrowingStream<[UInt8], any Error> { continuation in
            for chunk in chunks { continuation.yield(Array(chunk.utf8)) }
            continuation.finish()
        }
    }

    private static func read(_ body: SignedBody) async throws -> String {
        var bytes: [UInt8] = []
        for try await chunk in body { bytes += chunk }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test func theBodyThatWasSignedIsReadToItsEnd() async throws {
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        for chunks in [["abc"], ["a", "", "bc"]] {
            let body = SignedBody(Self.body(chunks), expectedSHA256: hash)
            #expect(try await Self.read(body) == "abc")
        }
    }

    @Test(arguments: [["abd"], ["abc", "d"], [], ["ab"]])
    func anotherBodyEndsInAnError(chunks: [String]) async {
        let hash = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        await #expect(throws: FleetError.self) {
            _ = try await Self.read(SignedBody(Self.body(chunks), expectedSHA256: hash))
        }
    }
}
