import Fleet
import JSON
import TestSupport
import Testing

@testable import SQLiteStorage

@Suite struct ChangeJSONTests {
    private static let changes: [Change] =
        StorageConformance.everyRecord.map(\.2) + [
            .deleteThing(Samples.thingName(1)),
            .addThingToGroup(Samples.thingName(1), Samples.groupName(2)),
            .removeThingFromGroup(Samples.thingName(1), Samples.groupName(2)),
            .setCertificateStatus(
                Samples.certificateID(1), .revoked, reason: "stolen", at: Samples.time),
            .setCertificateStatus(Samples.certificateID(1), .active, reason: nil, at: Samples.time),
            .setProvenance(Samples.certificateID(1), Samples.provenance(1, registered: true)),
            .recordFirstSeen(Samples.certificateID(1), at: Samples.time),
            .deleteCertificate(Samples.certificateID(1)), .deletePolicy(Samples.policyName(1)),
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
        for key in object.keys where key != "reason" {
            var spoilt = object
            spoilt[key] = nil
            #expect(throws: (any Error).self) { try Change(json: .object(spoilt)) }
        }
    }

    @Test(arguments: [#"{}"#, #"{"change":"formatDisk"}"#, #"[]"#, #"{"change":7}"#])
    func whatIsNoChangeIsRefused(text: String) throws {
        let value = try JSONParser.parse(text)
        #expect(throws: DamagedRow.self) { try Change(json: value) }
    }
}
