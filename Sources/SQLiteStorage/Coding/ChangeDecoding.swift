internal import Fleet
internal import JSON

extension Change {
    /// What reads the members of each change back, by the change's name.
    private static let decoders: [String: @Sendable (JSONFields) throws -> Change] = [
        "putThing": { .putThing(try Thing(json: $0.value("record"))) },
        "deleteThing": { .deleteThing(try $0.name("thing")) },
        "putThingType": { .putThingType(try ThingType(json: $0.value("record"))) },
        "deleteThingType": { .deleteThingType(try $0.name("thingType")) },
        "deleteThingGroup": { .deleteThingGroup(try $0.name("thingGroup")) },
        "putBillingGroup": { .putBillingGroup(try BillingGroup(json: $0.value("record"))) },
        "setBillingGroup": {
            .setBillingGroup(try $0.name("thing"), try $0.optionalName("billingGroup"))
        },
        "deleteBillingGroup": { .deleteBillingGroup(try $0.name("billingGroup")) },
        "putCertificateProvider": {
            .putCertificateProvider(try CertificateProvider(json: $0.value("record")))
        },
        "deleteCertificateProvider": {
            .deleteCertificateProvider(try $0.name("certificateProvider"))
        },
        "setTags": {
            .setTags(try TaggedResource(json: $0.value("resource")), try $0.map("tags"))
        },
        "putEventConfigurations": {
            .putEventConfigurations(try EventConfigurations(json: $0.value("record")))
        },
        "putIndexingConfiguration": {
            .putIndexingConfiguration(try IndexingConfiguration(json: $0.value("record")))
        },
        "putThingGroup": { .putThingGroup(try ThingGroup(json: $0.value("record"))) },
        "addThingToGroup": { .addThingToGroup(try $0.name("thing"), try $0.name("thingGroup")) },
        "removeThingFromGroup": {
            .removeThingFromGroup(try $0.name("thing"), try $0.name("thingGroup"))
        },
        "putCertificate": { .putCertificate(try Certificate(json: $0.value("record"))) },
        "setCertificateStatus": {
            .setCertificateStatus(
                try $0.id("certificate"), try $0.oneOf("status"),
                reason: try $0.optionalText("reason"), at: try $0.time("at"))
        },
        "setProvenance": {
            .setProvenance(
                try $0.id("certificate"), try Provenance(json: $0.value("provenance")))
        },
        "recordFirstSeen": {
            .recordFirstSeen(try $0.id("certificate"), at: try $0.time("at"))
        },
        "deleteCertificate": { .deleteCertificate(try $0.id("certificate")) },
        "putRevocation": { .putRevocation(try Revocation(json: $0.value("record"))) },
        "recordFinding": { .recordFinding(try EnrolmentFinding(json: $0.value("record"))) },
        "releaseHold": { .releaseHold(try $0.id("certificate")) },
        "noteKeyWeakness": {
            .noteKeyWeakness(
                try PublicKeyFingerprint($0.text("key")), try $0.oneOf("weakness"))
        },
        "putRenewal": { .putRenewal(try Renewal(json: $0.value("record"))) },
        "putPolicy": { .putPolicy(try Policy(json: $0.value("record"))) },
        "addPolicyVersion": {
            .addPolicyVersion(
                try $0.name("policy"), try Policy.Version(json: $0.value("version")),
                isDefault: try $0.flag("isDefault"))
        },
        "setDefaultPolicyVersion": {
            .setDefaultPolicyVersion(
                try $0.name("policy"), try $0.int("version"), at: try $0.time("at"))
        },
        "deletePolicyVersion": {
            .deletePolicyVersion(
                try $0.name("policy"), try $0.int("version"), at: try $0.time("at"))
        },
        "deletePolicy": { .deletePolicy(try $0.name("policy")) },
        "attachPolicy": {
            .attachPolicy(try $0.name("policy"), try PolicyTarget(json: $0.value("target")))
        },
        "detachPolicy": {
            .detachPolicy(try $0.name("policy"), try PolicyTarget(json: $0.value("target")))
        },
        "attachThingPrincipal": {
            .attachThingPrincipal(try ThingPrincipal(json: $0.value("record")))
        },
        "detachThingPrincipal": {
            .detachThingPrincipal(try $0.name("thing"), try $0.id("certificate"))
        },
        "putTemplate": { .putTemplate(try ProvisioningTemplate(json: $0.value("record"))) },
        "putTemplateVersion": {
            .putTemplateVersion(try TemplateVersion(json: $0.value("record")))
        },
        "deleteTemplate": { .deleteTemplate(try $0.name("template")) },
        "deleteTemplateVersion": {
            .deleteTemplateVersion(try $0.name("template"), try $0.int("version"))
        },
        "putHook": { .putHook(try HookScript(json: $0.value("record"))) },
        "putClaim": { .putClaim(try Claim(json: $0.value("record"))) },
        "putClaimTerms": { .putClaimTerms(try ClaimTerms(json: $0.value("record"))) },
        "spendClaim": { .spendClaim(try ClaimSpend(json: $0.value("record"))) },
        "setClaimSpent": { .setClaimSpent(try $0.name("claim"), try $0.int("units")) },
        "putAuthority": { .putAuthority(try Authority(json: $0.value("record"))) },
        "deleteClaim": { .deleteClaim(try $0.id("certificate")) },
        "deleteAuthority": { .deleteAuthority(try $0.id("authority")) },
        "putRegistrationCode": {
            .putRegistrationCode(try RegistrationCode(json: $0.value("record")))
        },
        "deleteRegistrationCode": { _ in .deleteRegistrationCode },
        "putOwnershipToken": {
            .putOwnershipToken(try OwnershipToken(json: $0.value("record")))
        },
        "redeemOwnershipToken": {
            .redeemOwnershipToken(
                OwnershipTokenHash(rawValue: try $0.text("token")),
                try OwnershipToken.Redemption(json: $0.value("redemption")))
        },
        "deleteOwnershipToken": {
            .deleteOwnershipToken(OwnershipTokenHash(rawValue: try $0.text("token")))
        },
        "putAccessKey": { .putAccessKey(try AccessKey(json: $0.value("record"))) },
        "deleteAccessKey": { .deleteAccessKey(try $0.name("accessKey")) },
        "putRole": { .putRole(try AccessRole(json: $0.value("record"))) },
        "deleteRole": { .deleteRole(try $0.name("role")) },
        "putRegistrationTask": {
            .putRegistrationTask(try RegistrationTask(json: $0.value("record")))
        },
        "setRegistrationTaskState": {
            .setRegistrationTaskState(
                try $0.presentResourceID("task"),
                try RegistrationTask.State(json: $0.value("state")))
        },
        "deleteRegistrationTask": { .deleteRegistrationTask(try $0.presentResourceID("task")) },
        "recordRegisteredLine": {
            .recordRegisteredLine(try RegisteredLine(json: $0.value("record")))
        },
        "forgetRegisteredLines": {
            .forgetRegisteredLines(try $0.presentResourceID("task"), through: try $0.int("through"))
        },
        "publishAllowlist": {
            .publishAllowlist(try AllowlistDraft(json: $0.value("draft")), at: try $0.time("at"))
        },
        "addAllowlistEntries": {
            .addAllowlistEntries(
                try $0.name("list"), try Self.serials($0), at: try $0.time("at"))
        },
        "removeAllowlistEntries": {
            .removeAllowlistEntries(
                try $0.name("list"), try Self.serials($0), at: try $0.time("at"))
        },
        "setAllowlistStanding": {
            .setAllowlistStanding(
                try $0.name("list"), try SerialNumber($0.text("serial")),
                try AllowlistStanding(json: $0.value("standing")))
        },
    ]

    init(json: JSONValue) throws {
        let fields = try JSONFields(json, "a change")
        guard let decode = Self.decoders[try fields.text("change")] else {
            throw DamagedRow("the audit log has a change that this release does not know")
        }
        self = try decode(fields)
    }

    private static func serials(_ fields: JSONFields) throws -> [SerialNumber] {
        try fields.array("serials").map { value in
            guard let serial = try? SerialNumber(value.stringValue ?? "") else {
                throw DamagedRow("the audit log has a serial number that is none")
            }
            return serial
        }
    }
}
