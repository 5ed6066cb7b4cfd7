import Fleet
import JSON
import Policies

/// Parameters: who fills them, and what for.
extension TemplateLint {
    mutating func lintParameters() throws(FleetError) {
        let used = Set(
            self.document.expressions.flatMap { expression -> [String] in
                if case .reference(let name) = expression.form { [name] } else { [] }
            })
        let sample = try self.context.subject.map { text throws(FleetError) in
            try SubjectParameters.of(text)
        }
        let section = JSONPointer(tokens: ["Parameters"])
        for parameter in self.document.parameters
        where PseudoParameter(rawValue: parameter.name) != nil && parameter.defaultValue != nil {
            self.report(
                .unusedParameter,
                "the service itself says what '\(parameter.name.clipped)' is: this default is "
                    + "never used", at: section.appending(parameter.name).appending("Default"))
        }
        for parameter in self.document.parameters
        where PseudoParameter(rawValue: parameter.name) == nil {
            let place = section.appending(parameter.name)
            if !used.contains(parameter.name) {
                self.report(
                    .unusedParameter,
                    "nothing refers to '\(parameter.name.clipped)'; only a hook would see it",
                    at: place, isAboutKey: true)
            }
            if self.isJustInTime {
                self.lintSubject(parameter, sample: sample, at: place)
            } else if self.context.kind != nil, SubjectParameters.all.contains(parameter.name) {
                self.report(
                    .defaultAlways,
                    "no certificate's subject fills '\(parameter.name.clipped)' in a template of "
                        + "type FLEET_PROVISIONING; a device could send what it likes",
                    at: place, isAboutKey: true)
            }
        }
    }

    private mutating func lintSubject(
        _ parameter: TemplateDocument.Parameter, sample: [String: String]?,
        at place: JSONPointer
    ) {
        let name = parameter.name.clipped
        guard SubjectParameters.all.contains(parameter.name) else {
            if parameter.defaultValue == nil {
                let known = SubjectParameters.all.sorted()
                self.report(
                    TemplateFinding(
                        "no certificate's subject fills '\(name)', so that no device is registered",
                        at: place, rule: .unfillableParameter,
                        expected: "one of " + known.joined(separator: ", "),
                        nearest: NearestName.of(parameter.name, among: known), isAboutKey: true))
            } else {
                self.report(
                    .defaultAlways,
                    "no certificate's subject fills '\(name)': it is always its default",
                    at: place, isAboutKey: true)
            }
            return
        }
        guard parameter.defaultValue == nil else { return }
        if let sample {
            guard sample[parameter.name] == nil else { return }
            self.report(
                .subjectLacksAttribute,
                "the subject '\((self.context.subject ?? "").clipped)' does not fill '\(name)', "
                    + "which has no default", at: place, isAboutKey: true)
        } else {
            self.report(
                .requiredSubject,
                "a certificate whose subject does not fill '\(name)' is not registered; a default "
                    + "would let it be", at: place, isAboutKey: true)
        }
    }

    /// Variables that a `Fn::Sub` gives its text, and the text does not use.
    mutating func lintVariables(in value: JSONValue, at place: JSONPointer) {
        switch value {
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                self.lintVariables(in: element, at: place.appending(index))
            }
        case .object(let object):
            for (key, inner) in object.members {
                let place = place.appending(key)
                if key == "Fn::Sub", let arguments = inner.arrayValue, arguments.count == 2,
                    let text = arguments[0].stringValue, let variables = arguments[1].objectValue
                {
                    for name in variables.keys where !text.contains("${\(name)}") {
                        self.report(
                            .unusedParameter, "the text uses no '${\(name.clipped)}'",
                            at: place.appending(1).appending(name), isAboutKey: true)
                    }
                }
                self.lintVariables(in: inner, at: place)
            }
        case .null, .bool, .number, .string: break
        }
    }

    // MARK: Mappings

    private struct Lookup {
        let top: TemplateExpression
        let second: TemplateExpression
    }

    /// Rows and cells that no lookup asks for, and cells that one asks for in vain.
    mutating func lintMappings() {
        var lookups: [String: [Lookup]] = [:]
        for case .findInMap(let map, let top, let second) in self.document.expressions.map(\.form) {
            // A map that a parameter names could be any.
            guard let name = map.literal else { return }
            lookups[name, default: []].append(Lookup(top: top, second: second))
        }
        self.lintDefaults(of: lookups)
        let section = JSONPointer(tokens: ["Mappings"])
        for (name, rows) in self.document.mappings.sorted(by: { $0.key < $1.key }) {
            let place = section.appending(name)
            guard let asking = lookups[name] else {
                self.report(
                    .unreachableMapping, "nothing looks anything up in map '\(name.clipped)'",
                    at: place, isAboutKey: true)
                continue
            }
            for (row, cells) in rows.sorted(by: { $0.key < $1.key }) {
                self.lintRow(row, cells, asking, at: place.appending(row))
            }
        }
    }

    /// A default by which a row is looked up, and that is none.
    private mutating func lintDefaults(of lookups: [String: [Lookup]]) {
        for (map, asking) in lookups.sorted(by: { $0.key < $1.key }) {
            for case .reference(let name) in asking.map(\.top.form) {
                guard let rows = self.document.mappings[map],
                    let text = self.document.parameters.first(where: { $0.name == name })?
                        .defaultValue, rows[text] == nil
                else { continue }
                self.reportOnce(
                    TemplateFinding(
                        "map '\(map.clipped)' has no row '\(text.clipped)', the default by which "
                            + "one is looked up: a device that sends no '\(name.clipped)' is "
                            + "refused",
                        at: JSONPointer(tokens: ["Parameters", name, "Default"]),
                        rule: .mappingGap,
                        nearest: NearestName.of(text, among: rows.keys.sorted())))
            }
        }
    }

    private mutating func lintRow(
        _ row: String, _ cells: [String: String], _ lookups: [Lookup], at place: JSONPointer
    ) {
        let asking = lookups.filter { $0.top.literal.map { $0 == row } ?? true }
        guard !asking.isEmpty else {
            self.report(
                .unreachableMapping, "no lookup reaches the row '\(row.clipped)'", at: place,
                isAboutKey: true)
            return
        }
        for cell in cells.keys.sorted()
        where !asking.contains(where: { $0.second.literal.map { $0 == cell } ?? true }) {
            self.report(
                .unreachableMapping, "no lookup reaches '\(cell.clipped)' of this row",
                at: place.appending(cell), isAboutKey: true)
        }
        for cell in Set(asking.compactMap(\.second.literal)).sorted() where cells[cell] == nil {
            self.report(
                .mappingGap,
                "the row '\(row.clipped)' has no '\(cell.clipped)', which is looked up in it: a "
                    + "device with this row is refused", at: place, isAboutKey: true)
        }
    }
}
