import Fleet
import JSON
import Policies

/// The `Slipway` section: what AWS's grammar has no word for.
extension TemplateParser {
    static let exceptionsMax = 100
    static let subjectAttributes = [
        "CN", "C", "O", "OU", "ST", "L", "serialNumber", "dnQualifier", "title",
    ]

    mutating func slipway(
        _ value: JSONValue?
    ) -> (certificate: CertificateDemands?, exceptions: [LintException]) {
        guard let value else { return (nil, []) }
        let place = JSONPointer(tokens: ["Slipway"])
        guard let section = self.object(value, at: place, allowing: ["Certificate", "Lint"])
        else { return (nil, []) }
        let demands = section["Certificate"].flatMap {
            self.demands($0, at: place.appending("Certificate"))
        }
        return (demands, self.exceptions(section["Lint"], at: place.appending("Lint")))
    }

    // MARK: Certificate

    private mutating func demands(
        _ value: JSONValue, at place: JSONPointer
    ) -> CertificateDemands? {
        guard
            let members = self.object(
                value, at: place,
                allowing: [
                    "Issuer", "Profile", "ValidityDaysMax", "KeyTypes", "Subject",
                    "SubjectAlternativeNames",
                ])
        else { return nil }
        var demands = CertificateDemands()
        demands.issuer = self.plainText(members["Issuer"], at: place.appending("Issuer"))
        demands.profile = self.plainText(members["Profile"], at: place.appending("Profile"))
        if let value = members["ValidityDaysMax"] {
            if let days = value.intValue, days >= 1 {
                demands.validityDaysMax = days
            } else {
                self.report(
                    "ValidityDaysMax is a number of days from 1",
                    at: place.appending("ValidityDaysMax"))
            }
        }
        demands.keyTypes = self.keyTypes(members["KeyTypes"], at: place.appending("KeyTypes"))
        if let value = members["Subject"] {
            demands.subject = self.attributes(value, at: place.appending("Subject"))
            for attribute in demands.subject
            where !Self.subjectAttributes.contains(attribute.name) {
                self.report(
                    "'\(attribute.name.clipped)' is no attribute of a subject; known are "
                        + Self.subjectAttributes.joined(separator: ", "),
                    at: place.appending("Subject").appending(attribute.name),
                    nearest: NearestName.of(attribute.name, among: Self.subjectAttributes),
                    isAboutKey: true)
            }
        }
        if let value = members["SubjectAlternativeNames"] {
            let inside = place.appending("SubjectAlternativeNames")
            guard let elements = value.arrayValue else {
                self.report("expected a list of names, found \(value.kindName)", at: inside)
                return demands
            }
            for (index, element) in elements.enumerated() {
                guard let name = self.expressions.text(element, at: inside.appending(index))
                else { continue }
                demands.alternativeNames.append(name)
            }
        }
        return demands
    }

    private mutating func keyTypes(
        _ value: JSONValue?, at place: JSONPointer
    ) -> [CertificateKeyType] {
        guard let value else { return [] }
        let known = CertificateKeyType.allCases.map(\.rawValue)
        guard let elements = value.arrayValue, !elements.isEmpty else {
            self.report("KeyTypes is a list of " + known.joined(separator: ", "), at: place)
            return []
        }
        var types: [CertificateKeyType] = []
        for (index, element) in elements.enumerated() {
            let text = element.stringValue
            if let type = text.flatMap(CertificateKeyType.init(rawValue:)) {
                types.append(type)
            } else {
                self.report(
                    "expected one of " + known.joined(separator: ", "),
                    at: place.appending(index),
                    nearest: text.flatMap { NearestName.of($0, among: known) })
            }
        }
        return types
    }

    // MARK: Lint

    private mutating func exceptions(_ value: JSONValue?, at place: JSONPointer) -> [LintException]
    {
        guard let value, let section = self.object(value, at: place, allowing: ["Ignore"]),
            let list = section["Ignore"]
        else { return [] }
        let inside = place.appending("Ignore")
        guard let elements = list.arrayValue, elements.count <= Self.exceptionsMax else {
            self.report(
                "Ignore is a list of at most \(Self.exceptionsMax) of {\"Rule\", \"Reason\"}",
                at: inside)
            return []
        }
        var exceptions: [LintException] = []
        for (index, element) in elements.enumerated() {
            let one = inside.appending(index)
            guard let members = self.object(element, at: one, allowing: ["Rule", "At", "Reason"])
            else { continue }
            let rule = self.plainText(members["Rule"], at: one.appending("Rule"))
            let reason = self.plainText(members["Reason"], at: one.appending("Reason"))
            guard let rule, let reason else {
                self.report("what is ignored has a Rule and a Reason", at: one)
                continue
            }
            // White space and dashes are nobody's reason.
            guard reason.contains(where: { $0.isLetter || $0.isNumber }) else {
                self.report(
                    "a Reason says in words why this is meant", at: one.appending("Reason"),
                    expected: "text with a word in it")
                continue
            }
            guard TemplateRule.ids.contains(rule) else {
                self.report(
                    "there is no rule '\(rule.clipped)'", at: one.appending("Rule"),
                    expected: "the id of a rule, as findings end with",
                    nearest: NearestName.of(rule, among: TemplateRule.ids))
                continue
            }
            exceptions.append(
                LintException(
                    rule: rule, at: self.plainText(members["At"], at: one.appending("At")),
                    reason: reason, index: index))
        }
        return exceptions
    }
}
