import Fleet
import SwiftASN1

/// Examines the very bytes that are about to be signed, as a stranger would: decoded afresh and
/// compared with what the role and the issuer demand, not with what the encoder meant to write.
/// RFC 5280's pitfalls are its list; an external linter finds nothing that passes here.
struct ProfileLint {
    /// A rule that a certificate broke.
    struct Finding: Hashable, CustomStringConvertible {
        let rule: Rule
        var description: String { self.rule.rawValue }
    }

    /// Each with its reason for being.
    enum Rule: String, CaseIterable {
        case structure = "not a TBSCertificate in DER (RFC 5280 4.1)"
        case version = "not version 3 (RFC 5280 4.1.2.1)"
        case serial = "serial not positive, minimal and 20 octets (RFC 5280 4.1.2.2)"
        case serialRandomness = "serial's random octets are all alike (CA/B BR 7.1)"
        case signatureAlgorithm = "signature algorithm not the issuer key's (RFC 5280 4.1.2.3)"
        case issuerName = "issuer not byte-identical to its subject (RFC 5280 4.1.2.4)"
        case validityOrder = "notBefore not before notAfter (RFC 5280 4.1.2.5)"
        case validityNesting = "validity outside the issuer's"
        case subject = "subject empty or malformed (RFC 5280 4.1.2.6)"
        case subjectAttribute = "subject attribute not on the whitelist"
        case subjectDuplicate = "subject RDN with more than one attribute"
        case subjectString = "subject string of the wrong type (RFC 5280 4.1.2.4)"
        case subjectBounds = "subject string out of bounds (RFC 5280 A.1)"
        case publicKey = "public key not the one that was examined"
        case issuerKeyReused = "public key is the issuer's own"
        case uniqueIdentifiers = "unique identifiers present (RFC 5280 4.1.2.8)"
        case extensionRepeated = "extension repeated (RFC 5280 4.2)"
        case extensionUnknown = "extension not of the profile"
        case authorityKeyIdentifier = "AKI not the issuer's SKI alone (RFC 5280 4.2.1.1)"
        case subjectKeyIdentifier = "SKI absent, critical or not the key's (RFC 5280 4.2.1.2)"
        case basicConstraints = "basicConstraints not as the role demands (RFC 5280 4.2.1.9)"
        case keyUsage = "keyUsage not critical or not the role's (RFC 5280 4.2.1.3)"
        case extendedKeyUsage = "extendedKeyUsage not the role's alone (RFC 5280 4.2.1.12)"
        case alternativeName = "subjectAltName not the profile's names (RFC 5280 4.2.1.6)"
        case publication = "CRL or OCSP address not the profile's (RFC 5280 4.2.1.13, 4.2.2.1)"
        case ocspNoCheck = "id-pkix-ocsp-nocheck not the responder's (RFC 6960 4.2.2.2.1)"
        case nameConstraints =
            "nameConstraints not the profile's or not critical (RFC 5280 4.2.1.10)"
        case outsideConstraints = "a name that the issuer may not give (RFC 5280 6.1.4)"
        case addition = "extension not as the profile has it"
        case selfIssued = "issuer and subject of a root differ, or of another are the same"
    }

    let role: CertificateRole
    let issuer: IssuerIdentity
    let key: SubjectKey
    var publication: RevocationPublication?
    var serial: CertificateSerial?
    /// Beside those of the role.
    var alternativeNames: [SubjectAlternativeName] = []
    /// NameConstraints, DER.
    var nameConstraints: [UInt8]?
    var additions: [CertificateExtension] = []

    func findings(in tbs: [UInt8]) -> [Finding] {
        guard let node = try? DER.parse(tbs), let fields = CertificateFields(node) else {
            return [Finding(rule: .structure)]
        }
        var broken: [Rule] = []
        func require(_ condition: Bool, _ rule: Rule) {
            if !condition { broken.append(rule) }
        }
        require(fields.version == 2, .version)
        require(Self.isSoundSerial(fields.serial), .serial)
        require(Set(fields.serial.dropFirst()).count > 1, .serialRandomness)
        var algorithm = DER.Serializer()
        let encoded: Void? = try? self.issuer.scheme.serialize(into: &algorithm)
        require(
            encoded != nil
                && fields.signatureAlgorithm.encodedBytes.elementsEqual(algorithm.serializedBytes),
            .signatureAlgorithm)
        require(fields.issuer.encodedBytes.elementsEqual(self.issuer.name), .issuerName)
        let (notBefore, notAfter) = (fields.notBefore.unixTime, fields.notAfter.unixTime)
        require(notBefore < notAfter, .validityOrder)
        require(
            notBefore >= self.issuer.notBefore && notAfter <= self.issuer.notAfter,
            .validityNesting)
        broken += Self.subjectFindings(fields.subject)
        require(
            fields.issuer.encodedBytes.elementsEqual(fields.subject.encodedBytes)
                == (self.role.signer == nil),
            .selfIssued)
        require(fields.publicKey.encodedBytes.elementsEqual(self.key.der), .publicKey)
        require(
            (self.key.fingerprint == self.issuer.publicKey) == (self.role.signer == nil),
            .issuerKeyReused)
        require(!fields.hasUniqueIdentifiers, .uniqueIdentifiers)
        broken += self.extensionFindings(fields)
        return broken.map(Finding.init(rule:))
    }

    private static func isSoundSerial(_ serial: ArraySlice<UInt8>) -> Bool {
        guard let first = serial.first else { return false }
        return serial.count == CertificateSerial.octetCount && (0x01...0x7F).contains(first)
    }

    private static func subjectFindings(_ node: ASN1Node) -> [Rule] {
        guard var names = DERFields(node), !names.isAtEnd() else { return [.subject] }
        var broken: [Rule] = []
        var parts: [SubjectName.Part] = []
        while let set = names.next() {
            guard var members = DERFields(set, identifier: .set), let pair = members.next(),
                var fields = DERFields(pair), let identifier = fields.next()?.objectIdentifier,
                let value = fields.next(), fields.isAtEnd()
            else { return [.subject] }
            if !members.isAtEnd() { broken.append(.subjectDuplicate) }
            guard let attribute = SubjectAttribute(identifier) else {
                broken.append(.subjectAttribute)
                continue
            }
            guard value.identifier == (attribute.isPrintable ? .printableString : .utf8String),
                let text = DistinguishedName.text(of: value)
            else {
                broken.append(.subjectString)
                continue
            }
            parts.append(SubjectName.Part(attribute, text))
        }
        if broken.isEmpty, SubjectName.complaint(about: parts) != nil {
            broken.append(.subjectBounds)
        }
        return broken
    }

    private func extensionFindings(_ fields: CertificateFields) -> [Rule] {
        var broken: [Rule] = []
        let identifiers = fields.extensions.map(\.identifier)
        if Set(identifiers).count != identifiers.count { broken.append(.extensionRepeated) }
        let expected = self.expectedExtensions
        if !identifiers.allSatisfy({ identifier in
            expected.contains { $0.identifier == identifier }
        }) {
            broken.append(.extensionUnknown)
        }
        for item in expected {
            let found = fields.extensions(item.identifier)
            guard found.count == 1, let only = found.first, only.isCritical == item.isCritical,
                only.value.elementsEqual(item.value)
            else {
                broken.append(item.rule)
                continue
            }
        }
        return broken
    }

    /// An extension that must be there, once, with exactly this value.
    private struct Expected {
        let identifier: ASN1ObjectIdentifier
        let isCritical: Bool
        let value: [UInt8]
        let rule: Rule
    }

    /// Written octet by octet from X.690 rather than through the serializer, so that an error in
    /// one is not repeated by the other. No length here reaches 128 but the alternative names'.
    private var expectedExtensions: [Expected] {
        let issuerKeyID = self.issuer.keyIdentifier
        let keyID = self.key.keyIdentifier
        var expected: [Expected] = [
            Expected(
                identifier: OID.authorityKeyIdentifier, isCritical: false,
                value: Self.wrapped(0x30, Self.wrapped(0x80, issuerKeyID)),
                rule: .authorityKeyIdentifier),
            Expected(
                identifier: OID.subjectKeyIdentifier, isCritical: false,
                value: Self.wrapped(0x04, keyID), rule: .subjectKeyIdentifier),
        ]
        let constraints: [UInt8]
        let usage: [UInt8]
        switch self.role {
        case .rootAuthority:
            constraints = [0x30, 0x06, 0x01, 0x01, 0xFF, 0x02, 0x01, 0x01]
            usage = [0x03, 0x02, 0x01, 0x06]
        case .issuingAuthority:
            constraints = [0x30, 0x06, 0x01, 0x01, 0xFF, 0x02, 0x01, 0x00]
            usage = [0x03, 0x02, 0x01, 0x06]
        case .gateway, .claim, .device, .ocspResponder:
            constraints = [0x30, 0x00]
            usage = [0x03, 0x02, 0x07, 0x80]
        }
        expected.append(
            Expected(
                identifier: OID.basicConstraints, isCritical: true, value: constraints,
                rule: .basicConstraints))
        expected.append(
            Expected(
                identifier: OID.keyUsage, isCritical: true, value: usage, rule: .keyUsage))
        // id-kp, 1.3.6.1.5.5.7.3, and its last arc.
        let purposes: [UInt8] = [0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03]
        switch self.role {
        case .rootAuthority, .issuingAuthority: break
        case .claim, .device:
            expected.append(
                Expected(
                    identifier: OID.extendedKeyUsage, isCritical: false,
                    value: Self.wrapped(0x30, Self.wrapped(0x06, purposes + [0x02])),
                    rule: .extendedKeyUsage))
        case .ocspResponder:
            expected.append(
                Expected(
                    identifier: OID.extendedKeyUsage, isCritical: false,
                    value: Self.wrapped(0x30, Self.wrapped(0x06, purposes + [0x09])),
                    rule: .extendedKeyUsage))
            expected.append(
                Expected(
                    identifier: OID.ocspNoCheck, isCritical: false, value: [0x05, 0x00],
                    rule: .ocspNoCheck))
        case .gateway:
            expected.append(
                Expected(
                    identifier: OID.extendedKeyUsage, isCritical: false,
                    value: Self.wrapped(0x30, Self.wrapped(0x06, purposes + [0x01])),
                    rule: .extendedKeyUsage))
        }
        expected += self.expectedOfProfile
        if let publication, let serial, let issuer = self.issuer.id {
            let shard = publication.distributionPoints(of: serial, issuer: issuer)
            let access = publication.informationAccess(issuer: issuer)
            for (identifier, value) in [
                (OID.crlDistributionPoints, shard), (OID.authorityInfoAccess, access),
            ] {
                expected.append(
                    Expected(
                        identifier: identifier, isCritical: false, value: value,
                        rule: .publication))
            }
        }
        return expected
    }

    /// What the role does not fix.
    private var expectedOfProfile: [Expected] {
        var expected = self.additions.map {
            Expected(
                identifier: $0.identifier, isCritical: false, value: $0.value, rule: .addition)
        }
        if let constraints = self.nameConstraints {
            expected.append(
                Expected(
                    identifier: OID.nameConstraints, isCritical: true, value: constraints,
                    rule: .nameConstraints))
        }
        let names = self.role.alternativeNames + self.alternativeNames
        guard !names.isEmpty else { return expected }
        let list = names.flatMap { name in
            switch name {
            case .dns(let text): Self.wrapped(0x82, Array(text.utf8))
            case .address(let bytes): Self.wrapped(0x87, bytes)
            case .uri(let text): Self.wrapped(0x86, Array(text.utf8))
            }
        }
        expected.append(
            Expected(
                identifier: OID.subjectAlternativeName, isCritical: false,
                value: Self.wrapped(0x30, list), rule: .alternativeName))
        return expected
    }

    /// Tag, definite length in its shortest form (X.690 10.1), content.
    private static func wrapped(_ tag: UInt8, _ content: [UInt8]) -> [UInt8] {
        guard let short = UInt8(exactly: content.count), short < 0x80 else {
            var length = content.count
            var octets: [UInt8] = []
            while length > 0 {
                octets.insert(UInt8(truncatingIfNeeded: length), at: 0)
                length >>= 8
            }
            return [tag, 0x80 | UInt8(octets.count)] + octets + content
        }
        return [tag, short] + content
    }
}
