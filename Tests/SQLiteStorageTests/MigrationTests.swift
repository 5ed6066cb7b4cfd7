import Fleet
import GRDB
import TestSupport
import Testing

@testable import SQLiteStorage

/// A database of the first release, opened by this one.
@Suite struct MigrationTests {
    private func firstRelease(at path: String) throws {
        let queue = try DatabaseQueue(path: path)
        try queue.writeWithoutTransaction { db in
            try db.execute(sql: Schema.steps[0])
            try db.execute(
                sql: """
                    INSERT INTO thing_types VALUES ('pump', 5, NULL, 1);
                    INSERT INTO things VALUES
                        ('t1', 'pump', '{"site":"a","lot":"7"}', 'north', 3, 10, 1),
                        ('t2', NULL, '{}', 'north', 1, 8, 1), ('t3', NULL, '{}', NULL, 1, 9, 1);
                    INSERT INTO thing_groups VALUES
                        ('root', NULL, 1, 1), ('hall', 'root', 2, 1), ('line', 'hall', 3, 1);
                    INSERT INTO group_members VALUES ('t1', 'line');
                    INSERT INTO templates VALUES ('line', 'FLEET_PROVISIONING', '', 1, 1, 1, NULL,
                        1, 1, 1);
                    INSERT INTO policies VALUES ('p', 2, 11, 1), ('q', 1, 12, 1);
                    INSERT INTO policy_versions VALUES
                        ('p', 0, 1, '{}', 11), ('p', 1, 2, '{}', 13), ('p', 2, 3, '{}', 14),
                        ('q', 0, 1, '{}', 12);
                    PRAGMA user_version = 1;
                    PRAGMA application_id = \(Schema.applicationID);
                    """)
        }
        try queue.close()
    }

    @Test func thingsAndGroupsOfTheFirstReleaseGainWhatTheyLacked() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("fleet.db")
        try self.firstRelease(at: path)
        let store = try SQLiteFleetStore.open(path: path, mode: .exclusive, clock: ManualClock())
        let names = ["t1", "t2", "t3"].map { ThingName(checked: $0) }
        let north = BillingGroupName(checked: "north")
        let line = ThingGroupName(checked: "line")
        let view = try await store.load(
            Set(names.map { RecordKey.thing($0) }).union([
                .billingGroup(north), .thingGroup(line), .thingType(ThingTypeName(checked: "pump")),
                .groupRecordsOfThing(names[0]),
            ]))
        let ids = names.compactMap { view.thing($0)?.id }
        #expect(Set(ids).count == 3)
        for id in ids {
            #expect(id.rawValue.dropFirst(14).first == "4")
            #expect("89ab".contains(id.rawValue.dropFirst(19).prefix(1)))
        }
        #expect(view.thing(names[0])?.billingGroup == north)
        #expect(view.thing(names[0])?.attributes == ["site": "a", "lot": "7"])
        #expect(view.billingGroup(north)?.createdAt == UnixTime(milliseconds: 8))
        #expect(
            view.thingGroup(line)?.ancestors
                == ["root", "hall"].map { ThingGroupName(checked: $0) })
        #expect(view.groupRecordsOfThing(names[0]).map(\.name) == [line])
        #expect(view.thingType(ThingTypeName(checked: "pump"))?.searchableAttributes == [])
        let filter = ThingFilter(attribute: ThingFilter.Attribute(name: "lot", value: "7"))
        let found = try await store.page(ListQuery(.thingsWhere(filter)))
        #expect(found.records == [view.thing(names[0])].compactMap { $0 }.map { .thing($0) })
        #expect(try await store.checkIntegrity() == [])
        await store.close()
    }

    @Test func policiesOfTheFirstReleaseGainTheirHistory() async throws {
        let folder = try TemporaryFolder()
        let path = folder.file("fleet.db")
        try self.firstRelease(at: path)
        let store = try SQLiteFleetStore.open(path: path, mode: .exclusive, clock: ManualClock())
        let (p, q) = (PolicyName(checked: "p"), PolicyName(checked: "q"))
        let view = try await store.load([.policy(p), .policy(q)])
        #expect(view.policy(p)?.latestVersionID == 3)
        #expect(view.policy(p)?.defaultVersionID == 2)
        #expect(view.policy(p)?.lastModifiedAt == UnixTime(milliseconds: 14))
        #expect(view.policy(q)?.latestVersionID == 1)
        #expect(view.policy(q)?.lastModifiedAt == UnixTime(milliseconds: 12))
        await store.close()
    }

    @Test func everyReleasesDatabaseEndsInTheSameSchema() throws {
        func schema(_ queue: DatabaseQueue) throws -> [String] {
            try queue.read { db in
                try String.fetchAll(
                    db, sql: "SELECT ifnull(sql, name) FROM sqlite_schema ORDER BY name")
            }
        }
        let new = try DatabaseQueue()
        try new.writeWithoutTransaction { db in
            for step in Schema.steps { try db.execute(sql: step) }
        }
        let folder = try TemporaryFolder()
        let path = folder.file("fleet.db")
        try self.firstRelease(at: path)
        let old = try DatabaseQueue(path: path)
        try old.writeWithoutTransaction { try Migrations.run($0, path: path) }
        #expect(try schema(old) == schema(new))
    }
}
