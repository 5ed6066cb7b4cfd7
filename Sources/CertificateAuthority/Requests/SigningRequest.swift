package import Fleet
import SwiftASN1

/// A certification request (PKCS#10, RFC 2986) that has been checked: well formed, signed by the
/// key it presents, and that key sound. Of all that a request may ask for, only the subject is
/// kept, and of that only what the whitelist names.
package struct SigningRequest: Sendable {
    /// The most that a PEM of `Limits.csrCharactersMax` can hold.
    package static let derBytesMax = Limits.csrCharactersMax * 3 / 4

    /// nil where the request names nothing that we keep.
    package let subject: SubjectName?
    package let key: SubjectKey
    /// The whole subject, as the request says it (RFC 4514).
    package let requestedSubject: String

    /// - Throws: `FleetError.invalidCSR` saying what is wrong.
    package init(pem: String, rules: KeyRules) throws(FleetError) {
        guard pem.utf8.count <= Limits.csrCharactersMax else {
            throw Self.refusal(
                "it has \(pem.utf8.count) characters, more than \(Limits.csrCharactersMax)")
        }
        let block: PEMBlock
        do {
            // `openssl req -text` writes what the request says before it.
            block = try PEMBlock(parsing: pem, explained: true)
        } catch {
            throw Self.refusal("it is not one PEM block: \(error.reason)")
        }
        // RFC 7468, section 7, and the label that older tools write.
        guard block.label == "CERTIFICATE REQUEST" || block.label == "NEW CERTIFICATE REQUEST"
        else {
            throw Self.refusal(
                "it is a '\(block.label.clipped)', not a 'CERTIFICATE REQUEST'")
        }
        try self.init(der: block.bytes, rules: rules)
    }

    package init(der: [UInt8], rules: KeyRules) throws(FleetError) {
        guard der.count <= Self.derBytesMax else {
            throw Self.refusal("it has \(der.count) bytes, more than \(Self.derBytesMax)")
        }
        guard let root = try? DER.parse(der) else { throw Self.refusal("it is not DER") }
        guard var request = DERFields(root), let info = request.next(),
            let algorithm = request.next(), let signature = request.next(), request.isAtEnd()
        else { throw Self.refusal("it is no CertificationRequest (RFC 2986 4.2)") }
        guard let signatureBytes = signature.wholeBitStringBytes else {
            throw Self.refusal("its signature is no BIT STRING of whole bytes")
        }
        guard var fields = DERFields(info),
            let version = fields.next(.integer)?.primitiveBytes,
            let subjectNode = fields.next(.sequence), let keyNode = fields.next(.sequence)
        else { throw Self.refusal("it is no CertificationRequestInfo (RFC 2986 4.1)") }
        guard version.elementsEqual([0]) else { throw Self.refusal("its version is not 1") }
        guard Self.attributesAreWellFormed(&fields) else {
            throw Self.refusal("its attributes are malformed (RFC 2986 4.1)")
        }
        guard let subject = DistinguishedName(subjectNode) else {
            throw Self.refusal("its subject is no Name (RFC 5280 4.1.2.4)")
        }
        self.requestedSubject = subject.description
        self.key = try SubjectKey(keyNode, rules: rules)
        do {
            try SignatureCheck(algorithm)
                .verify(signatureBytes, over: info.encodedBytes, by: self.key)
        } catch {
            throw Self.refusal(error.reason)
        }
        self.subject = try SubjectName(whitelisting: subject)
    }

    /// `attributes [0] IMPLICIT SET OF SEQUENCE { OBJECT IDENTIFIER, SET of at least one }`.
    /// They may be missing, as some generators leave them out. What they ask for is not read: we
    /// would not grant it.
    private static func attributesAreWellFormed(_ fields: inout DERFields) -> Bool {
        guard let node = fields.next() else { return true }
        let tag = ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific)
        guard var attributes = DERFields(node, identifier: tag), fields.isAtEnd() else {
            return false
        }
        while let attribute = attributes.next() {
            guard var parts = DERFields(attribute), parts.next()?.objectIdentifier != nil,
                let set = parts.next(), parts.isAtEnd(),
                var values = DERFields(set, identifier: .set), values.next() != nil
            else { return false }
        }
        return true
    }

    private static func refusal(_ reason: String) -> FleetError {
        FleetError(.invalidCSR, "certificateSigningRequest: \(reason)")
    }
}
