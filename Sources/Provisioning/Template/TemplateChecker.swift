package import Fleet
import JSON
import Policies

/// Judges a template before anything relies on it, and finds all that is wrong at once.
package enum TemplateChecker {
    package struct Report: Sendable {
        /// Only where there are no findings.
        package let document: TemplateDocument?
        package let findings: [TemplateFinding]
        /// The text as JSON, where it is that.
        let root: JSONValue
    }

    /// - Parameter limits: a longer text is refused unread.
    package static func check(
        _ body: String, for purpose: TemplateDocument.Purpose = .fleet,
        limits: TemplateLimits = .standard
    ) -> Report {
        guard body.utf8.count <= limits.bodyBytesMax else {
            return Self.refused(
                "the template has \(body.utf8.count) bytes; at most \(limits.bodyBytesMax)",
                JSONSourceMap.Position(ofByte: limits.bodyBytesMax, in: body.utf8))
        }
        guard !body.allSatisfy(\.isWhitespace) else {
            return Self.refused("the template is empty", .start)
        }
        let root: JSONValue
        do {
            root = try JSONParser.parse(
                body,
                limits: JSONLimits(
                    bytesMax: limits.bodyBytesMax, depthMax: TemplateLimits.depthMax,
                    valuesMax: TemplateLimits.jsonValuesMax))
        } catch {
            return Self.refused(
                "the template is no JSON: \(error.message)",
                JSONSourceMap.Position(line: error.line, column: error.column))
        }
        var parser = TemplateParser(for: purpose, limits: limits)
        let document = parser.parse(root)
        var findings = parser.findings + Self.undeclared(in: parser)
        findings += Self.unmapped(in: parser) + FixedValues.findings(in: parser)
        let standIn = StandIn(values: parser.declared, mappings: parser.maps)
        findings += parser.drafts.flatMap { $0.findings(standIn, in: root) }
        // An author who has that much to mend hears of the rest afterwards.
        if let document, findings.count < TemplateLimits.findingsMax {
            // What is said of a place is not said again of what holds it.
            let said = findings.map(\.pointer.tokens)
            findings += Self.trial(of: document).filter { finding in
                let place = finding.pointer.tokens
                return !said.contains { $0.starts(with: place) }
            }
        }
        if !findings.isEmpty {
            let map = JSONSourceMap(
                of: body, for: findings.map(\.pointer), depthMax: TemplateLimits.depthMax)
            findings = findings.map { $0.located(by: map, in: root) }.sorted { left, right in
                guard let first = left.position, let second = right.position else { return false }
                return first < second
            }
        }
        return Report(
            document: findings.isEmpty ? document : nil, findings: findings, root: root)
    }

    /// The document, or one error that carries every finding.
    package static func document(
        of body: String, named name: TemplateName, limits: TemplateLimits = .standard
    ) throws(FleetError) -> TemplateDocument {
        let report = Self.check(body, limits: limits)
        guard let document = report.document else {
            throw FleetError(
                .invalidRequest,
                "template '\(name)' is refused: "
                    + report.findings.map(\.description).joined(separator: "; "),
                resource: name.rawValue)
        }
        return document
    }

    /// The same for the template that an operator sends along with a registration.
    package static func document(
        ofOperators body: String, limits: TemplateLimits
    ) throws(FleetError) -> TemplateDocument {
        let report = Self.check(body, for: .direct, limits: limits)
        guard let document = report.document else {
            throw FleetError(
                .invalidRequest,
                "the templateBody is refused: "
                    + report.findings.map(\.description).joined(separator: "; "))
        }
        return document
    }

    private static func refused(
        _ message: String, _ position: JSONSourceMap.Position
    ) -> Report {
        Report(
            document: nil,
            findings: [
                TemplateFinding(message, at: .root, rule: .unreadable, position: position)
            ], root: .null)
    }

    private static func undeclared(in parser: TemplateParser) -> [TemplateFinding] {
        let names = parser.declared.map(\.name)
        let declared = Set(names)
        let known = names + PseudoParameter.allCases.map(\.rawValue)
        let references = parser.expressions.references.lazy
        let undeclared = references.compactMap { reference -> TemplateFinding? in
            guard !declared.contains(reference.name),
                PseudoParameter(rawValue: reference.name) == nil
            else { return nil }
            return TemplateFinding(
                "'\(reference.name.clipped)' is not declared under Parameters",
                at: reference.pointer, rule: .undeclaredParameter,
                found: "'\(reference.name.clipped)'",
                expected: "the name of a parameter",
                nearest: NearestName.of(reference.name, among: known))
        }
        return Array(undeclared.prefix(TemplateLimits.findingsMax))
    }

    /// Map lookups that no parameter can save: the map itself, and keys that are literal.
    private static func unmapped(in parser: TemplateParser) -> [TemplateFinding] {
        let found = parser.expressions.lookups.lazy.compactMap { expression -> TemplateFinding? in
            guard case .findInMap(let map, let top, let second) = expression.form,
                let name = map.literal
            else { return nil }
            guard let rows = parser.maps[name] else {
                return TemplateFinding(
                    "there is no map '\(name.clipped)'", at: map.pointer, rule: .unknownMapEntry,
                    nearest: NearestName.of(name, among: parser.maps.keys.sorted()))
            }
            guard let key = top.literal else { return nil }
            guard let cells = rows[key] else {
                return TemplateFinding(
                    "map '\(name.clipped)' has no key '\(key.clipped)'", at: top.pointer,
                    rule: .unknownMapEntry,
                    nearest: NearestName.of(key, among: rows.keys.sorted()))
            }
            guard let key = second.literal, cells[key] == nil else { return nil }
            return TemplateFinding(
                "map '\(name.clipped)' has no '\(key.clipped)' there", at: second.pointer,
                rule: .unknownMapEntry,
                nearest: NearestName.of(key, among: cells.keys.sorted()))
        }
        return Array(found.prefix(TemplateLimits.findingsMax))
    }

    /// Renders once with stand-in values, which shows what is wrong whatever a device sends. Where
    /// the outcome hangs on a value (a map's row, a cut text), a stand-in proves nothing, and that
    /// value is left out.
    private static func trial(of document: TemplateDocument) -> [TemplateFinding] {
        let standIns = document.parameters.filter { $0.defaultValue == nil }.map {
            ($0.name, "0")
        }
        let parameters = ResolvedParameters(
            sent: Dictionary(standIns) { first, _ in first }, overrides: [:], document: document,
            certificate: CertificateID(sha256: [UInt8](repeating: 0, count: 32)),
            realm: .standard)
        return TrialRendering.findings(of: document, with: parameters)
    }
}
