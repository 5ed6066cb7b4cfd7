package import Fleet
import JSON

/// What reading a document came to: the document, or everything that is wrong with it.
package struct PolicyReading: Sendable {
    /// nil where there are findings.
    package let document: PolicyDocument?
    package let findings: [PolicyFinding]
}

extension PolicyDocument {
    /// Reads a policy document. Whatever is not understood is refused, with its place: an element
    /// passed over might have been the one that denies.
    ///
    /// - Throws: `FleetError.malformedPolicy`, naming each fault by line, column and JSON pointer.
    package static func parse(
        _ text: String, dialect: PolicyDialect = .device
    ) throws(FleetError) -> PolicyDocument {
        let reading = Self.read(text, dialect: dialect)
        guard let document = reading.document else {
            throw FleetError.malformedPolicy(reading.findings)
        }
        return document
    }

    package static func read(
        _ text: String, dialect: PolicyDialect = .device
    ) -> PolicyReading {
        if let finding = Self.sizeFinding(text, dialect: dialect) {
            return PolicyReading(document: nil, findings: [finding])
        }
        let value: JSONValue
        do throws(JSONError) {
            value = try JSONParser.parse(
                text,
                limits: JSONLimits(
                    bytesMax: PolicyLimits.documentBytesMax,
                    depthMax: PolicyLimits.documentDepthMax))
        } catch {
            let finding = PolicyFinding(
                .syntax, "the policy document is not JSON: \(error.message)", at: .root,
                position: JSONSourceMap.Position(line: error.line, column: error.column))
            return PolicyReading(document: nil, findings: [finding])
        }
        var reader = PolicyReader(dialect: dialect)
        let document = reader.document(value, at: .root)
        guard reader.findings.isEmpty else {
            let map = JSONSourceMap(of: text, for: reader.findings.map(\.place))
            return PolicyReading(
                document: nil, findings: reader.findings.map { $0.located(by: map) })
        }
        return PolicyReading(document: document, findings: [])
    }

    /// AWS: a document's length is that of its characters other than white space.
    static func size(of text: String) -> Int {
        text.unicodeScalars.lazy.filter { !$0.properties.isWhitespace }.count
    }

    private static func sizeFinding(_ text: String, dialect: PolicyDialect) -> PolicyFinding? {
        guard text.utf8.count <= PolicyLimits.documentBytesMax else {
            return PolicyFinding(
                .tooLong,
                "the policy document has \(text.utf8.count) bytes; at most "
                    + "\(PolicyLimits.documentBytesMax)", at: .root)
        }
        let size = Self.size(of: text)
        guard size > 0 else {
            return PolicyFinding(.syntax, "the policy document is empty", at: .root)
        }
        guard size <= dialect.charactersMax else {
            return PolicyFinding(
                .tooLong,
                "the policy document has \(size) characters without white space; at most "
                    + "\(dialect.charactersMax)", at: .root)
        }
        return nil
    }
}
