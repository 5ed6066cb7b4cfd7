import Fleet
import HTTPTypes
import Policies
import Registry
import TestSupport
import Testing

@testable import ControlPlane

/// The built-in roles against the table of operations: a new row is judged here before anybody
/// calls it.
@Suite struct RoleTableTests {
    /// What reads though its method does not say so.
    private static let readsByPost: Set<String> = [
        "ListAttachedPolicies", "ListTargetsForPolicy", "GetEffectivePolicies",
        "TestAuthorization", "SearchIndex", "GetStatistics", "GetCardinality", "GetPercentiles",
        "GetBucketsAggregation", "GetThingConnectivityData",
        "DryRunProvisioningTemplate",
    ]

    private static func allows(_ role: BuiltInRole, _ operation: ControlPlane.Operation) -> Bool {
        Rights([role.name], custom: [:]).decide(
            operation.action, on: .everything,
            Rights.Circumstances(
                user: UserName(checked: "alice"), sourceAddress: nil, now: ManualClock.start)
        ).isAllowed
    }

    /// The first call of GetRegistrationCode makes the code.
    private static func isRead(_ operation: ControlPlane.Operation) -> Bool {
        operation.method == .get
            ? operation.name != "GetRegistrationCode" : Self.readsByPost.contains(operation.name)
    }

    @Test func anAdministratorMayDoEverything() {
        for operation in OperationTable.all {
            #expect(Self.allows(.administrator, operation), "\(operation.action)")
        }
    }

    @Test(arguments: [BuiltInRole.auditor, .securityOfficer])
    func everythingCanBeReadByThoseWhoLookAfterIt(role: BuiltInRole) {
        for operation in OperationTable.all where Self.isRead(operation) {
            #expect(Self.allows(role, operation), "\(operation.action)")
        }
    }

    @Test func anAuditorChangesNothing() {
        for operation in OperationTable.all where !Self.isRead(operation) {
            #expect(!Self.allows(.auditor, operation), "\(operation.action)")
        }
    }

    /// A document can speak of single allowlists, claims and tasks, and the audit log can name
    /// them, since a row whose path names something asks for rights upon just that.
    @Test func whatAPathNamesIsWhatRightsAreAskedFor() {
        for operation in OperationTable.all where operation.path.text.contains("{") {
            let labels = operation.path.text.split(separator: "/").filter { $0.hasPrefix("{") }
                .map { (String($0.dropFirst().dropLast()), "x") }
            let request = OperationRequest(
                actor: AccessFixture.local,
                labels: Dictionary(labels, uniquingKeysWith: { first, _ in first }))
            // Where "x" is no name of that kind, the row has looked at it.
            let target = try? operation.target(request, .standard)
            #expect(target != .everything, "\(operation.action)")
        }
    }

    /// Whoever may hand out rights may have them all.
    @Test(arguments: BuiltInRole.allCases.filter { $0 != .administrator })
    func onlyAnAdministratorHandsOutRights(role: BuiltInRole) throws {
        for name in [
            "CreateAccessKey", "RotateAccessKey", "SetAccessKeyRoles", "CreateSession", "PutRole",
            "DeleteRole",
        ] {
            let operation = try #require(OperationTable.operation(name))
            #expect(!Self.allows(role, operation), "\(operation.action)")
        }
    }
}
