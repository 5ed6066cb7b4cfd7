import Fleet
import Registry

/// What can be judged of a template whatever a device sends: names and values that are written out,
/// and items that no list has. Each with its place, where a trial rendering would know none.
enum FixedValues {
    /// Of all that could be read, though it makes no document.
    static func findings(in parser: TemplateParser) -> [TemplateFinding] {
        let max = TemplateLimits.findingsMax
        var findings: [TemplateFinding] = []
        for thing in parser.things where findings.count < max { findings += Self.ofThing(thing) }
        findings += parser.policyNames.lazy.compactMap { Self.name(PolicyName.self, $0) }
        findings += parser.expressions.lookups.lazy.compactMap(Self.item).prefix(max)
        return Array(findings.prefix(max))
    }

    private static func ofThing(
        _ thing: TemplateDocument.ThingResource
    ) -> [TemplateFinding] {
        var findings: [TemplateFinding?] = [
            // What is missing is said to be so already.
            thing.hasName ? Self.name(ThingName.self, thing.name) : nil,
            thing.typeName.flatMap { Self.name(ThingTypeName.self, $0) },
            thing.billingGroup.flatMap { Self.name(BillingGroupName.self, $0) },
        ]
        findings += thing.groups.map { Self.name(ThingGroupName.self, $0) }
        findings += thing.packageVersions.map { Self.name(PackageVersionName.self, $0.version) }
        findings += thing.attributes.map(Self.value)
        return findings.compactMap { $0 }
    }

    private static func name<Name: CheckedName>(
        _ type: Name.Type, _ expression: TemplateExpression
    ) -> TemplateFinding? {
        guard let literal = expression.literal else { return nil }
        do throws(FleetError) {
            _ = try Name(literal)
            return nil
        } catch {
            return TemplateFinding(
                error.message, at: expression.pointer, rule: .unusableName,
                expected: "1 to \(Name.charactersMax) of \(Name.allowedDescription)")
        }
    }

    private static func value(_ attribute: TemplateDocument.Attribute) -> TemplateFinding? {
        guard let literal = attribute.value.literal else { return nil }
        do throws(FleetError) {
            try ThingAttributes.check(value: literal, of: attribute.name)
            return nil
        } catch {
            return TemplateFinding(error.message, at: attribute.value.pointer)
        }
    }

    private static func item(_ expression: TemplateExpression) -> TemplateFinding? {
        guard case .select(let index, .items(let items)) = expression.form,
            let position = index.literal.flatMap({ Int($0) }), position >= items.count
        else { return nil }
        return TemplateFinding(
            "Fn::Select asks for item \(position) of a list of \(items.count)",
            at: expression.pointer, expected: "an index from 0 to \(max(items.count - 1, 0))")
    }
}
