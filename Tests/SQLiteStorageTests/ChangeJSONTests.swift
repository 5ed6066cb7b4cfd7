import Fleet
import JSON
import TestSupport
import Testing

@testable import SQLiteStorage

@Suite struct ChangeJSONTests {
    private static let changes: [Change] =
        StorageConformance.everyRecord.map(\.2) + [
            .deleteThing(Samples.thingName(1)), .deleteThingType(Samples.typeName(1)),
            .deleteThingGroup(Samples.groupName(1)),
            .deleteBillingGroup(Samples.billingGroupName(1)),
            .deleteCertificateProvider(Samples.providerName(1)),
            .putCertificateProvider(Samples.provider(0)),
            .setBillingGroup(Samples.thingName(1), Samples.billingGroupName(1)),
            .setBillingGroup(Samples.thingName(1), nil),
            .setTags(.authority(Samples.certificateID(1)), [:]),
            .setTags(.certificateProvider(CertificateProviderName(checked: "p")), ["a": "b"]),
            .deleteTemplate(TemplateName(checked: "line")),
            .deleteTemplateVersion(TemplateName(checked: "line"), 3),
            .deleteClaim(Samples.certificateID(1)), .deleteAuthority(Samples.certificateID(1)),
            .setAllowlistStanding(Samples.listName, Samples.serial(1), Samples.standing),
            .spendClaim(Samples.spend(1, at: 0)), .deleteRegistrationCode,
            .setClaimSpent(ClaimName(checked: "line"), 7),
            .deleteAccessKey(Samples.accessKeyID(1)),
            .deleteRole(Samples.role.name),
            .deleteRegistrationCode, .deleteRegistrationTask(Samples.taskID(1)),
            .setRegistrationTaskState(
                Samples.taskID(1), Samples.taskState(3, status: .cancelling)),
            .forgetRegisteredLines(Samples.taskID(1), through: 7),
            .addThingToGroup(Samples.thingName(1), Samples.groupName(2)),
            .removeThingFromGroup(Samples.thingName(1), Samples.groupName(2)),
            .setCertificateStatus(
                Samples.certificateID(1), .revoked, reason: "stolen", at: Samples.time),
            .setCertificateStatus(Samples.certificateID(1), .active, reason: nil, at: Samples.time),
            .setProvenance(Samples.certificateID(1), Samples.provenance(1, registered: true)),
            .recordFirstSeen(Samples.certificateID(1), at: Samples.time),
            .putRevocation(
                Revocation(of: Samples.certificate(1), .keyCompromise, at: Samples.time)),
            .releaseHold(Samples.certificateID(1)),
            .recordFinding(Samples.finding(1, .clone, .hold)),
            .recordFinding(Samples.finding(2, .retry, .replace)),
            .noteKeyWeakness(Samples.fingerprint(1), .sharedFactor),
            .putRenewal(Samples.renewal(1, by: 2)),
            .putRenewal(Samples.renewal(1, by: 2, settled: true)),
            .deleteCertificate(Samples.certificateID(1)), .deletePolicy(Samples.policyName(1)),
            .addPolicyVersion(
                Samples.policyName(1),
                Policy.Version(id: 7, document: "{}", createdAt: Samples.time), isDefault: true),
            .setDefaultPolicyVersion(Samples.policyName(1), 3, at: Samples.time),
            .deletePolicyVersion(Samples.policyName(1), 3, at: Samples.time),
            .attachPolicy(Samples.policyName(1), .certificate(Samples.certificateID(1))),
            .attachPolicy(Samples.policyName(1), .thingGroup(Samples.groupName(1))),
            .detachPolicy(Samples.policyName(1), .thingGroup(Samples.groupName(1))),
            .attachThingPrincipal(Samples.principal(1, 2, .exclusive)),
            .detachThingPrincipal(Samples.thingName(1), Samples.certificateID(2)),
            .redeemOwnershipToken(Samples.tokenHash(1), Samples.redemption(1)),
            .deleteOwnershipToken(Samples.tokenHash(1)),
            .publishAllowlist(
                AllowlistDraft(
                    list: Samples.listName, mode: .replace, version: 4, baseVersion: nil),
                at: Samples.time),
            .addAllowlistEntries(Samples.listName, [Samples.serial(1)], at: Samples.time),
            .removeAllowlistEntries(Samples.listName, [], at: Samples.time),
        ]

    @Test(arguments: Self.changes)
    func everyChangeReadsBackEqual(_ change: Change) throws {
        let text = JSONPrinter.print(change.json)
        #expect(try Change(json: JSONParser.parse(text)) == change, "\(text)")
    }

    @Test(arguments: Self.changes)
    func aChangeWithoutAnyOneMemberIsRefusedOrStaysWhole(_ change: Change) throws {
        let object = try #require(change.json.objectValue)
        for key in object.keys where key != "reason" && key != "billingGroup" {
            var spoilt = object
            spoilt[key] = nil
            #expect(throws: (any Error).self) { try Change(json: .object(spoilt)) }
        }
    }

    /// What the first release wrote still reads, with the id that is nobody's.
    @Test func recordsFromBeforeThereWereIDsStillRead() throws {
        let thing =
            #"{"name":"t","attributes":{"a":"b"},"billingGroup":"g","version":2,"#
            + #""createdAt":1}"#
        let group = #"{"name":"g","parent":"p","createdAt":1}"#
        let type = #"{"name":"y","createdAt":1,"deprecatedAt":2}"#
        let name = ThingName(checked: "t")
        #expect(
            try Change(json: JSONParser.parse(#"{"change":"putThing","record":\#(thing)}"#))
                == .putThing(
                    Thing(
                        name: name, id: .unknown, attributes: ["a": "b"],
                        billingGroup: BillingGroupName(checked: "g"), version: 2,
                        createdAt: UnixTime(milliseconds: 1))))
        #expect(
            try Change(json: JSONParser.parse(#"{"change":"putThingGroup","record":\#(group)}"#))
                == .putThingGroup(
                    ThingGroup(
                        name: ThingGroupName(checked: "g"), id: .unknown,
                        ancestors: [ThingGroupName(checked: "p")],
                        createdAt: UnixTime(milliseconds: 1))))
        #expect(
            try Change(json: JSONParser.parse(#"{"change":"putThingType","record":\#(type)}"#))
                == .putThingType(
                    ThingType(
                        name: ThingTypeName(checked: "y"), id: .unknown,
                        createdAt: UnixTime(milliseconds: 1),
                        deprecatedAt: UnixTime(milliseconds: 2))))
    }

    @Test(arguments: [#"{}"#, #"{"change":"formatDisk"}"#, #"[]"#, #"{"change":7}"#])
    func whatIsNoChangeIsRefused(text: String) throws {
        let value = try JSONParser.parse(text)
        #expect(throws: DamagedRow.self) { try Change(json: value) }
    }
}
