import Fleet
import TestSupport
import Testing

@testable import Registry

@Suite struct DynamicMembershipTests {
    private func group(_ name: String, _ query: String) -> ThingGroup {
        ThingGroup(
            name: ThingGroupName(checked: name), id: Samples.resourceID(1),
            createdAt: Samples.time,
            query: ThingGroup.DynamicQuery(
                indexName: "AWS_Things", queryString: query, queryVersion: QueryLimits.version,
                status: .active))
    }

    private func document(_ name: String, _ attributes: [String: String]) -> FleetDocument {
        FleetDocument(
            thing: Thing(
                name: ThingName(checked: name), id: Samples.resourceID(2), attributes: attributes,
                createdAt: Samples.time), groups: [ThingGroupName(checked: "site")])
    }

    @Test func aThingIsInTheGroupsWhoseQueriesFindIt() throws {
        let membership = try DynamicMembership([
            self.group("warm", "attributes.t>60"), self.group("here", "thingGroupNames:site"),
            self.group("none", "thingName:other"), Samples.group(1),
        ])
        let document = self.document("a", ["t": "61"])
        #expect(membership.groups(of: document).map(\.rawValue) == ["warm", "here"])
        #expect(
            membership.completing(document).groups.map(\.rawValue) == ["here", "site", "warm"])
    }

    /// Searching for a dynamic group finds those that the completed documents say are in it.
    @Test(arguments: [
        "thingGroupNames:warm", "thingGroupNames:w*", "NOT thingGroupNames:WARM",
        "thingGroupNames:(warm OR cold)", "warm", "-warm", "thingGroupNames:site AND warm",
        "thingGroupNames:*", "thingGroupNames>\"v\"", "attributes.t:61 OR cold",
    ])
    func anExpandedQueryFindsWhatTheCompletedDocumentsSay(text: String) throws {
        let membership = try DynamicMembership([
            self.group("warm", "attributes.t>60 OR attributes.hot:yes"),
            self.group("cold", "attributes.t<0"),
        ])
        let query = try FleetQuery.parse(text)
        let expanded = try membership.expanding(query)
        for attributes in [["t": "61"], ["t": "-5"], ["t": "10"], ["hot": "yes"], [:]] {
            let document = self.document("a", attributes)
            #expect(
                expanded.matches(document) == query.matches(membership.completing(document)),
                "\(text) \(attributes)")
        }
    }

    @Test func aQueryThatNamesTooManyGroupsIsRefused() throws {
        let long = Array(repeating: "a", count: QueryLimits.termsMax).joined(separator: " OR ")
        let membership = try DynamicMembership((0..<6).map { self.group("g\($0)", long) })
        _ = try membership.expanding(try FleetQuery.parse("thingGroupNames:g1"))
        let error = #expect(throws: FleetError.self) {
            try membership.expanding(try FleetQuery.parse("thingGroupNames:g*"))
        }
        #expect(error?.code == .invalidQuery)
    }

    @Test func aQueryThatCannotBeReadIsNoEmptyGroup() {
        let error = #expect(throws: FleetError.self) {
            try DynamicMembership([self.group("old", "shadow.x:1")])
        }
        #expect(error?.code == .internalFailure)
        #expect(error?.message.contains("'old'") == true)
    }
}
