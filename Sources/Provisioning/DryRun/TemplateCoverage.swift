import Fleet
package import JSON

/// What of a template its tests have gone through, and what they never have.
package struct TemplateCoverage: Sendable {
    /// One thing that a test could exercise.
    package struct Item: Hashable, Sendable, Comparable {
        package let kind: String
        package let name: String

        package static func < (left: Item, right: Item) -> Bool {
            (left.kind, left.name) < (right.kind, right.name)
        }
    }

    private var all: Set<Item> = []
    private var exercised: Set<Item> = []

    package init() {}

    package var total: Int { self.all.count }
    package var covered: Int { self.all.intersection(self.exercised).count }
    package var missed: [Item] { self.all.subtracting(self.exercised).sorted() }
    /// Whole percent; 100 for a template with nothing to exercise.
    package var percent: Int { self.total == 0 ? 100 : self.covered * 100 / self.total }

    package var json: JSONValue {
        [
            "total": .int(self.total), "covered": .int(self.covered),
            "percent": .int(self.percent),
            "missed": .array(
                self.missed.map { ["kind": .string($0.kind), "name": .string($0.name)] }),
        ]
    }

    /// Counts one case.
    package mutating func add(_ report: DryRunReport) {
        guard let document = report.document else { return }
        self.all.formUnion(Self.items(of: document))
        guard let parameters = report.parameters else { return }
        for parameter in document.parameters {
            guard let value = parameters.values[parameter.name] else { continue }
            self.exercised.insert(
                Item(
                    kind: value.origin == .templateDefault ? "default" : "parameter",
                    name: parameter.name))
        }
        guard let rendered = report.rendered else { return }
        self.exercised.formUnion(
            Self.functions(of: document, besides: Self.passedOver(in: document, parameters)))
        self.addRows(document, parameters, rendered)
        self.addOverrides(document, rendered, report)
    }

    // MARK: What there is

    private static func items(of document: TemplateDocument) -> Set<Item> {
        var items = Self.functions(of: document)
        for parameter in document.parameters where PseudoParameter(rawValue: parameter.name) == nil
        {
            items.insert(Item(kind: "parameter", name: parameter.name))
            if parameter.defaultValue != nil {
                items.insert(Item(kind: "default", name: parameter.name))
            }
        }
        for (map, rows) in document.mappings {
            for row in rows.keys { items.insert(Item(kind: "mapping row", name: "\(map).\(row)")) }
        }
        items.insert(Item(kind: "branch", name: "a new thing"))
        for branch in Self.overrides(of: document) { items.insert(branch.item) }
        return items
    }

    private static func functions(
        of document: TemplateDocument, besides passed: Set<JSONPointer> = []
    ) -> Set<Item> {
        Set(
            document.expressions.compactMap { (expression: TemplateExpression) -> Item? in
                guard !passed.contains(expression.pointer) else { return nil }
                switch expression.form {
                case .literal, .reference: return nil
                case .join, .substitution, .select, .findInMap:
                    return Item(kind: "function", name: expression.pointer.description)
                }
            })
    }

    /// What lies in the items that an Fn::Select does not take: it is rendered, and comes to
    /// nothing.
    private static func passedOver(
        in document: TemplateDocument, _ parameters: ResolvedParameters
    ) -> Set<JSONPointer> {
        var passed: Set<JSONPointer> = []
        for expression in document.expressions {
            guard case .select(let index, .items(let items)) = expression.form,
                let text = Self.text(of: index, in: document, parameters), let taken = Int(text)
            else { continue }
            for (position, item) in items.enumerated() where position != taken {
                passed.formUnion(item.descendants.map(\.pointer))
            }
        }
        return passed
    }

    /// nil for an index that is put together; then every item counts.
    private static func text(
        of index: TemplateExpression, in document: TemplateDocument,
        _ parameters: ResolvedParameters
    ) -> String? {
        switch index.form {
        case .literal(let text): return text
        case .reference(let name): return parameters.values[name]?.text
        case .findInMap(let map, let top, let second):
            guard let map = Self.text(of: map, in: document, parameters),
                let top = Self.text(of: top, in: document, parameters),
                let second = Self.text(of: second, in: document, parameters)
            else { return nil }
            return document.mappings[map]?[top]?[second]
        case .join, .substitution, .select: return nil
        }
    }

    private struct Branch {
        let property: String
        /// Refuses every thing that is there, whatever it is like.
        let refusesAny: Bool
        let item: Item
    }

    /// What happens to a thing that is there, for each property that the template sets.
    private static func overrides(of document: TemplateDocument) -> [Branch] {
        let thing = document.thing
        let properties: [(String, Bool, TemplateDocument.Override?)] = [
            ("AttributePayload", !thing.attributes.isEmpty, thing.attributesOverride),
            ("ThingTypeName", thing.typeName != nil, thing.typeOverride),
            (
                "ThingGroups", !thing.groups.isEmpty || thing.groupList != nil,
                thing.groupsOverride
            ),
        ]
        return properties.filter { $0.1 || $0.2 == .fail }.map { name, _, override in
            Branch(
                property: name, refusesAny: override == .fail,
                item: Item(
                    kind: "branch",
                    name: "a thing that differs in \(name) ("
                        + (override.map { "\($0)" } ?? "no override") + ")"))
        }
    }

    // MARK: What was gone through

    /// A row was used where the outcome is another one, or none, without it.
    private mutating func addRows(
        _ document: TemplateDocument, _ parameters: ResolvedParameters, _ rendered: RenderedTemplate
    ) {
        for (map, rows) in document.mappings {
            for row in rows.keys {
                var without = document
                without.mappings[map]?[row] = nil
                let other = try? TemplateRenderer.render(without, with: parameters)
                if other != rendered {
                    self.exercised.insert(Item(kind: "mapping row", name: "\(map).\(row)"))
                }
            }
        }
    }

    private mutating func addOverrides(
        _ document: TemplateDocument, _ rendered: RenderedTemplate, _ report: DryRunReport
    ) {
        guard let before = report.thingBefore else {
            self.exercised.insert(Item(kind: "branch", name: "a new thing"))
            return
        }
        let differs = [
            "AttributePayload": rendered.attributes.contains {
                before.attributes[$0.key] != $0.value
            },
            "ThingTypeName": rendered.typeName != nil && rendered.typeName != before.typeName,
            "ThingGroups": Set(rendered.groups) != Set(report.groupsBefore),
        ]
        for branch in Self.overrides(of: document)
        where branch.refusesAny || differs[branch.property] == true {
            self.exercised.insert(branch.item)
        }
    }
}
