package import Fleet

/// What a certificate says of its subject and its issuer, as policy variables see them
/// (provisioning specification, 5.4).
package enum CertificateFields {
    package static func of(_ certificate: Certificate) -> [CertificateField: [String]] {
        var fields = Self.of(subject: certificate.subject, issuer: certificate.issuer)
        for (name, value) in AlternativeNames.fields(ofCertificate: certificate.pem) {
            guard let field = CertificateField(name) else { continue }
            fields[field, default: []].append(value)
        }
        return fields
    }

    /// Of a certificate that is not there yet: what its names say, as far as they are known.
    package static func of(
        subject: String?, issuer: String?
    ) -> [CertificateField: [String]] {
        var fields: [CertificateField: [String]] = [:]
        for (holder, text) in [("Subject", subject), ("Issuer", issuer)] {
            for (type, value) in Self.attributes(ofName: text ?? "") {
                guard let name = Self.names[type.uppercased()],
                    let field = CertificateField("\(holder).\(name)")
                else { continue }
                fields[field, default: []].append(value)
            }
        }
        return fields
    }

    /// RFC 4514 section 3 and RFC 4519 section 2: the short names and the OIDs that may stand in
    /// their place.
    private static let names: [String: String] = [
        "DNQUALIFIER": "DistinguishedNameQualifier", "2.5.4.46": "DistinguishedNameQualifier",
        "C": "Country", "2.5.4.6": "Country", "O": "Organization", "2.5.4.10": "Organization",
        "OU": "OrganizationalUnit", "2.5.4.11": "OrganizationalUnit", "ST": "State",
        "2.5.4.8": "State", "CN": "CommonName", "2.5.4.3": "CommonName",
        "SERIALNUMBER": "SerialNumber", "2.5.4.5": "SerialNumber", "TITLE": "Title",
        "2.5.4.12": "Title", "SN": "Surname", "2.5.4.4": "Surname", "GIVENNAME": "GivenName",
        "GN": "GivenName", "2.5.4.42": "GivenName", "INITIALS": "Initials",
        "2.5.4.43": "Initials", "PSEUDONYM": "Pseudonym", "2.5.4.65": "Pseudonym",
        "GENERATIONQUALIFIER": "GenerationQualifier", "2.5.4.44": "GenerationQualifier",
    ]

    /// The attributes of an RFC 4514 name in the certificate's own order, which is the reverse of
    /// the text's (RFC 4514 2.1). What is not of that form is left out: a variable without a value
    /// lets no `Allow` apply.
    package static func attributes(ofName text: String) -> [(type: String, value: String)] {
        var attributes: [(type: String, value: String)] = []
        for part in Self.parts(of: text).reversed() {
            guard let equals = part.firstIndex(of: UInt8(ascii: "=")) else { continue }
            let type = String(decoding: part[..<equals], as: UTF8.self)
            let raw = part[part.index(after: equals)...]
            // A value in hexadecimal BER (RFC 4514 2.4) has no text form to compare with.
            if raw.first == UInt8(ascii: "#") { continue }
            if let value = Self.unescaped(raw) {
                attributes.append((type.filter { $0 != " " }, value))
            }
        }
        return attributes
    }

    /// The parts between commas and plus signs that no backslash protects.
    private static func parts(of text: String) -> [ArraySlice<UInt8>] {
        let bytes = Array(text.utf8)
        var parts: [ArraySlice<UInt8>] = []
        var start = 0
        var isEscaped = false
        for (index, byte) in bytes.enumerated() {
            if isEscaped {
                isEscaped = false
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: ",") || byte == UInt8(ascii: "+") {
                parts.append(bytes[start..<index])
                start = index + 1
            }
        }
        parts.append(bytes[start...])
        return parts.filter { !$0.isEmpty }
    }

    /// RFC 4514 3: `\` before two hex digits is that byte, before anything else that character.
    private static func unescaped(_ raw: ArraySlice<UInt8>) -> String? {
        var bytes: [UInt8] = []
        var rest = raw
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "\\") else {
                bytes.append(byte)
                continue
            }
            if let high = rest.first.flatMap(Self.hexDigit),
                let low = rest.dropFirst().first.flatMap(Self.hexDigit)
            {
                bytes.append(high << 4 | low)
                rest = rest.dropFirst(2)
            } else if let literal = rest.popFirst() {
                bytes.append(literal)
            } else {
                return nil
            }
        }
        return String(validating: bytes, as: UTF8.self)
    }

    private static func hexDigit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}

extension CompiledPolicy {
    /// Whether an answer may hang on what a certificate's names say. Where no policy asks, nobody
    /// need take a certificate apart at each CONNECT. True in doubt.
    package var readsCertificateFields: Bool {
        self.statements.contains { statement in
            let patterns: [TextPattern]
            switch statement.resources {
            case .only(let only): patterns = only
            case .allExcept(let except): patterns = except
            }
            return patterns.contains { $0.variables.contains(where: \.isOfCertificateFields) }
                || statement.conditions.contains { condition in
                    condition.key.isOfCertificateFields
                        || condition.operandTexts.contains { $0.contains("${") }
                }
        }
    }
}

extension PolicyVariable {
    fileprivate var isOfCertificateFields: Bool {
        switch self {
        case .certificateField, .certificateAvailableKeys: true
        case .clientID, .sourceIP, .domainName, .connectAttributes, .lastWillTopic, .thingName,
            .thingTypeName, .thingAttribute, .isAttached, .certificateSerialNumber, .currentTime,
            .epochTime, .other:
            false
        }
    }
}
