import Fleet
import JSON
import Registry

/// Names: what they are made of, and what a permitted value makes of them.
extension TemplateLint {
    mutating func lintNames() {
        let thing = self.document.thing
        let free = thing.name.references.filter {
            $0 != PseudoParameter.region.rawValue && $0 != PseudoParameter.accountID.rawValue
        }
        if free.isEmpty {
            self.report(
                .constantThingName,
                "no parameter is in the name: every device registers as the same thing",
                at: thing.name.pointer, expected: "a name with a parameter in it")
        } else if !thing.name.holdsText(of: Set(free)) {
            self.report(
                .constantThingName,
                "a value only chooses the name: all devices of one choice register as the same "
                    + "thing", at: thing.name.pointer, expected: "a name with a parameter in it")
        }
        self.lintName(ThingName.self, thing.name)
        if let type = thing.typeName { self.lintName(ThingTypeName.self, type) }
        if let group = thing.billingGroup { self.lintName(BillingGroupName.self, group) }
        for group in thing.groups { self.lintName(ThingGroupName.self, group) }
        for policy in self.document.policies {
            guard case .name(let name) = policy.source else { continue }
            self.lintName(PolicyName.self, name)
        }
        for attribute in thing.attributes {
            for leaf in self.leaves(of: attribute.value) {
                do { try ThingAttributes.check(value: leaf.text, of: attribute.name) } catch {
                    self.report(
                        .invalidName, leaf.origin + error.message, at: leaf.pointer)
                }
            }
        }
    }

    private mutating func lintName<Name: CheckedName>(
        _ type: Name.Type, _ expression: TemplateExpression
    ) {
        for leaf in self.leaves(of: expression) where !leaf.text.utf8.allSatisfy(Name.allows) {
            self.report(
                .invalidName,
                leaf.origin
                    + "'\(leaf.text.clipped)' makes no \(Name.noun): its characters are "
                    + Name.allowedDescription, at: leaf.pointer,
                expected: "1 to \(Name.charactersMax) of \(Name.allowedDescription)")
        }
        let names = expression.references.filter { PseudoParameter(rawValue: $0) == nil }
        guard !names.isEmpty, self.isFree(expression) else { return }
        self.report(
            .nameFromParameter,
            "a value of \(names.map { "'\($0.clipped)'" }.joined(separator: ", ")) that makes "
                + "this other than 1 to \(Name.charactersMax) of \(Name.allowedDescription) is "
                + "refused (InvalidParameters)", at: expression.pointer)
    }

    /// Whether a parameter's own text goes into the value, rather than only choosing it.
    private func isFree(_ expression: TemplateExpression) -> Bool {
        switch expression.form {
        case .literal, .findInMap: false
        case .reference(let name): PseudoParameter(rawValue: name) == nil
        case .substitution(let pieces): pieces.contains(where: self.isFree)
        case .join(_, .items(let items)), .select(_, .items(let items)):
            items.contains(where: self.isFree)
        case .join(_, .split(_, let source)), .select(_, .split(_, let source)):
            self.isFree(source)
        }
    }

    private struct Leaf {
        let text: String
        let pointer: JSONPointer
        /// What it is, where it is not the value's own text.
        let origin: String
    }

    /// Every text of the template that may become a part of the value, the defaults of its
    /// parameters and the cells of its maps among them.
    private func leaves(of expression: TemplateExpression) -> [Leaf] {
        switch expression.form {
        case .literal(let text):
            [Leaf(text: text, pointer: expression.pointer, origin: "")]
        case .reference(let name):
            self.document.parameters.filter { $0.name == name }.compactMap { parameter in
                parameter.defaultValue.map {
                    Leaf(
                        text: $0, pointer: JSONPointer(tokens: ["Parameters", name, "Default"]),
                        origin: "this default is used in \(expression.pointer): ")
                }
            }
        case .substitution(let pieces): pieces.flatMap(self.leaves)
        case .join(let separator, let list):
            (list.isShort
                ? [] : [Leaf(text: separator, pointer: expression.pointer, origin: "")])
                + self.leaves(of: list)
        case .select(_, let list): self.leaves(of: list)
        case .findInMap(let map, let top, let second):
            self.cells(map, top, second, of: expression)
        }
    }

    private func leaves(of list: TemplateListExpression) -> [Leaf] {
        switch list {
        case .items(let items): items.flatMap(self.leaves)
        // Which pieces a cut leaves is not known.
        case .split: []
        }
    }

    private func cells(
        _ map: TemplateExpression, _ top: TemplateExpression, _ second: TemplateExpression,
        of expression: TemplateExpression
    ) -> [Leaf] {
        guard let name = map.literal, let rows = self.document.mappings[name] else { return [] }
        return rows.sorted { $0.key < $1.key }.flatMap { row, cells -> [Leaf] in
            guard top.literal.map({ $0 == row }) ?? true else { return [] }
            return cells.sorted { $0.key < $1.key }.compactMap { cell, text in
                guard second.literal.map({ $0 == cell }) ?? true else { return nil }
                return Leaf(
                    text: text, pointer: JSONPointer(tokens: ["Mappings", name, row, cell]),
                    origin: "this entry is used in \(expression.pointer): ")
            }
        }
    }

    // MARK: What exists

    mutating func lintPackages() {
        guard !self.document.thing.packageVersions.isEmpty else { return }
        self.report(
            .packageVersions,
            "this service keeps no software packages: every device would be refused, as by AWS "
                + "where a package version does not exist; take PackageVersions away",
            at: self.thingPointer.appending("Properties").appending("PackageVersions"),
            isAboutKey: true)
    }

    /// A registration attaches a new certificate to its thing. Where no override says FAIL, that
    /// may be a thing that another device has been.
    mutating func lintTakeover() {
        let thing = self.document.thing
        let overrides = [thing.attributesOverride, thing.typeOverride, thing.groupsOverride]
        guard !overrides.contains(.fail) else { return }
        let changes = overrides.contains { $0 == .replace || $0 == .merge }
        self.report(
            .takesOverThing,
            "a device that sends the parameters of a thing that exists becomes that thing"
                + (changes ? " and changes it" : "")
                + "; one FAIL under OverrideSettings lets new things only, or a hook may judge",
            at: changes
                ? self.thingPointer.appending("OverrideSettings") : self.thingPointer,
            expected: "FAIL for AttributePayload, ThingTypeName or ThingGroups",
            isAboutKey: true)
    }
}

extension TemplateListExpression {
    /// Whether nothing is ever joined.
    fileprivate var isShort: Bool {
        if case .items(let items) = self { items.count < 2 } else { false }
    }
}
