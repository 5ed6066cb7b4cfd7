import Fleet
import JSON
import Registry

/// Renders each value of a template by itself: what is wrong with one is told at its place, and
/// keeps no other from being looked at.
struct TrialRendering {
    private let document: TemplateDocument
    private let renderer: TemplateRenderer
    private var findings: [TemplateFinding] = []

    /// - Parameter parameters: stand-ins for what a device would send.
    static func findings(
        of document: TemplateDocument, with parameters: ResolvedParameters
    ) -> [TemplateFinding] {
        var trial = TrialRendering(
            document: document,
            renderer: TemplateRenderer(document: document, parameters: parameters))
        trial.tryThing()
        trial.tryPolicies()
        var values = document.deviceConfiguration.map(\.value)
        if let demands = document.certificateDemands {
            values += demands.subject.map(\.value) + demands.alternativeNames
        }
        for value in values { _ = trial.text(value) }
        return Array(trial.findings.prefix(TemplateLimits.findingsMax))
    }

    private init(document: TemplateDocument, renderer: TemplateRenderer) {
        self.document = document
        self.renderer = renderer
    }

    private mutating func tryThing() {
        let thing = self.document.thing
        self.tryName(ThingName.self, thing.name)
        if let type = thing.typeName { self.tryName(ThingTypeName.self, type) }
        if let group = thing.billingGroup { self.tryName(BillingGroupName.self, group) }
        for group in thing.groups { self.tryName(ThingGroupName.self, group) }
        for wanted in thing.packageVersions {
            self.tryName(PackageVersionName.self, wanted.version)
        }
        for attribute in thing.attributes {
            guard let text = self.text(attribute.value) else { continue }
            do { try ThingAttributes.check(value: text, of: attribute.name) } catch {
                self.findings.append(
                    TemplateFinding(error.message, at: attribute.value.pointer))
            }
        }
        guard thing.attributes.count > RegistryLimits.attributesMax else { return }
        self.findings.append(
            TemplateFinding(
                "the template gives a thing \(thing.attributes.count) attributes; at most "
                    + "\(RegistryLimits.attributesMax)",
                at: JSONPointer(tokens: [
                    "Resources", thing.logicalName, "Properties", "AttributePayload",
                ])))
    }

    /// What is wrong with a document as a policy is known already (`PolicyDraft`).
    private mutating func tryPolicies() {
        var desk = PolicyDesk()
        for policy in self.document.policies {
            switch policy.source {
            case .name(let name): self.tryName(PolicyName.self, name)
            case .document(let tree):
                guard !tree.descendants.contains(where: \.hangsOnValues) else { continue }
                do throws(FleetError) {
                    _ = try self.renderer.policy(policy, on: &desk)
                } catch {
                    self.findings.append(
                        TemplateFinding(
                            error.message, at: policy.pointer.appending("PolicyDocument")))
                }
            }
        }
    }

    private mutating func tryName<Name: CheckedName>(
        _ type: Name.Type, _ expression: TemplateExpression
    ) {
        guard let text = self.text(expression) else { return }
        do throws(FleetError) { _ = try Name(text) } catch {
            let isMade = expression.literal == nil
            self.findings.append(
                TemplateFinding(
                    error.message
                        + (isMade ? " (with '0' for each parameter that has no default)" : ""),
                    at: self.origin(of: expression, for: type), rule: .unusableName,
                    expected: "1 to \(Name.charactersMax) of \(Name.allowedDescription)"))
        }
    }

    /// The default that no such name can hold, where it is one; else the name itself.
    private func origin<Name: CheckedName>(
        of expression: TemplateExpression, for type: Name.Type
    ) -> JSONPointer {
        let names = expression.references
        let spoiling = self.document.parameters.first { parameter in
            guard let text = parameter.defaultValue, names.contains(parameter.name) else {
                return false
            }
            return text.utf8.count > Name.charactersMax || !text.utf8.allSatisfy(Name.allows)
        }
        return spoiling.map { JSONPointer(tokens: ["Parameters", $0.name, "Default"]) }
            ?? expression.pointer
    }

    private mutating func text(_ expression: TemplateExpression) -> String? {
        guard !expression.hangsOnValues else { return nil }
        do throws(FleetError) { return try self.renderer.plain(expression) } catch {
            self.findings.append(TemplateFinding(error.message, at: expression.pointer))
            return nil
        }
    }
}
