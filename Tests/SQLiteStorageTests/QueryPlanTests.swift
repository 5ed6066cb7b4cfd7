import Fleet
import GRDB
import Synchronization
import TestSupport
import Testing

@testable import SQLiteStorage

/// That what is asked of a large fleet is answered along an index: a scan or a sort would cost as
/// much as the fleet is large.
@Suite struct QueryPlanTests {
    private static let after = [
        "thing-1", "thing-1|SN-1", "1000|7", "ab|7", "ab|1000|7", "ab|1000|cd", "1000|cd",
        "thing-1|/group-0/", "1000:thing-1", "cert|00", "group|g", "2",
    ]

    private static let attribute = ThingFilter.Attribute(name: "serial", value: "SN-1")
    private static let prefix = ThingFilter.Attribute(
        name: "serial", value: "SN-", isPrefix: true)
    private static let type = ThingTypeName(checked: "sensor")
    private static let group = Samples.groupName(0)

    static let subjects: [ListQuery.Subject] = [
        .things, .thingTypes, .certificates, .policies, .templates, .hooks, .claims, .authorities,
        .allowlists, .thingsWhere(ThingFilter(typeName: Self.type)),
        .thingsWhere(ThingFilter(attribute: Self.attribute)),
        .thingsWhere(ThingFilter(attribute: Self.prefix)),
        .thingsWhere(ThingFilter(typeName: Self.type, attribute: Self.prefix)),
        .thingGroups(ThingGroupFilter()), .thingGroups(ThingGroupFilter(.roots, prefix: "g")),
        .thingGroups(ThingGroupFilter(.children(of: Self.group))),
        .thingGroups(ThingGroupFilter(.descendants(of: Self.group), prefix: "g")),
        .thingsInGroup(Self.group, recursive: false), .thingsInGroup(Self.group, recursive: true),
        .groupsOfThing(Samples.thingName(1)), .billingGroups(prefix: "b"),
        .thingsInBillingGroup(Samples.billingGroupName(0)),
        .principalsOfThing(Samples.thingName(1), .exclusive),
        .thingsOfCertificate(Samples.certificateID(1), nil), .policiesByCreation(.ascending),
        .policiesByCreation(.descending), .policiesOfTarget(.thingGroup(Self.group)),
        .policiesOfTarget(.certificate(Samples.certificateID(1))),
        .targetsOfPolicy(Samples.policyName(1)),
        .principalsOfPolicy(Samples.policyName(1), .ascending),
        .principalsOfPolicy(Samples.policyName(1), .descending),
        .certificatesByCreation(.ascending), .certificatesByCreation(.descending),
        .certificatesOfIssuer(Samples.certificateID(900), .ascending),
        .certificatesOfIssuer(Samples.certificateID(900), .descending),
        .temporaryClaimsEnded(before: Samples.time),
        .enrolmentFindings(nil), .enrolmentFindings(.clone), .enrolmentsHeld,
        .certificatesWhere(CertificateFilter([.key("0123abcd")])),
        .certificatesWhere(CertificateFilter([.weakness(.roca)])),
        .certificatesWhere(CertificateFilter([.claim(Samples.certificateID(1))])),
        .certificatesWhere(
            CertificateFilter([.lot("L"), .issued(Samples.time, Samples.time), .status(.active)])),
        .certificatesWhere(CertificateFilter([.station("S"), .version(2)])),
        .certificatesWhere(CertificateFilter([.hook("0123abcd")])),
        .certificatesWhere(CertificateFilter([.group(Self.group)])),
        .certificatesWhere(CertificateFilter([.template(TemplateName(checked: "line"))])),
        .certificatesWhere(CertificateFilter([.issued(Samples.time, Samples.time)])),
        .certificatesWhere(CertificateFilter([.issuer("0123abcd")])),
        .certificatesWhere(CertificateFilter([.kind(.claim)])),
        .certificatesUnproven(lot: nil), .certificatesUnproven(lot: "L"), .renewalsOpen,
        .authoritiesByCreation(.descending, template: nil),
        .authoritiesByCreation(.ascending, template: TemplateName(checked: "line")),
        .versionsOfTemplate(TemplateName(checked: "line")),
        .versionsOfHook(HookName(checked: "allowlist")),
        .allowlistEntries(Samples.listName), .ownershipTokensExpired(before: Samples.time),
        .allowlistUnits(Samples.listName), .allowlistVersions(Samples.listName),
        .allowlistHistory(Samples.listName, Samples.serial(1)), .commits, .claimTerms,
        .claimHours(Samples.claimTerms.name),
    ]

    /// Runs `body` on an empty fleet and returns the plan of every statement it ran.
    private func plans(_ body: (Database) throws -> Void) throws -> [(sql: String, plan: String)] {
        let queue = try DatabaseQueue()
        return try queue.writeWithoutTransaction { db in
            for step in Schema.steps { try db.execute(sql: step) }
            let statements = Mutex<[String]>([])
            db.trace { event in
                // What a trigger runs is announced as a comment, which has no plan of its own.
                if case .statement(let statement) = event,
                    !statement.expandedSQL.hasPrefix("--")
                {
                    statements.withLock { $0.append(statement.expandedSQL) }
                }
            }
            try body(db)
            db.trace(options: [])
            return try statements.withLock { $0 }.map { sql in
                let steps = try Row.fetchAll(db, sql: "EXPLAIN QUERY PLAN \(sql)")
                return (sql, steps.map { $0["detail"] as String }.joined(separator: "; "))
            }
        }
    }

    /// - Parameter sorts: whether what a look-up found, which is few, may be sorted.
    private func expectIndexed(_ plans: [(sql: String, plan: String)], sorts: Bool = false) {
        #expect(!plans.isEmpty)
        for (sql, plan) in plans where !sql.hasPrefix("INSERT") {
            #expect(sorts || !plan.contains("TEMP B-TREE"), "\(plan): \(sql)")
            // A scan along an index, with a limit, ends at the limit; and the index of dynamic
            // groups holds nothing else, of which there are a hundred at most.
            let isBounded =
                sql.contains("LIMIT") && plan.contains("USING")
                || plan.hasSuffix("INDEX thing_groups_dynamic")
            #expect(!plan.contains("SCAN") || isBounded, "\(plan): \(sql)")
        }
    }

    @Test(arguments: Self.subjects)
    func everyListingRunsAlongAnIndex(_ subject: ListQuery.Subject) throws {
        self.expectIndexed(try self.plans { _ = try ListPages(db: $0).page(ListQuery(subject)) })
        for after in Self.after {
            let plans = try self.plans { db in
                // A place of another listing is refused before anything is read.
                _ = try? ListPages(db: db).page(ListQuery(subject, after: after))
            }
            if !plans.isEmpty { self.expectIndexed(plans) }
        }
    }

    @Test(arguments: StorageConformance.everyKey)
    func everyKeyIsFoundByAnIndex(_ key: RecordKey) throws {
        self.expectIndexed(
            try self.plans { _ = try RecordLoader(db: $0).entry(key) }, sorts: true)
        self.expectIndexed(
            try self.plans { _ = try? RecordLoader(db: $0).check(.present(key)) }, sorts: true)
    }

    @Test(arguments: StorageConformance.everyRecord.map(\.2) + QueryPlanTests.deletions)
    func everyChangeFindsItsRowsByAnIndex(_ change: Change) throws {
        self.expectIndexed(
            try self.plans { db in
                // One that needs a record that is not there still says how it would look for it.
                try? ChangeWriter(db: db, revision: 1).apply(change)
            })
    }

    private static let deletions: [Change] = [
        .setBillingGroup(Samples.thingName(1), nil), .deleteThing(Samples.thingName(1)),
        .deleteThingType(Samples.typeName(1)),
        .deleteThingGroup(Samples.groupName(1)),
        .deleteBillingGroup(Samples.billingGroupName(1)),
        .deleteCertificateProvider(Samples.providerName(1)),
        .removeThingFromGroup(Samples.thingName(1), Samples.groupName(1)),
        .deleteCertificate(Samples.certificateID(1)), .deletePolicy(Samples.policyName(1)),
        .deleteAuthority(Samples.certificateID(1)),
        .deleteTemplate(TemplateName(checked: "line")),
    ]

    /// What foreign keys take along is found by an index as well, which no plan shows.
    @Test func everyForeignKeyIsIndexed() throws {
        let queue = try DatabaseQueue()
        try queue.writeWithoutTransaction { db in
            for step in Schema.steps { try db.execute(sql: step) }
            let tables = try String.fetchAll(
                db, sql: "SELECT name FROM sqlite_schema WHERE type = 'table'")
            for table in tables {
                for key in try db.foreignKeys(on: table) {
                    let column = try #require(key.originColumns.first)
                    let plan = try Row.fetchAll(
                        db,
                        sql: """
                            EXPLAIN QUERY PLAN SELECT 1 FROM \(table) WHERE \(column) = 'x'
                            """
                    ).map { $0["detail"] as String }.joined()
                    #expect(plan.contains("SEARCH"), "\(table).\(column): \(plan)")
                }
            }
        }
    }
}
