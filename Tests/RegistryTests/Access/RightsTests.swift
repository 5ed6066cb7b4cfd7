import Fleet
import Policies
import TestSupport
import Testing

@testable import Registry

@Suite struct RightsTests {
    private static let circumstances = Rights.Circumstances(
        user: UserName(checked: "alice"), sourceAddress: "192.0.2.7", now: ManualClock.start)

    private static func rights(
        _ roles: String..., custom: [RoleName: String] = [:]
    ) -> Rights {
        Rights(roles.map { RoleName(checked: $0) }, custom: custom)
    }

    private static func allows(
        _ rights: Rights, _ operation: String, _ resource: String = "*"
    ) -> Bool {
        rights.decide(operation, on: ARN(rawValue: resource), Self.circumstances).isAllowed
    }

    @Test(arguments: BuiltInRole.allCases)
    func everyBuiltInDocumentIsOneOfItsLanguage(role: BuiltInRole) throws {
        let document = try PolicyDocument.parse(role.document, dialect: .access)
        #expect(document.statements.count == 1)
        #expect(RoleName(checked: role.rawValue) == (try RoleName(role.rawValue)))
        #expect(!role.summary.isEmpty)
    }

    /// Who may do what: a, s, t, f, u, d for administrator, security officer, template author,
    /// factory operator, auditor and device operator.
    @Test(arguments: [
        ("iot:CreateThing", "ad"), ("iot:DescribeThing", "astfud"), ("iot:ListThings", "astfud"),
        ("iot:DeleteThingGroup", "ad"), ("iot:RegisterThing", "af"),
        ("iot:UpdateCertificate", "asd"), ("iot:DeleteCertificate", "as"),
        ("iot:CreateKeysAndCertificate", "as"), ("iot:RegisterCACertificate", "as"),
        ("iot:GetRegistrationCode", "as"), ("iot:CreatePolicy", "as"), ("iot:AttachPolicy", "as"),
        ("iot:DetachPolicy", "as"), ("iot:SetDefaultPolicyVersion", "as"),
        ("iot:GetPolicy", "astud"), ("iot:TestAuthorization", "astud"),
        ("iot:AttachThingPrincipal", "asd"), ("iot:SearchIndex", "asud"),
        ("iot:CreateProvisioningTemplate", "at"), ("iot:UpdateProvisioningTemplate", "at"),
        ("iot:DescribeProvisioningTemplate", "astfud"), ("iot:CreateProvisioningClaim", "asf"),
        ("iot:StartThingRegistrationTask", "af"), ("iot:TagResource", "ad"),
        ("slipway:ImportAllowlist", "af"), ("slipway:DescribeAllowlist", "astfu"),
        ("slipway:PutHook", "at"), ("slipway:ApproveHook", "ast"),
        ("slipway:ListCommits", "asu"), ("slipway:ListCertificateRecords", "asfud"),
        ("slipway:ListEnrolments", "asfu"), ("slipway:DescribeEnrolment", "asfu"),
        ("slipway:DecideEnrolment", "as"), ("slipway:SetAllowlistState", "asf"),
        ("slipway:AdoptClaim", "as"), ("slipway:RotateClaim", "asf"),
        ("slipway:DisableHook", "ast"), ("slipway:ReloadAuthorities", "as"),
        ("slipway:DescribeRegistrationProgress", "asfu"),
        ("slipway:GetRegistrationReport", "asfu"), ("iot:GetThingConnectivityData", "asud"),
        ("slipway:DescribeCertificateRecord", "asfud"), ("slipway:CreateSession", "a"),
        ("slipway:CreateAccessKey", "a"), ("slipway:RotateAccessKey", "a"),
        ("slipway:SetAccessKeyRoles", "a"), ("slipway:PutRole", "a"), ("slipway:DeleteRole", "a"),
        ("slipway:SetAccessKeyStatus", "as"), ("slipway:DeleteAccessKey", "as"),
        ("slipway:ListAccessKeys", "asu"), ("slipway:ListRoles", "asu"),
    ])
    func everyRoleMayDoItsOwnWork(operation: String, who: String) {
        let letters: [(BuiltInRole, Character)] = [
            (.administrator, "a"), (.securityOfficer, "s"), (.templateAuthor, "t"),
            (.factoryOperator, "f"), (.auditor, "u"), (.deviceOperator, "d"),
        ]
        for (role, letter) in letters {
            #expect(
                Self.allows(Self.rights(role.rawValue), operation) == who.contains(letter),
                "\(role.rawValue) \(operation)")
        }
    }

    @Test(arguments: [
        "Create", "Update", "Delete", "Put", "Attach", "Detach", "Add", "Remove", "Register",
        "Set", "Start", "Stop", "Import", "Approve", "Rotate", "Tag", "Untag", "Accept", "Cancel",
        "Transfer", "Publish", "Revoke", "Deprecate", "Enable", "Disable",
    ])
    func anAuditorChangesNothing(verb: String) {
        let auditor = Self.rights("auditor")
        for noun in ["Thing", "Policy", "Certificate", "Allowlist", "AccessKey", "Hook"] {
            #expect(!Self.allows(auditor, "iot:\(verb)\(noun)"))
            #expect(!Self.allows(auditor, "slipway:\(verb)\(noun)"))
        }
    }

    @Test func withoutARoleNothingIsAllowed() {
        #expect(!Self.allows(Self.rights(), "iot:ListThings"))
        #expect(!Self.allows(Self.rights("no-such-role"), "iot:ListThings"))
    }

    @Test func rolesAddUp() {
        let both = Self.rights("auditor", "factory-operator")
        #expect(Self.allows(both, "slipway:ImportAllowlist"))
        #expect(Self.allows(both, "slipway:ListCommits"))
    }

    private static let plant = RoleName(checked: "plant")

    private static func document(_ statements: String) -> String {
        #"{"Version":"2012-10-17","Statement":[\#(statements)]}"#
    }

    @Test func aRoleOfOnesOwnIsLimitedToItsResources() {
        let document = Self.document(
            #"""
            {"Effect":"Allow","Action":"iot:*Thing",
             "Resource":"arn:aws:iot:local:000000000000:thing/plant-*"}
            """#)
        let rights = Self.rights("plant", custom: [Self.plant: document])
        #expect(
            Self.allows(
                rights, "iot:UpdateThing", "arn:aws:iot:local:000000000000:thing/plant-7"))
        #expect(
            !Self.allows(
                rights, "iot:UpdateThing", "arn:aws:iot:local:000000000000:thing/other-7"))
        #expect(!Self.allows(rights, "iot:ListThings", "*"))
    }

    @Test func aDenialOutweighsEveryOtherRole() {
        let document = Self.document(
            #"{"Effect":"Deny","Action":"iot:DeleteThing","Resource":"*"}"#)
        let rights = Self.rights("plant", "administrator", custom: [Self.plant: document])
        #expect(!Self.allows(rights, "iot:DeleteThing"))
        #expect(Self.allows(rights, "iot:CreateThing"))
    }

    /// Nobody knows what it would have denied.
    @Test(arguments: [[RoleName(checked: "plant"): "{"], [:]] as [[RoleName: String]])
    func aDocumentThatDoesNotParseOrIsNotThereDeniesEverything(custom: [RoleName: String]) {
        let rights = Self.rights("plant", "administrator", custom: custom)
        #expect(!Self.allows(rights, "iot:ListThings"))
    }

    /// What ships cannot be replaced by what is stored.
    @Test func aBuiltInRoleIsNotTakenFromTheStore() {
        let document = Self.document(#"{"Effect":"Allow","Action":"*","Resource":"*"}"#)
        let rights = Self.rights("auditor", custom: [RoleName(checked: "auditor"): document])
        #expect(!Self.allows(rights, "iot:CreateThing"))
    }

    @Test(arguments: [("192.0.2.7", true), ("198.51.100.7", false), (nil, false)])
    func conditionsAskForTheCircumstances(address: String?, allowed: Bool) {
        let document = Self.document(
            #"""
            {"Effect":"Allow","Action":"iot:*","Resource":"*","Condition":{
              "IpAddress":{"aws:SourceIp":"192.0.2.0/24"},
              "StringEquals":{"aws:username":"alice"}}}
            """#)
        let rights = Self.rights("plant", custom: [Self.plant: document])
        let decision = rights.decide(
            "iot:ListThings", on: ARN(rawValue: "*"),
            Rights.Circumstances(
                user: UserName(checked: "alice"), sourceAddress: address, now: ManualClock.start))
        #expect(decision.isAllowed == allowed)
    }
}
