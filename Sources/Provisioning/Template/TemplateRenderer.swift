package import Fleet
import JSON
import Registry

/// Puts parameters into a template. Works on the parsed tree alone; every name that comes out is
/// checked again, as its parts came from a device.
package struct TemplateRenderer {
    private let document: TemplateDocument
    private let parameters: ResolvedParameters

    /// - Throws: `FleetError.invalidParameters`, naming the parameter and the place.
    package static func render(
        _ document: TemplateDocument, with parameters: ResolvedParameters
    ) throws(FleetError) -> RenderedTemplate {
        try TemplateRenderer(document: document, parameters: parameters).rendered()
    }

    /// The certificate resource alone: which certificate is meant has to be known before the rest
    /// is rendered, as that may name it. nil where the template has none, or the device's own.
    package static func certificate(
        of document: TemplateDocument, with parameters: ResolvedParameters
    ) throws(FleetError) -> RenderedCertificate? {
        let renderer = TemplateRenderer(document: document, parameters: parameters)
        switch document.certificate?.source {
        case nil, .presented: return nil
        case .existing(let expression):
            let text = try renderer.plain(expression)
            guard let id = try? CertificateID(text) else {
                throw renderer.refused("no certificate id: \(CertificateID.rule)", expression)
            }
            return .existing(id)
        case .request(let expression): return .request(try renderer.plain(expression))
        case .foreign(let expression, let authority):
            var authorityPEM: String?
            if let authority { authorityPEM = try renderer.plain(authority) }
            return .foreign(
                pem: try renderer.plain(expression), authorityPEM: authorityPEM)
        }
    }

    /// One value by itself; nil where it cannot be made of these parameters.
    static func text(
        _ expression: TemplateExpression, of document: TemplateDocument,
        with parameters: ResolvedParameters
    ) -> String? {
        try? TemplateRenderer(document: document, parameters: parameters).plain(expression)
    }

    init(document: TemplateDocument, parameters: ResolvedParameters) {
        self.document = document
        self.parameters = parameters
    }

    private func rendered() throws(FleetError) -> RenderedTemplate {
        let thing = self.document.thing
        let groups = try self.groups()
        let policies = try self.policies()
        var configuration = JSONObject()
        for member in self.document.deviceConfiguration {
            configuration[member.name] = .string(try self.plain(member.value))
        }
        var billingGroup: BillingGroupName?
        if let expression = thing.billingGroup {
            billingGroup = try self.name(BillingGroupName.self, expression)
        }
        var typeName: ThingTypeName?
        if let expression = thing.typeName {
            typeName = try self.name(ThingTypeName.self, expression)
        }
        return RenderedTemplate(
            thing: try self.name(ThingName.self, thing.name), typeName: typeName,
            attributes: try self.attributes(), groups: groups, billingGroup: billingGroup,
            packageVersions: try self.packageVersions(), policies: policies.choices,
            policyNames: policies.names, deviceConfiguration: configuration,
            certificateDemands: try self.demands())
    }

    /// Each once.
    private func groups() throws(FleetError) -> [ThingGroupName] {
        var groups: [ThingGroupName] = []
        for expression in self.document.thing.groups {
            let group = try self.name(ThingGroupName.self, expression)
            if !groups.contains(group) { groups.append(group) }
        }
        guard let list = self.document.thing.groupList, let source = list.roots.first else {
            return groups
        }
        for text in try self.list(list) {
            guard let group = try? ThingGroupName(text.plain) else {
                throw self.refused(
                    "no list of thing groups: \(ThingGroupName.rule)", source)
            }
            if !groups.contains(group) { groups.append(group) }
        }
        guard groups.count <= TemplateLimits.groupsMax else {
            throw self.refused(
                "a list of \(groups.count) thing groups; at most \(TemplateLimits.groupsMax)",
                source)
        }
        return groups
    }

    private func packageVersions() throws(FleetError) -> [RenderedTemplate.PackageVersion] {
        var versions: [RenderedTemplate.PackageVersion] = []
        for wanted in self.document.thing.packageVersions {
            versions.append(
                .init(
                    name: wanted.name,
                    version: try self.name(PackageVersionName.self, wanted.version)))
        }
        return versions
    }

    private func demands() throws(FleetError) -> RenderedDemands? {
        guard let demands = self.document.certificateDemands else { return nil }
        var subject: [RenderedDemands.Attribute] = []
        for attribute in demands.subject {
            subject.append(
                .init(name: attribute.name, value: try self.plain(attribute.value)))
        }
        var names: [String] = []
        for name in demands.alternativeNames { names.append(try self.plain(name)) }
        return RenderedDemands(fixed: demands, subject: subject, alternativeNames: names)
    }

    private func attributes() throws(FleetError) -> [String: String] {
        var attributes: [String: String] = [:]
        attributes.reserveCapacity(self.document.thing.attributes.count)
        for attribute in self.document.thing.attributes {
            let value = try self.plain(attribute.value)
            do { try ThingAttributes.check(value: value, of: attribute.name) } catch {
                throw self.refused(saying: error.message, attribute.value)
            }
            attributes[attribute.name] = value
        }
        guard attributes.count <= RegistryLimits.attributesMax else {
            throw FleetError(
                .invalidParameters,
                "the template gives a thing \(attributes.count) attributes; at most "
                    + "\(RegistryLimits.attributesMax)")
        }
        return attributes
    }

    private func name<Name: CheckedName>(
        _ type: Name.Type, _ expression: TemplateExpression
    ) throws(FleetError) -> Name {
        let text = try self.plain(expression)
        guard let name = try? Name(text) else {
            throw self.refused("no \(Name.noun): \(Name.rule)", expression)
        }
        return name
    }

    /// The refusal of a value for what it is not, as the template says it: the value itself may be
    /// a device's secret.
    private func refused(_ isNo: String, _ expression: TemplateExpression) -> FleetError {
        self.refused(saying: "'\(expression.readable.clipped)' is \(isNo)", expression)
    }

    private func refused(
        saying message: String, _ expression: TemplateExpression
    ) -> FleetError {
        FleetError(.invalidParameters, message + expression.origin)
            .because(.parameterRefused, parameter: expression.parameters.first)
    }
}

// MARK: Expressions

extension TemplateRenderer {
    /// A value whose parts need not be told apart.
    func plain(_ expression: TemplateExpression) throws(FleetError) -> String {
        var joined = ""
        if self.append(expression, to: &joined) { return joined }
        // Says what is wrong where something is, and renders whatever hangs on values.
        return try self.text(expression).plain
    }

    /// False, with `joined` of no use, where it is too long or more is needed than putting texts
    /// side by side.
    private func append(_ expression: TemplateExpression, to joined: inout String) -> Bool {
        switch expression.form {
        case .literal(let text): joined += text
        case .reference(let name):
            guard let value = self.parameters.value(of: name) else { return false }
            joined += value.text
        case .join(let separator, .items(let items)):
            for (index, item) in items.enumerated() {
                if index > 0 { joined += separator }
                guard self.append(item, to: &joined) else { return false }
            }
        case .substitution(let pieces):
            for piece in pieces where !self.append(piece, to: &joined) { return false }
        case .join(_, .split), .select, .findInMap: return false
        }
        return joined.utf8.count <= TemplateLimits.renderedBytesMax
    }

    private func text(_ expression: TemplateExpression) throws(FleetError) -> RenderedText {
        let text = try self.unbounded(expression)
        guard text.bytesCount <= TemplateLimits.renderedBytesMax else {
            throw self.refused(
                saying: "a value has \(text.bytesCount) bytes; at most "
                    + "\(TemplateLimits.renderedBytesMax)", expression)
        }
        return text
    }

    private func unbounded(_ expression: TemplateExpression) throws(FleetError) -> RenderedText {
        switch expression.form {
        case .literal(let text): return RenderedText(text, isForeign: false)
        case .reference(let name):
            guard let text = self.parameters.text(of: name) else {
                // The first sentence is AWS's own, which device software is known to look for.
                throw FleetError(
                    .invalidParameters,
                    "Cannot resolve reference value: \(name.clipped) (at \(expression.pointer))"
                ).because(.parameterMissing, parameter: name)
            }
            return text
        case .join(let separator, let list):
            var joined = RenderedText.empty
            for (index, item) in try self.list(list).enumerated() {
                if index > 0 { joined.append(RenderedText(separator, isForeign: false)) }
                joined.append(item)
            }
            return joined
        case .substitution(let pieces):
            var joined = RenderedText.empty
            for piece in pieces { joined.append(try self.text(piece)) }
            return joined
        case .select(let index, let list):
            return try self.select(index, from: list, in: expression)
        case .findInMap(let map, let top, let second):
            return try self.findInMap([map, top, second], in: expression)
        }
    }

    private func list(
        _ list: TemplateListExpression
    ) throws(FleetError) -> [RenderedText] {
        switch list {
        case .items(let items):
            var texts: [RenderedText] = []
            for item in items { texts.append(try self.text(item)) }
            return texts
        case .split(let separator, let source):
            // Which parts of the source were foreign is not followed through the cuts; where any
            // was, every piece counts as foreign.
            let text = try self.text(source)
            let isForeign = text.isForeign
            return Self.cut(text.plain, at: separator).map {
                RenderedText($0, isForeign: isForeign)
            }
        }
    }

    private static func cut(_ text: String, at separator: String) -> [String] {
        let separator = Array(separator.utf8)
        let bytes = Array(text.utf8)
        var pieces: [String] = []
        var start = 0
        var index = 0
        while index + separator.count <= bytes.count {
            if bytes[index..<index + separator.count].elementsEqual(separator) {
                pieces.append(String(decoding: bytes[start..<index], as: UTF8.self))
                index += separator.count
                start = index
            } else {
                index += 1
            }
        }
        pieces.append(String(decoding: bytes[start...], as: UTF8.self))
        return pieces
    }

    private func select(
        _ index: TemplateExpression, from list: TemplateListExpression,
        in expression: TemplateExpression
    ) throws(FleetError) -> RenderedText {
        let items = try self.list(list)
        let position = try self.plain(index)
        guard let position = Int(position) else {
            throw self.refused(
                saying: "'\(index.readable.clipped)' is no index", expression)
        }
        guard items.indices.contains(position) else {
            throw self.refused(
                saying: "Fn::Select asks for item \(index.readable.clipped) of a list of "
                    + "\(items.count)", expression)
        }
        return items[position]
    }

    private func findInMap(
        _ path: [TemplateExpression], in expression: TemplateExpression
    ) throws(FleetError) -> RenderedText {
        var keys: [String] = []
        for key in path { keys.append(try self.plain(key)) }
        guard let cell = self.document.mappings[keys[0]]?[keys[1]]?[keys[2]] else {
            let place = path.map { "'\($0.readable.clipped)'" }.joined(separator: ", ")
            throw self.refused(saying: "Mappings have no entry [\(place)]", expression)
        }
        return RenderedText(cell, isForeign: false)
    }
}

// MARK: Policies

extension TemplateRenderer {
    /// Each policy once, and what the template's own names for them came to be.
    private func policies() throws(FleetError) -> (
        choices: [RenderedTemplate.PolicyChoice], names: [RenderedTemplate.LogicalPolicy]
    ) {
        let count = self.document.policies.count
        var choices: [RenderedTemplate.PolicyChoice] = []
        var names: [RenderedTemplate.LogicalPolicy] = []
        var seen = Set<PolicyName>(minimumCapacity: count)
        choices.reserveCapacity(count)
        names.reserveCapacity(count)
        var desk = PolicyDesk()
        for policy in self.document.policies {
            let choice = try self.policy(policy, on: &desk)
            names.append(.init(logicalName: policy.logicalName, name: choice.name))
            if seen.insert(choice.name).inserted { choices.append(choice) }
        }
        return (choices, names)
    }

    func policy(
        _ policy: TemplateDocument.PolicyResource, on desk: inout PolicyDesk
    ) throws(FleetError) -> RenderedTemplate.PolicyChoice {
        switch policy.source {
        case .name(let expression):
            return .existing(try self.name(PolicyName.self, expression))
        case .document(let tree):
            return try self.policy(policy, of: tree, on: &desk)
        }
    }

    private func policy(
        _ policy: TemplateDocument.PolicyResource, of tree: TemplateTree,
        on desk: inout PolicyDesk
    ) throws(FleetError) -> RenderedTemplate.PolicyChoice {
        let made = policy.program?.document(with: self.parameters, on: &desk) {
            try? self.text($0)
        }
        if let made { return .inline(made.name, document: made.text, pointer: policy.pointer) }
        let document = try self.tree(tree)
        let text = JSONPrinter.print(document)
        guard text.utf8.count <= TemplateLimits.policyDocumentBytesMax else {
            throw FleetError(
                .invalidParameters,
                "the policy at \(policy.pointer) has \(text.utf8.count) bytes; at most "
                    + "\(TemplateLimits.policyDocumentBytesMax)")
        }
        let name = PolicyProgram.name(
            ofCanonical: JSONPrinter.bytes(document, style: .canonical))
        return .inline(name, document: text, pointer: policy.pointer)
    }

    private func tree(_ tree: TemplateTree) throws(FleetError) -> JSONValue {
        switch tree {
        case .literal(let value): return value
        case .text(let expression):
            return .string(try self.policyText(self.text(expression), expression.pointer))
        case .list(let list):
            let pointer = list.descendants.first?.pointer ?? .root
            var elements: [JSONValue] = []
            for item in try self.list(list) {
                elements.append(.string(try self.policyText(item, pointer)))
            }
            return .array(elements)
        case .array(let trees):
            var elements: [JSONValue] = []
            for element in trees { elements.append(try self.tree(element)) }
            return .array(elements)
        case .object(let members):
            var object = JSONObject()
            for member in members { object[member.key] = try self.tree(member.value) }
            return .object(object)
        }
    }

    private func policyText(
        _ text: RenderedText, _ pointer: JSONPointer
    ) throws(FleetError) -> String {
        guard let escaped = text.escapedForPolicy else {
            throw FleetError(
                .invalidParameters, "a parameter stands inside a policy variable at \(pointer)")
        }
        return escaped
    }
}
