import Fleet
import Registry
import TestSupport
import Testing

@Suite struct AccessKeyTests {
    private let fixture = RegistryFixture()
    private let id = Samples.accessKeyID(1)

    private static func roles(_ names: String...) -> [RoleName] {
        names.map { RoleName(checked: $0) }
    }

    private func create(
        _ number: Int = 1, roles: [RoleName] = Self.roles("auditor")
    ) async throws {
        let sample = Samples.accessKey(number)
        let definition = AccessKeys.Definition(
            id: sample.id, user: sample.user, roles: roles, secret: sample.secret)
        try await self.fixture.apply(definition.keys) {
            try AccessKeys.create(definition, in: $0, at: self.fixture.clock.now)
        }
    }

    private func key(_ number: Int = 1) async throws -> AccessKey? {
        let id = Samples.accessKeyID(number)
        return try await self.fixture.store.load([.accessKey(id)]).accessKey(id)
    }

    @Test func aKeyIsActiveAndHasItsRolesInOrder() async throws {
        try await self.create(roles: Self.roles("factory-operator", "auditor", "auditor"))
        let key = try #require(try await self.key())
        #expect(key.status == .active)
        #expect(key.roles == Self.roles("auditor", "factory-operator"))
        #expect(key.createdAt == self.fixture.clock.now)
        #expect(key.rotatedFrom == nil)
    }

    @Test func rolesMustBeThere() async throws {
        #expect(await refusal { try await self.create(roles: Self.roles("plant")) } == .notFound)
        #expect(await refusal { try await self.create(roles: []) } == .invalidRequest)
        let many = (0...AccessKeys.rolesPerKeyMax).map { RoleName(checked: "r\($0)") }
        #expect(await refusal { try await self.create(roles: many) } == .invalidRequest)
        try await self.fixture.apply([.role(Samples.role.name)]) {
            try AccessRoles.put(
                Samples.role.name, document: allowConnect, in: $0, at: self.fixture.clock.now)
        }
        try await self.create(roles: Self.roles("plant", "auditor"))
        #expect(try await self.key()?.roles == Self.roles("auditor", "plant"))
    }

    @Test func anIDIsGivenOnce() async throws {
        try await self.create()
        #expect(await refusal { try await self.create() } == .alreadyExists)
    }

    @Test(arguments: [false, true]) func aRotatedKeyHasTheSameUserAndRoles(
        disabling: Bool
    ) async throws {
        try await self.create()
        self.fixture.clock.advance(bySeconds: 60)
        let next = Samples.accessKey(2)
        let set = try await self.fixture.apply([.accessKey(self.id), .accessKey(next.id)]) {
            try AccessKeys.rotate(
                self.id, to: next.id, secret: next.secret, disablingOld: disabling, in: $0,
                at: self.fixture.clock.now)
        }
        let old = try #require(try await self.key(1))
        let new = try #require(try await self.key(2))
        #expect(old.status == (disabling ? .inactive : .active))
        #expect(new.user == old.user)
        #expect(new.roles == old.roles)
        #expect(new.rotatedFrom == old.id)
        #expect(new.secret == next.secret)
        #expect(new.createdAt == self.fixture.clock.now)
        #expect(set.action == "RotateAccessKey")
    }

    @Test func aKeyIsDisabledEnabledAndDeleted() async throws {
        try await self.create()
        for status in [AccessKey.Status.inactive, .inactive, .active] {
            try await self.fixture.apply([.accessKey(self.id)]) {
                try AccessKeys.setStatus(self.id, status, in: $0)
            }
            #expect(try await self.key()?.status == status)
        }
        #expect(self.fixture.store.commits.count == 3)
        try await self.fixture.apply([.accessKey(self.id)]) {
            try AccessKeys.delete(self.id, in: $0)
        }
        #expect(try await self.key() == nil)
        let again = await refusal {
            try await self.fixture.apply([.accessKey(self.id)]) {
                try AccessKeys.delete(self.id, in: $0)
            }
        }
        #expect(again == .notFound)
    }

    @Test func aKeysRolesChangeAndNothingElse() async throws {
        try await self.create()
        try await self.fixture.apply([.accessKey(self.id)]) {
            try AccessKeys.setRoles(self.id, Self.roles("device-operator"), in: $0)
        }
        let key = try #require(try await self.key())
        #expect(key.roles == Self.roles("device-operator"))
        #expect(key.secret == Samples.accessKey(1).secret)
    }

    /// Two who read the same key and change it: one of them decides afresh.
    @Test func aRaceIsSeen() async throws {
        try await self.create()
        let view = try await self.fixture.store.load([.accessKey(self.id)])
        let disable = try AccessKeys.setStatus(self.id, .inactive, in: view)
        let grant = try AccessKeys.setRoles(self.id, Self.roles("administrator"), in: view)
        _ = try await self.fixture.store.commit(disable, by: .service("test"))
        let lost = await refusal {
            _ = try await self.fixture.store.commit(grant, by: .service("test"))
        }
        #expect(lost == .conflict)
        #expect(try await self.key()?.status == .inactive)
    }
}

@Suite struct AccessRoleTests {
    private let fixture = RegistryFixture()
    private let name = RoleName(checked: "plant")

    private func put(_ document: String, as name: RoleName? = nil) async throws {
        let name = name ?? self.name
        try await self.fixture.apply([.role(name)]) {
            try AccessRoles.put(name, document: document, in: $0, at: self.fixture.clock.now)
        }
    }

    @Test func aDocumentIsReplacedAndTheSameOneChangesNothing() async throws {
        try await self.put(allowConnect)
        self.fixture.clock.advance(bySeconds: 5)
        try await self.put(allowConnect)
        #expect(self.fixture.store.commits.count == 1)
        try await self.put(denyConnect)
        let role = try #require(
            try await self.fixture.store.load([.role(self.name)]).role(self.name))
        #expect(role.document == denyConnect)
        #expect(role.createdAt == ManualClock.start)
        #expect(role.lastModifiedAt == self.fixture.clock.now)
    }

    @Test func aDocumentThatDoesNotParseIsRefused() async {
        #expect(await refusal { try await self.put("{") } == .malformedPolicy)
        #expect(self.fixture.store.log.isEmpty)
    }

    @Test(arguments: BuiltInRole.allCases)
    func whatIsBuiltInStays(role: BuiltInRole) async {
        let put = await refusal { try await self.put(allowConnect, as: role.name) }
        #expect(put == .invalidRequest)
        let delete = await refusal {
            try await self.fixture.apply([.role(role.name)]) {
                try AccessRoles.delete(role.name, namedBy: [], in: $0)
            }
        }
        #expect(delete == .invalidRequest)
    }

    /// A denial of what does not exist denies nothing.
    @Test func aMisspeltOperationIsRefused() async throws {
        let document = #"""
            {"Version":"2012-10-17","Statement":[
              {"Effect":"Deny","Action":"slipway:DeleteRoel","Resource":"*"}]}
            """#
        let refused = await refusal {
            try await self.fixture.apply([.role(self.name)]) {
                try AccessRoles.put(
                    self.name, document: document, knowing: ["slipway:DeleteRole"], in: $0,
                    at: self.fixture.clock.now)
            }
        }
        #expect(refused == .malformedPolicy)
        try await self.put(document.replacing("Roel", with: "Role"))
    }

    @Test func aRoleThatACredentialHasStays() async throws {
        try await self.put(denyConnect)
        let refused = await refusal {
            try await self.fixture.apply([.role(self.name)]) {
                try AccessRoles.delete(
                    self.name, namedBy: [AccessKeyID(checked: "AKIA1")], in: $0)
            }
        }
        #expect(refused == .deleteConflict)
    }

    @Test func aRoleThatIsNotThereIsNotDeleted() async throws {
        let delete = await refusal {
            try await self.fixture.apply([.role(self.name)]) {
                try AccessRoles.delete(self.name, namedBy: [], in: $0)
            }
        }
        #expect(delete == .notFound)
    }
}

@Suite struct HookApprovalTests {
    private let fixture = RegistryFixture()
    private let name = HookName(checked: "gate")

    private func put(_ source: String, by author: String = "ada") async throws -> HookScript {
        try await self.fixture.apply(HookScripts.keys(self.name, source: source)) {
            try HookScripts.put(
                self.name, source: source, by: author, in: $0, at: self.fixture.clock.now)
        }
        return try #require(try await self.fixture.store.load([.hook(self.name)]).hook(self.name))
    }

    private func approve(_ digest: String, by approver: String) async throws -> HookScript {
        try await self.fixture.apply([.hook(self.name)]) {
            try HookScripts.approve(
                self.name, digest: digest, by: approver, in: $0, at: self.fixture.clock.now)
        }
        return try #require(try await self.fixture.store.load([.hook(self.name)]).hook(self.name))
    }

    @Test func somebodyElseApproves() async throws {
        let written = try await self.put("return 1")
        #expect(written.author == "ada")
        #expect(written.approval == nil)
        let own = await refusal { _ = try await self.approve(written.digest, by: "ada") }
        #expect(own == .notAllowed)
        let approved = try await self.approve(written.digest, by: "grace")
        #expect(approved.approval?.approver == "grace")
        #expect(approved.source == "return 1")
    }

    @Test func onlyTheTextThatWasReadIsApproved() async throws {
        let read = try await self.put("return 1")
        _ = try await self.put("return 2")
        let stale = await refusal { _ = try await self.approve(read.digest, by: "grace") }
        #expect(stale == .versionConflict)
    }

    @Test func anotherTextHasYetToBeApproved() async throws {
        let first = try await self.put("return 1")
        _ = try await self.approve(first.digest, by: "grace")
        #expect(try await self.put("return 1").approval != nil)
        let second = try await self.put("return 2", by: "grace")
        #expect(second.approval == nil)
        let own = await refusal { _ = try await self.approve(second.digest, by: "grace") }
        #expect(own == .notAllowed)
        #expect(try await self.approve(second.digest, by: "ada").approval?.approver == "ada")
    }

    @Test func theFirstApprovalStays() async throws {
        let written = try await self.put("return 1")
        _ = try await self.approve(written.digest, by: "grace")
        #expect(try await self.approve(written.digest, by: "eve").approval?.approver == "grace")
    }

    @Test func aHookThatIsNotThereIsNotApproved() async {
        #expect(await refusal { _ = try await self.approve("0", by: "grace") } == .notFound)
    }

    /// Everybody at the service's own machine is one person, and nobody's two keys are two.
    @Test(arguments: [
        (Actor(kind: .user, identity: "ada/AKIA1"), "ada"),
        (Actor(kind: .user, identity: "ada/AKIA2"), "ada"),
        (Actor(kind: .operator, identity: "ada"), "(local)"),
        (.service("serve"), "(local)"),
        (.principal(Samples.certificateID(1), from: nil), "(device)"),
    ])
    func peopleAreToldApart(actor: Actor, person: String) {
        #expect(actor.person == person)
    }
}
