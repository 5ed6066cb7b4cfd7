import Fleet
import JSON
import Provisioning
import Registry
import TestSupport
import Testing

/// The table of OverrideSettings, cell by cell (Documentation/templates.md): what a template says
/// of a property, which key says what becomes of it, and what is there before.
@Suite struct OverrideTableTests {
    enum Property: String, CaseIterable, Sendable {
        case attributes = "AttributePayload"
        case type = "ThingTypeName"
        case groups = "ThingGroups"

        /// AWS's guide spells each key in two ways.
        var keys: [String] {
            switch self {
            case .attributes: ["AttributePayload", "ATTRIBUTE_PAYLOAD"]
            case .type: ["ThingTypeName", "THING_TYPE_NAME"]
            case .groups: ["ThingGroups", "THING_GROUPS"]
            }
        }

        /// What the template says of it.
        var stated: String {
            switch self {
            case .attributes: #""AttributePayload": {"a": "new"}"#
            case .type: #""ThingTypeName": "new""#
            case .groups: #""ThingGroups": ["new"]"#
            }
        }
    }

    enum Before: String, CaseIterable, Sendable {
        case newThing = "a new thing"
        /// And has more beside.
        case alreadySo = "a thing that is so already"
        case different = "a thing that differs"
        case without = "a thing without"
    }

    /// What the thing has in the end: `attributes`, or the type, or groups, as sorted text.
    enum Outcome: Hashable, Sendable {
        case has(String)
        case conflict
        /// The template is refused when it is read.
        case unreadable
    }

    struct Cell: Sendable, CustomTestStringConvertible {
        let property: Property
        /// nil where the template is silent.
        let setting: String?
        let key: String
        let before: Before

        var testDescription: String {
            "\(self.key): \(self.setting ?? "silent"), \(self.before.rawValue)"
        }
    }

    static let cells: [Cell] = Property.allCases.flatMap { property in
        Before.allCases.flatMap { before -> [Cell] in
            let silent = Cell(
                property: property, setting: nil, key: property.rawValue, before: before)
            return [silent]
                + property.keys.flatMap { key in
                    ["DO_NOTHING", "REPLACE", "MERGE", "FAIL"].map {
                        Cell(property: property, setting: $0, key: key, before: before)
                    }
                }
        }
    }

    /// Literally the table.
    static func expected(_ cell: Cell) -> Outcome {
        if cell.property == .type, cell.setting == "MERGE" { return .unreadable }
        // With what is beside it, where there is such a thing.
        let kept = cell.property == .type ? "new" : "kept new"
        switch (cell.before, cell.setting) {
        case (.newThing, _): return .has("new")
        case (_, "FAIL"): return .conflict
        case (.alreadySo, "REPLACE"): return .has("new")
        case (.alreadySo, _): return .has(kept)
        case (.different, nil), (.without, nil): return .conflict
        case (.different, "DO_NOTHING"):
            return .has(cell.property == .type ? "old" : "kept old")
        case (.different, "MERGE"):
            // An attribute has one value, and a thing can be in many groups.
            return .has(cell.property == .groups ? "kept new old" : "kept new")
        case (.without, "DO_NOTHING"): return .has("")
        default: return .has("new")
        }
    }

    private let fixture = PlanFixture()

    private func registry(_ cell: Cell) -> [Change] {
        let known = self.fixture.types("old", "new") + self.fixture.groups("old", "new", "kept")
        switch (cell.before, cell.property) {
        case (.newThing, _): return known
        case (.without, _): return known + [self.fixture.thing()]
        case (.alreadySo, .attributes):
            return known + [self.fixture.thing(["a": "new", "b": "kept"])]
        case (.different, .attributes):
            return known + [self.fixture.thing(["a": "old", "b": "kept"])]
        case (.alreadySo, .type): return known + [self.fixture.thing(type: "new")]
        case (.different, .type): return known + [self.fixture.thing(type: "old")]
        case (.alreadySo, .groups):
            return known + [self.fixture.thing()] + self.fixture.members(of: "new", "kept")
        case (.different, .groups):
            return known + [self.fixture.thing()] + self.fixture.members(of: "old", "kept")
        }
    }

    private func found(_ plan: ProvisioningPlan, _ cell: Cell) -> String {
        let values: [String]
        switch cell.property {
        case .attributes: values = Array(plan.thing.attributes.values)
        case .type: values = plan.thing.typeName.map { [$0.rawValue] } ?? []
        case .groups:
            var groups = Set<String>()
            switch cell.before {
            case .newThing, .without: break
            case .alreadySo: groups = ["new", "kept"]
            case .different: groups = ["old", "kept"]
            }
            groups.formUnion(plan.groupsAdded.map(\.rawValue))
            groups.subtract(plan.groupsRemoved.map(\.rawValue))
            values = Array(groups)
        }
        return values.sorted().joined(separator: " ")
    }

    @Test(arguments: Self.cells)
    func everyCellIsAsTheTableSays(_ cell: Cell) async throws {
        let body = template(
            thing: #"{"ThingName": "t", \#(cell.property.stated)}"#,
            overrides: cell.setting.map { #"{"\#(cell.key)": "\#($0)"}"# })
        let expected = Self.expected(cell)
        guard TemplateChecker.check(body).document != nil else {
            #expect(expected == .unreadable)
            return
        }
        do {
            let plan = try await self.fixture.plan(body, after: self.registry(cell))
            #expect(expected == .has(self.found(plan, cell)))
            let isSame = plan.thing == plan.thingBefore
            #expect(plan.thing.version == (plan.thingBefore == nil ? 1 : isSame ? 4 : 5))
        } catch {
            #expect((error as? FleetError)?.code == .resourceConflict)
            #expect(expected == .conflict)
        }
    }

    @Test func theTableHasEveryCell() {
        // Three properties, four states before, silence and four settings under two keys.
        #expect(Self.cells.count == 3 * 4 * (1 + 4 * 2))
    }

    @Test(arguments: Property.allCases)
    func bothSpellingsAtOnceAreRefused(_ property: Property) {
        let keys = property.keys.map { #""\#($0)": "REPLACE""# }.joined(separator: ", ")
        let found = TemplateChecker.check(
            template(
                thing: #"{"ThingName": "t", \#(property.stated)}"#, overrides: "{\(keys)}")
        ).findings
        #expect(found.contains { $0.message.contains("is set twice") }, "\(found)")
    }

    /// Nothing that is written down is not the same as nothing said.
    @Test func replacingByNothingTakesAway() async throws {
        let there =
            self.fixture.groups("old") + [self.fixture.thing(["a": "old"])]
            + self.fixture.members(of: "old")
        let stated = try await self.fixture.plan(
            template(
                thing: #"{"ThingName": "t", "AttributePayload": {}, "ThingGroups": []}"#,
                overrides: #"{"AttributePayload": "REPLACE", "ThingGroups": "REPLACE"}"#),
            after: there)
        #expect(stated.thing.attributes.isEmpty)
        #expect(stated.groupsRemoved.map(\.rawValue) == ["old"])
        let silent = try await self.fixture.plan(
            template(
                overrides: #"{"AttributePayload": "REPLACE", "ThingGroups": "REPLACE"}"#),
            after: there)
        #expect(silent.thing == silent.thingBefore)
        #expect(silent.groupsRemoved.isEmpty)
    }

    /// A thing that only changes its groups is no thing that stays as it was.
    @Test func movingBetweenGroupsIsAnUpdate() async throws {
        let plan = try await self.fixture.plan(
            template(
                thing: #"{"ThingName": "t", "ThingGroups": ["new"]}"#,
                overrides: #"{"ThingGroups": "REPLACE"}"#),
            after: self.fixture.groups("old", "new") + [self.fixture.thing()]
                + self.fixture.members(of: "old"))
        #expect(PlanPrinter.json(plan)["thing"]?["outcome"] == "updated")
    }

    // MARK: The certificate's status

    enum Held: String, CaseIterable, Sendable {
        case free = "a certificate that was nobody's"
        case attached = "a certificate that was somebody's"
    }

    struct StatusCell: Sendable, CustomTestStringConvertible {
        /// What the template says; AWS: left out, it is ACTIVE.
        let stated: Certificate.Status?
        let setting: String?
        let before: Certificate.Status
        let held: Held

        var testDescription: String {
            "Status \(self.stated?.rawValue ?? "left out"): \(self.setting ?? "silent"), "
                + "\(self.before.rawValue), \(self.held.rawValue)"
        }

        /// nil is a conflict.
        var expected: Certificate.Status? {
            let wanted = self.stated ?? .active
            if self.before == wanted { return wanted }
            switch self.setting {
            case "DO_NOTHING": return self.before
            case "REPLACE": return wanted
            case nil: return self.held == .free ? wanted : nil
            default: return nil
            }
        }

        var certificate: String {
            guard let stated = self.stated else { return Source.existing }
            return String(Source.existing.dropLast()) + #", "Status": "\#(stated.rawValue)"}"#
        }
    }

    static let statusCells: [StatusCell] = {
        let stated: [Certificate.Status?] = [nil, .active, .inactive]
        let settings: [String?] = [nil, "DO_NOTHING", "REPLACE", "FAIL"]
        let statuses: [Certificate.Status] = [.active, .inactive]
        var cells: [StatusCell] = []
        for stated in stated {
            for held in Held.allCases {
                for before in statuses {
                    cells += settings.map {
                        StatusCell(stated: stated, setting: $0, before: before, held: held)
                    }
                }
            }
        }
        return cells
    }()

    @Test(arguments: Self.statusCells)
    func everyCellOfTheStatusIsAsTheTableSays(_ cell: StatusCell) async throws {
        let fixture = DirectFixture()
        let id = try await fixture.made(1, status: cell.before)
        let parameters = ["Name": "lamp", "AWS::IoT::Certificate::Id": id.rawValue]
        if cell.held == .attached {
            _ = try await fixture.register(
                orderTemplate(
                    certificate: Source.existing, overrides: #"{"Status": "DO_NOTHING"}"#),
                parameters)
        }
        let body = orderTemplate(
            certificate: cell.certificate,
            overrides: cell.setting.map { #"{"Status": "\#($0)"}"# })
        let refusal = await fixture.refusal(body, parameters)
        #expect((refusal == nil) == (cell.expected != nil), "\(String(describing: refusal))")
        #expect(fixture.certificate(id)?.status == cell.expected ?? cell.before)
    }

    @Test(arguments: ["MERGE", "merge", "SOMETIMES"])
    func aStatusHasNoSuchSetting(_ setting: String) {
        let found = TemplateChecker.check(
            orderTemplate(certificate: Source.existing, overrides: #"{"Status": "\#(setting)"}"#),
            for: .direct
        ).findings
        #expect(found.count == 1, "\(found)")
    }
}
