import Fleet
import JSON
import Policies

/// Turns a template's JSON into a `TemplateDocument`, noting all that it does not understand:
/// what a template cannot say, it must not seem to say (AWS looks at much of this at use only).
struct TemplateParser {
    let purpose: TemplateDocument.Purpose
    var expressions: ExpressionParser
    /// What the sections that stand by themselves say, known though the rest makes no document.
    private(set) var declared: [TemplateDocument.Parameter] = []
    private(set) var maps: [String: [String: [String: String]]] = [:]
    /// The same for pieces of the resources.
    var drafts: [PolicyDraft] = []
    var things: [TemplateDocument.ThingResource] = []
    var policyNames: [TemplateExpression] = []

    init(for purpose: TemplateDocument.Purpose, limits: TemplateLimits = .standard) {
        self.purpose = purpose
        self.expressions = ExpressionParser(valuesMax: limits.valuesMax)
    }

    /// The document, where there is enough of it to make one; it holds only if `findings` is empty.
    mutating func parse(_ root: JSONValue) -> TemplateDocument? {
        guard !self.reportRequest(root) else { return nil }
        guard
            let members = self.object(
                root, at: .root,
                allowing: [
                    "Parameters", "Mappings", "Resources", "DeviceConfiguration", "Slipway",
                ])
        else { return nil }
        let parameters = self.parameters(members["Parameters"])
        let mappings = self.mappings(members["Mappings"])
        let configuration = self.deviceConfiguration(members["DeviceConfiguration"])
        let slipway = self.slipway(members["Slipway"])
        self.declared = parameters
        self.maps = mappings
        guard let resources = members["Resources"] else {
            self.report("the template has no Resources", at: .root)
            return nil
        }
        guard
            var document = self.resources(resources, at: JSONPointer(tokens: ["Resources"]))
        else { return nil }
        document.parameters = parameters
        document.mappings = mappings
        document.deviceConfiguration = configuration
        document.certificateDemands = slipway.certificate
        document.lintExceptions = slipway.exceptions
        return document
    }

    var findings: [TemplateFinding] {
        let leftOut = self.expressions.findingsLeftOut
        guard leftOut > 0 else { return self.expressions.findings }
        return self.expressions.findings + [
            TemplateFinding("\(leftOut) more findings are left out", at: .root)
        ]
    }

    mutating func report(
        _ message: String, at pointer: JSONPointer, expected: String? = nil,
        nearest: String? = nil, isAboutKey: Bool = false
    ) {
        self.expressions.report(
            message, at: pointer, expected: expected, nearest: nearest, isAboutKey: isAboutKey)
    }

    /// AWS's guides show a template within what carries it: a CA's registrationConfig, the request
    /// of CreateProvisioningTemplate, CloudFormation's properties. So it is pasted.
    /// - Returns: whether it is such a one, which then is all that is said.
    private mutating func reportRequest(_ root: JSONValue) -> Bool {
        guard let request = root.objectValue, request["Resources"] == nil,
            let key = ["templateBody", "TemplateBody"].first(where: { request[$0] != nil })
        else { return false }
        self.report(
            "a template stands in \(key), and is to be handed in alone, without what is around it",
            at: JSONPointer(tokens: [key]), expected: "the template itself", isAboutKey: true)
        return true
    }

    // MARK: Sections

    private mutating func parameters(_ value: JSONValue?) -> [TemplateDocument.Parameter] {
        guard let value else { return [] }
        let section = JSONPointer(tokens: ["Parameters"])
        guard let members = self.object(value, at: section, allowing: nil) else { return [] }
        if members.count > Limits.parametersMax {
            self.report(
                "\(members.count) parameters; at most \(Limits.parametersMax)", at: section)
            return []
        }
        var parameters: [TemplateDocument.Parameter] = []
        for (name, value) in members.members {
            let place = section.appending(name)
            guard let body = self.object(value, at: place, allowing: ["Type", "Default"]) else {
                continue
            }
            if body["Type"]?.stringValue != "String" {
                self.report(
                    "the only Type is \"String\"", at: place.appending("Type"),
                    expected: "\"String\"",
                    nearest: body["Type"]?.stringValue.flatMap {
                        NearestName.of($0, among: ["String"])
                    })
            }
            if name.isEmpty || name.count > Limits.parameterKeyCharactersMax {
                self.report(
                    "a parameter name has 1 to \(Limits.parameterKeyCharactersMax) characters",
                    at: place)
            }
            let defaultValue = self.plainText(body["Default"], at: place.appending("Default"))
            parameters.append(
                TemplateDocument.Parameter(name: name, defaultValue: defaultValue))
        }
        return parameters
    }

    /// AWS: map, top key, second key, literal. Literals only.
    private mutating func mappings(
        _ value: JSONValue?
    ) -> [String: [String: [String: String]]] {
        guard let value else { return [:] }
        let section = JSONPointer(tokens: ["Mappings"])
        var maps: [String: [String: [String: String]]] = [:]
        for (name, map) in self.object(value, at: section, allowing: nil)?.members ?? [] {
            let mapPlace = section.appending(name)
            var rows: [String: [String: String]] = [:]
            for (top, row) in self.object(map, at: mapPlace, allowing: nil)?.members ?? [] {
                let rowPlace = mapPlace.appending(top)
                var cells: [String: String] = [:]
                for (key, cell) in self.object(row, at: rowPlace, allowing: nil)?.members ?? [] {
                    // A cell that is none is told of as such, and not as one that is missing.
                    cells[key] = self.cell(cell, at: rowPlace.appending(key)) ?? ""
                }
                rows[top] = cells
            }
            maps[name] = rows
        }
        return maps
    }

    private mutating func cell(_ value: JSONValue, at pointer: JSONPointer) -> String? {
        guard case .array = value else { return self.plainText(value, at: pointer) }
        self.report(
            "a map has one text in each place; a list can be written as one text and cut by "
                + "Fn::Split", at: pointer, expected: "text in quotes")
        return nil
    }

    private mutating func deviceConfiguration(
        _ value: JSONValue?
    ) -> [TemplateDocument.Attribute] {
        guard let value else { return [] }
        return self.attributes(value, at: JSONPointer(tokens: ["DeviceConfiguration"]))
    }

    mutating func attributes(
        _ value: JSONValue, at pointer: JSONPointer
    ) -> [TemplateDocument.Attribute] {
        var attributes: [TemplateDocument.Attribute] = []
        for (name, value) in self.object(value, at: pointer, allowing: nil)?.members ?? [] {
            guard let text = self.expressions.text(value, at: pointer.appending(name)) else {
                continue
            }
            attributes.append(TemplateDocument.Attribute(name: name, value: text))
        }
        return attributes
    }

    // MARK: Pieces

    /// The members of an object, none outside `allowing`; nil, and a finding, for anything else.
    mutating func object(
        _ value: JSONValue, at pointer: JSONPointer, allowing known: [String]?
    ) -> JSONObject? {
        guard let object = value.objectValue else {
            self.report(
                "expected an object, found \(value.kindName)", at: pointer, expected: "an object")
            return nil
        }
        if let known {
            for key in object.keys where !known.contains(key) {
                // The nearest name of each of a hundred thousand is nobody's to read.
                guard !self.expressions.leavesOutFinding() else { continue }
                self.report(
                    "'\(key.clipped)' is not understood here; known are "
                        + known.joined(separator: ", "), at: pointer.appending(key),
                    expected: "one of " + known.joined(separator: ", "),
                    nearest: NearestName.of(key, among: known), isAboutKey: true)
            }
        }
        return object
    }

    /// A literal text; absent is nil without a finding.
    mutating func plainText(_ value: JSONValue?, at pointer: JSONPointer) -> String? {
        guard let value else { return nil }
        guard let text = value.stringValue else {
            self.report(
                "expected text in quotes, found \(value.kindName)", at: pointer,
                expected: "text in quotes")
            return nil
        }
        return text
    }
}
