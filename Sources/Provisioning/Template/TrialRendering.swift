import Fleet
import JSON
import Policies
import Registry

/// Renders each value of a template by itself: what is wrong with one is told at its place, and
/// keeps no other from being looked at.
struct TrialRendering {
    private let document: TemplateDocument
    private let renderer: TemplateRenderer
    private let root: JSONValue
    private var findings: [TemplateFinding] = []

    /// - Parameters:
    ///   - parameters: stand-ins for what a device would send.
    ///   - root: the template as JSON.
    static func findings(
        of document: TemplateDocument, with parameters: ResolvedParameters, in root: JSONValue
    ) -> [TemplateFinding] {
        var trial = TrialRendering(
            document: document,
            renderer: TemplateRenderer(document: document, parameters: parameters), root: root)
        trial.tryThing()
        trial.tryPolicies()
        var values = document.deviceConfiguration.map(\.value)
        if let demands = document.certificateDemands {
            values += demands.subject.map(\.value) + demands.alternativeNames
        }
        for value in values { _ = trial.text(value) }
        return trial.findings
    }

    private init(document: TemplateDocument, renderer: TemplateRenderer, root: JSONValue) {
        self.document = document
        self.renderer = renderer
        self.root = root
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

    private mutating func tryPolicies() {
        let root = self.root
        var desk = PolicyDesk()
        for policy in self.document.policies {
            if case .name(let name) = policy.source {
                self.tryName(PolicyName.self, name)
                continue
            }
            let place = policy.pointer.appending("PolicyDocument")
            do throws(FleetError) {
                let choice = try self.renderer.policy(policy, on: &desk)
                guard case .inline(_, let text, _) = choice else { continue }
                let found = PolicyDocument.read(text).findings
                self.findings += found.map { TemplateFinding($0, ofDocumentAt: place, in: root) }
            } catch {
                self.findings.append(TemplateFinding(error.message, at: place))
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
        do throws(FleetError) { return try self.renderer.plain(expression) } catch {
            self.findings.append(TemplateFinding(error.message, at: expression.pointer))
            return nil
        }
    }
}
