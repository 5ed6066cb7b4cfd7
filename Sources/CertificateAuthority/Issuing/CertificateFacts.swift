import Crypto
package import Fleet
import SwiftASN1

/// Who signs under constraints has to hold to them.
enum NameConstraintsFound: Sendable {
    case understood(NameConstraints)
    case notUnderstood
}

/// What a certificate says, read from its DER. Reading checks form only: whether to believe it
/// is for `isSigned(by:)` and its caller to decide.
package struct CertificateFacts: Sendable {
    package let der: [UInt8]
    package let id: CertificateID
    /// 1, 2 or 3; what the encoding says is one less (RFC 5280 4.1.2.1).
    package let version: Int
    /// Lower-case hex of the serial's magnitude, at least two digits.
    package let serialNumber: String
    /// RFC 4514.
    package let issuer: String
    package let subject: String
    package let publicKey: PublicKeyFingerprint
    package let notBefore: UnixTime
    package let notAfter: UnixTime
    /// Values by the names of policy variables: `CommonName`, `Organization`, … (AWS:
    /// `iot:Certificate.Subject.X` and `iot:Certificate.Issuer.X`).
    package let subjectAttributes: [String: [String]]
    package let issuerAttributes: [String: [String]]
    /// Values by `RFC822Name`, `DNSName`, `UniformResourceIdentifier`, `IPAddress`.
    package let subjectAlternativeNames: [String: [String]]
    package let isAuthority: Bool
    package let pathLength: Int?

    let subjectName: [UInt8]
    let issuerName: [UInt8]
    let subjectKeyIdentifier: [UInt8]?
    let authorityKeyIdentifier: [UInt8]?
    let publicKeyDER: [UInt8]
    /// nil where there are none.
    let nameConstraints: NameConstraintsFound?
    /// Whether keyUsage lets the key sign certificates.
    let allowsSigning: Bool
    /// Why no client may identify itself by it, as its extensions have it; nil where it may.
    let clientRefusal: String?

    /// A chain's certificate larger than this is not a device's (RSA-8192 takes 3 KiB).
    package static let bytesMax = 16 * 1024

    /// - Parameter explained: whether lines of text may stand before the block, as `openssl ca` and
    ///   `openssl x509 -text` put them there.
    /// - Throws: `FleetError.certificateValidation` saying what is wrong with the text.
    package init(pem: String, explained: Bool = false) throws(FleetError) {
        let block: PEMBlock
        do {
            block = try PEMBlock(parsing: pem, explained: explained)
        } catch {
            throw Self.refusal("it is not one PEM block: \(error.reason)")
        }
        guard block.label == "CERTIFICATE" else {
            throw Self.refusal("it is a '\(block.label.clipped)', not a 'CERTIFICATE'")
        }
        try self.init(der: block.bytes)
    }

    package init(der: [UInt8]) throws(FleetError) {
        guard der.count <= Self.bytesMax else {
            throw Self.refusal("it has \(der.count) bytes, more than \(Self.bytesMax)")
        }
        guard let root = try? DER.parse(der), var parts = DERFields(root),
            let body = parts.next(), parts.next(.sequence) != nil,
            parts.next()?.wholeBitStringBytes != nil, parts.isAtEnd(),
            let fields = CertificateFields(body),
            let subject = DistinguishedName(fields.subject),
            let issuer = DistinguishedName(fields.issuer)
        else { throw Self.refusal("it is no Certificate in DER (RFC 5280 4.1)") }
        self.der = der
        self.id = CertificateID(sha256: SHA256.hash(data: der))
        self.version = (fields.version ?? 0) + 1
        let magnitude = fields.serial.drop { $0 == 0 }
        self.serialNumber = magnitude.isEmpty ? "00" : magnitude.hex
        self.issuer = issuer.description
        self.subject = subject.description
        self.publicKeyDER = Array(fields.publicKey.encodedBytes)
        self.publicKey = PublicKeyFingerprint(sha256: SHA256.hash(data: self.publicKeyDER))
        self.notBefore = fields.notBefore.unixTime
        self.notAfter = fields.notAfter.unixTime
        self.subjectAttributes = subject.policyAttributes
        self.issuerAttributes = issuer.policyAttributes
        self.subjectName = Array(fields.subject.encodedBytes)
        self.issuerName = Array(fields.issuer.encodedBytes)
        self.subjectAlternativeNames = Self.alternativeNames(
            fields.extensionValue(OID.subjectAlternativeName))
        let constraints = Self.constraints(fields.extensionValue(OID.basicConstraints))
        self.isAuthority = constraints.isAuthority
        self.pathLength = constraints.pathLength
        self.subjectKeyIdentifier = fields.extensionValue(OID.subjectKeyIdentifier)?
            .primitiveBytes.map { Array($0) }
        self.authorityKeyIdentifier = Self.keyIdentifier(
            fields.extensionValue(OID.authorityKeyIdentifier))
        if fields.extensions(OID.nameConstraints).isEmpty {
            self.nameConstraints = nil
        } else {
            self.nameConstraints =
                fields.extensionValue(OID.nameConstraints).flatMap(NameConstraints.init)
                .map { .understood($0) } ?? .notUnderstood
        }
        // keyCertSign is bit 5; absent keyUsage restricts nothing (RFC 5280 4.2.1.3).
        if fields.extensions(OID.keyUsage).isEmpty {
            self.allowsSigning = true
        } else {
            let usage = fields.extensionValue(OID.keyUsage).flatMap {
                try? ASN1BitString(derEncoded: $0)
            }
            self.allowsSigning = (usage?.bytes.first ?? 0) & 0b0000_0100 != 0
        }
        self.clientRefusal = ClientUse.refusal(of: fields)
    }

    private static func constraints(
        _ node: ASN1Node?
    ) -> (isAuthority: Bool, pathLength: Int?) {
        guard let node, var fields = DERFields(node),
            fields.next(.boolean)?.primitiveBytes?.elementsEqual([0xFF]) == true
        else { return (false, nil) }
        let length = fields.next(.integer).flatMap { try? Int(derEncoded: $0) }
        return (true, length)
    }

    /// The `[0]` of an AuthorityKeyIdentifier (RFC 5280 4.2.1.1).
    private static func keyIdentifier(_ node: ASN1Node?) -> [UInt8]? {
        guard let node, var fields = DERFields(node) else { return nil }
        let tag = ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific)
        return fields.next(tag)?.primitiveBytes.map { Array($0) }
    }

    private static func alternativeNames(_ node: ASN1Node?) -> [String: [String]] {
        guard let node, var names = DERFields(node) else { return [:] }
        var found: [String: [String]] = [:]
        while let name = names.next() {
            guard name.identifier.tagClass == .contextSpecific, let bytes = name.primitiveBytes
            else { continue }
            switch name.identifier.tagNumber {
            case 1: found["RFC822Name", default: []].append(String(decoding: bytes, as: UTF8.self))
            case 2: found["DNSName", default: []].append(String(decoding: bytes, as: UTF8.self))
            case 6:
                found["UniformResourceIdentifier", default: []]
                    .append(String(decoding: bytes, as: UTF8.self))
            case 7:
                found["IPAddress", default: []]
                    .append(SubjectAlternativeName.text(ofAddress: bytes))
            default: continue
            }
        }
        return found
    }

    /// Whether `issuer` is an authority, has the name this certificate gives its issuer, and its
    /// key verifies this certificate's signature. Validity and status are the caller's questions.
    package func isSigned(by issuer: CertificateFacts) -> Bool {
        (try? self.verifySignature(by: issuer)) != nil
    }

    /// - Throws: `Refusal` saying which part of `isSigned(by:)` fails.
    func verifySignature(by issuer: CertificateFacts) throws(SignatureCheck.Refusal) {
        guard issuer.isAuthority, issuer.allowsSigning else {
            throw SignatureCheck.Refusal(reason: "that certificate is no authority's")
        }
        guard self.issuerName == issuer.subjectName else {
            throw SignatureCheck.Refusal(
                reason: "it names '\(self.issuer.clipped)' as its issuer")
        }
        guard let root = try? DER.parse(self.der), var parts = DERFields(root),
            let body = parts.next(), let algorithm = parts.next(),
            let signature = parts.next()?.wholeBitStringBytes,
            let fields = CertificateFields(body)
        else { throw SignatureCheck.Refusal(reason: "it cannot be read") }
        // RFC 5280 4.1.1.2: what is signed says how, and the two must agree.
        guard fields.signatureAlgorithm.encodedBytes.elementsEqual(algorithm.encodedBytes) else {
            throw SignatureCheck.Refusal(reason: "it names two signature algorithms")
        }
        let key: SubjectKey
        do {
            key = try SubjectKey(der: issuer.publicKeyDER, rules: KeyRules(allowsEd25519: true))
        } catch {
            throw SignatureCheck.Refusal(reason: "the authority's \(error.message)")
        }
        try SignatureCheck(algorithm).verify(signature, over: body.encodedBytes, by: key)
    }

    /// As the store keeps it, signed by the authority `issuerID`.
    package func issued(by issuerID: CertificateID) -> IssuedCertificate {
        IssuedCertificate(
            id: self.id, pem: self.pem, serialNumber: self.serialNumber, issuerID: issuerID,
            issuer: self.issuer, subject: self.subject, publicKey: self.publicKey,
            notBefore: self.notBefore, notAfter: self.notAfter)
    }

    package func authority(role: Authority.Role, at now: UnixTime) -> Authority {
        Authority(
            id: self.id, role: role, subject: self.subject, publicKey: self.publicKey,
            pem: self.pem, notBefore: self.notBefore, notAfter: self.notAfter, status: .active,
            createdAt: now)
    }

    package var pem: String { PEMBlock(label: "CERTIFICATE", bytes: self.der).text }

    private static func refusal(_ reason: String) -> FleetError {
        FleetError(.certificateValidation, "certificate: \(reason)")
    }
}

extension CertificateFacts {
    /// The subject of an authority that follows this one: the same with the next number at the end
    /// of its common name.
    /// - Throws: `FleetError.invalidRequest` where it has none that can be numbered.
    package func successorSubject() throws(FleetError) -> SubjectName {
        guard let node = try? DER.parse(self.subjectName), let name = DistinguishedName(node),
            let subject = try? SubjectName(whitelisting: name),
            subject.parts.count == name.attributes.count,
            let index = subject.parts.lastIndex(where: { $0.attribute == .commonName })
        else {
            throw FleetError(
                .invalidRequest,
                "the subject \(self.subject.clipped) has no common name to number: give one with "
                    + "--subject")
        }
        var parts = subject.parts
        let words = parts[index].value.split(separator: " ")
        let number = words.last.flatMap { Int($0) }
        let stem = number == nil ? words[...] : words.dropLast()
        parts[index] = SubjectName.Part(
            .commonName, stem.joined(separator: " ") + " \((number ?? 1) + 1)")
        return try SubjectName(parts)
    }

    /// What names it may give, where it is an authority's under constraints.
    /// - Throws: `FleetError.certificateValidation` for forms that are not understood here.
    package func ownNameConstraints() throws(FleetError) -> NameConstraints? {
        switch self.nameConstraints {
        case nil: return nil
        case .understood(let found): return found
        case .notUnderstood:
            throw FleetError(
                .certificateValidation, "its name constraints are of a form not understood here")
        }
    }
}
