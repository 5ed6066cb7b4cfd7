package import Fleet
package import JSON
package import Policies
import Registry

/// What is probably not meant in a template that can be read: names that every device shares,
/// parameters that nothing fills, policies that reach further than their device.
package struct TemplateLint {
    /// What is known beside the template's own text.
    package struct Context: Sendable {
        /// nil where it has to be guessed from the parameters.
        package var kind: ProvisioningTemplate.Kind?
        package var purpose = TemplateDocument.Purpose.fleet
        package var realm = Realm.standard
        /// A certificate's subject as the authority makes them (RFC 4514).
        package var subject: String?
        /// The policies of the claim whose devices use the template, with the template's name.
        package var claim: (policies: [CompiledPolicy], template: TemplateName)?
        package var limits = TemplateLimits.standard
        /// The certificate profiles that there are for devices; nil where nobody knows them.
        package var profiles: [String]?

        package init() {}
    }

    package struct Report: Sendable {
        /// In the order of their places.
        package let findings: [TemplateFinding]
        /// What the template's own exceptions keep back, each with its reason.
        package let ignored: [(finding: TemplateFinding, reason: String)]

        init(
            findings: [TemplateFinding],
            ignored: [(finding: TemplateFinding, reason: String)]
        ) {
            self.findings = findings
            self.ignored = ignored
        }

        /// Of a file that nobody could read.
        package init(unreadable error: FleetError, at position: JSONSourceMap.Position?) {
            self.init(
                findings: [
                    TemplateFinding(
                        error.message, at: .root, rule: .unreadable, position: position)
                ], ignored: [])
        }

        package var worst: PolicyFinding.Severity? {
            self.findings.map(\.rule.severity).max()
        }

        /// - Throws: `FleetError.invalidRequest` with every error.
        func requireSound(_ name: TemplateName) throws(FleetError) {
            try self.requireSound("template '\(name)'", resource: name.rawValue)
        }

        /// - Parameter name: how the refusal calls the template.
        func requireSound(
            _ name: String, resource: String? = nil
        ) throws(FleetError) {
            let errors = self.findings.filter { $0.rule.severity == .error }
            guard !errors.isEmpty else { return }
            throw FleetError(
                .invalidRequest,
                "\(name) is refused: "
                    + errors.map(\.description).joined(separator: "; "), resource: resource)
        }

        /// What is warned of, in short, for a record that others read: rule and place.
        var warnings: [String] {
            self.findings.filter { $0.rule.severity == .warning }.map {
                "\($0.rule.id) \($0.pointer.description.clipped)"
            }
        }
    }

    let document: TemplateDocument
    /// The template as JSON.
    let root: JSONValue
    let context: Context
    private(set) var findings: [TemplateFinding] = []

    /// - Throws: `FleetError.invalidRequest` for a sample subject that is none.
    package static func report(
        of body: String, in context: Context = Context()
    ) throws(FleetError) -> Report {
        let checked = TemplateChecker.check(
            body, for: context.purpose, limits: context.limits)
        guard let document = checked.document else {
            return Report(findings: checked.findings, ignored: [])
        }
        var lint = TemplateLint(document: document, root: checked.root, context: context)
        try lint.lintParameters()
        lint.lintVariables(in: lint.root, at: .root)
        lint.lintMappings()
        lint.lintNames()
        lint.lintTakeover()
        lint.lintPolicies()
        lint.lintPackages()
        lint.lintProfile()
        try lint.lintClaim()
        return lint.sorted(in: body)
    }

    /// The gate that every body passes on its way into the store, whoever hands it in: what is an
    /// error is refused, and the rest is told.
    /// - Throws: `FleetError.invalidRequest` with every error.
    package static func admit(
        _ body: String, as name: TemplateName, in context: Context
    ) throws(FleetError) -> Report {
        let report = try Self.report(of: body, in: context)
        try report.requireSound(name)
        return report
    }

    /// The same for a body that has no name.
    /// - Parameter words: how the refusal calls it.
    package static func admit(
        _ body: String, called words: String, in context: Context
    ) throws(FleetError) {
        try Self.report(of: body, in: context).requireSound(words)
    }

    private init(document: TemplateDocument, root: JSONValue, context: Context) {
        self.document = document
        self.root = root
        self.context = context
    }

    mutating func report(
        _ rule: TemplateRule, _ message: String, at pointer: JSONPointer,
        expected: String? = nil, isAboutKey: Bool = false
    ) {
        self.report(
            TemplateFinding(
                message, at: pointer, rule: rule, expected: expected, isAboutKey: isAboutKey))
    }

    mutating func report(_ finding: TemplateFinding) {
        guard self.findings.count < TemplateLimits.findingsMax else { return }
        self.findings.append(finding)
    }

    /// What is looked at several times is told of once.
    mutating func reportOnce(_ finding: TemplateFinding) {
        guard !self.findings.contains(finding) else { return }
        self.report(finding)
    }

    mutating func reportOnce(
        _ rule: TemplateRule, _ message: String, at pointer: JSONPointer, expected: String
    ) {
        self.reportOnce(TemplateFinding(message, at: pointer, rule: rule, expected: expected))
    }

    /// Whether certificates' subjects fill the parameters.
    var isJustInTime: Bool {
        if let kind = self.context.kind { return kind == .jitp }
        guard self.context.purpose == .fleet else { return false }
        return self.document.parameters.contains { SubjectParameters.all.contains($0.name) }
    }

    var thingPointer: JSONPointer {
        JSONPointer(tokens: ["Resources", self.document.thing.logicalName])
    }

    /// No device gets a certificate by a profile that is not there; but it is a file, and may come
    /// after the template.
    private mutating func lintProfile() {
        guard let profiles = self.context.profiles,
            let wanted = self.document.certificateDemands?.profile, !profiles.contains(wanted)
        else { return }
        let nearest = NearestName.of(wanted, among: profiles).map { "; did you mean '\($0)'?" }
        self.report(
            .unknownProfile,
            "the service has no certificate profile '\(wanted.clipped)' for devices, and would "
                + "refuse them all" + (nearest ?? ""),
            at: JSONPointer(tokens: ["Slipway", "Certificate", "Profile"]),
            expected: profiles.isEmpty
                ? "a profile in pki/profiles" : "one of " + profiles.joined(separator: ", "))
    }

    // MARK: Exceptions

    private mutating func sorted(in body: String) -> Report {
        var used: Set<Int> = []
        var ignored: [(finding: TemplateFinding, reason: String)] = []
        var kept: [TemplateFinding] = []
        for finding in self.findings {
            let exception = self.document.lintExceptions.first { exception in
                guard exception.rule == finding.rule.id, finding.rule.severity != .error else {
                    return false
                }
                guard let place = exception.at else { return true }
                let pointer = finding.pointer.description
                return pointer == place || pointer.hasPrefix(place + "/")
            }
            guard let exception else {
                kept.append(finding)
                continue
            }
            used.insert(exception.index)
            ignored.append((finding, exception.reason))
        }
        let list = JSONPointer(tokens: ["Slipway", "Lint", "Ignore"])
        for exception in self.document.lintExceptions where !used.contains(exception.index) {
            kept.append(
                TemplateFinding(
                    "nothing here breaks '\(exception.rule)'; take the exception away",
                    at: list.appending(exception.index), rule: .unusedException))
        }
        let map = JSONSourceMap(
            of: body, for: (kept + ignored.map(\.finding)).map(\.pointer),
            depthMax: TemplateLimits.depthMax)
        let located = kept.map { $0.located(by: map, in: self.root) }.sorted { left, right in
            (left.position ?? .start, left.rule.id) < (right.position ?? .start, right.rule.id)
        }
        return Report(
            findings: located,
            ignored: ignored.map { ($0.finding.located(by: map, in: self.root), $0.reason) })
    }
}
