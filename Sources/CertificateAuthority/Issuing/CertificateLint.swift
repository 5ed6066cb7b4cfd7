import Fleet
import Foundation
import SwiftASN1

/// The linter that stands before the signer, run on a certificate that is there already: over a
/// whole store after a rule was added, or over a file.
package enum CertificateLint {
    /// - Parameters:
    ///   - certificate: what is examined. Its role is read from what it may do: an authority that
    ///     may have no other below it is an issuing one, `serverAuth` makes a gateway,
    ///     `OCSPSigning` a responder, and everything else is judged as a device's, whose
    ///     extensions a claim has too. Where it says that its standing can be asked for is taken
    ///     from itself too: a store outlives the setting, but the parts must agree.
    ///   - issuer: the authority that it names; itself for a root.
    /// - Returns: every rule that it breaks, in the linter's words; empty for a sound one.
    package static func findings(
        in certificate: CertificateFacts, issuedBy issuer: CertificateFacts
    ) -> [String] {
        guard let root = try? DER.parse(certificate.der), var parts = DERFields(root),
            let body = parts.next(), let fields = CertificateFields(body)
        else { return ["not a Certificate in DER (RFC 5280 4.1)"] }
        let rules = KeyRules(allowsEd25519: true)
        let key: SubjectKey
        let issuerKey: SubjectKey
        do throws(FleetError) {
            key = try SubjectKey(der: certificate.publicKeyDER, rules: rules)
            issuerKey = try SubjectKey(der: issuer.publicKeyDER, rules: rules)
        } catch {
            return [error.message]
        }
        let scheme = SignatureScheme(issuerKey.kind)
        let identity = IssuerIdentity(
            id: issuer.id, name: issuer.subjectName, text: issuer.subject,
            keyIdentifier: issuer.subjectKeyIdentifier ?? [], publicKey: issuer.publicKey,
            scheme: scheme, notBefore: issuer.notBefore, notAfter: issuer.notAfter)
        var lint = ProfileLint(
            role: Self.role(of: certificate, fields), issuer: identity, key: key)
        lint.publication = Self.publication(fields)
        lint.serial = CertificateSerial(bytes: Array(fields.serial))
        // What a profile may add is taken from the certificate itself: profiles change, and a
        // store outlives them. That it is well formed is held against it all the same.
        if lint.role.alternativeNames.isEmpty {
            lint.alternativeNames = Self.alternativeNames(fields)
        }
        if certificate.isAuthority {
            lint.nameConstraints = Self.nameConstraints(fields)
        }
        lint.additions = fields.extensions.filter {
            CertificateExtension.mayBeAdded($0.identifier)
        }.map { CertificateExtension(identifier: $0.identifier, value: Array($0.value)) }
        var findings = lint.findings(in: Array(body.encodedBytes)).map(\.description)
        do throws(SignatureCheck.Refusal) {
            try certificate.verifySignature(by: issuer)
        } catch {
            findings.append("signature: \(error.reason)")
        }
        return findings
    }

    private static func role(
        of certificate: CertificateFacts, _ fields: CertificateFields
    ) -> CertificateRole {
        if certificate.isAuthority {
            return certificate.pathLength == 0 ? .issuingAuthority : .rootAuthority
        }
        guard let usages = fields.extensionValue(OID.extendedKeyUsage),
            var names = DERFields(usages)
        else { return .device }
        switch names.next()?.objectIdentifier {
        case OID.serverAuth: return .gateway(Self.alternativeNames(fields))
        case OID.ocspSigning: return .ocspResponder
        default: return .device
        }
    }

    /// From the address of its list, `URL/crl/NAME-IofN.crl`; nil where there is none of that form.
    private static func publication(_ fields: CertificateFields) -> RevocationPublication? {
        guard let points = fields.extensionValue(OID.crlDistributionPoints),
            let address = Self.firstAddress(in: points),
            let path = address.range(of: "/crl/", options: .backwards),
            address.hasSuffix(".crl"),
            let count = address.range(of: "of", options: .backwards),
            let shards = Int(address[count.upperBound...].dropLast(".crl".count))
        else { return nil }
        return try? RevocationPublication(
            url: String(address[..<path.lowerBound]), shards: shards)
    }

    /// The first uniformResourceIdentifier, `[6]`, at any depth of a DistributionPoint.
    private static func firstAddress(in node: ASN1Node) -> String? {
        switch node.content {
        case .constructed(let children):
            for child in children {
                if let found = Self.firstAddress(in: child) { return found }
            }
            return nil
        case .primitive(let bytes):
            let isAddress =
                node.identifier.tagClass == .contextSpecific && node.identifier.tagNumber == 6
            return isAddress ? String(decoding: bytes, as: UTF8.self) : nil
        }
    }

    /// As this module would encode them; nil where they are of forms that are not understood here,
    /// which the linter then finds.
    private static func nameConstraints(_ fields: CertificateFields) -> [UInt8]? {
        fields.extensionValue(OID.nameConstraints).flatMap(NameConstraints.init).flatMap {
            try? $0.der()
        }
    }

    /// In the order in which the certificate has them.
    private static func alternativeNames(
        _ fields: CertificateFields
    ) -> [SubjectAlternativeName] {
        guard let node = fields.extensionValue(OID.subjectAlternativeName),
            var list = DERFields(node)
        else { return [] }
        var names: [SubjectAlternativeName] = []
        while let name = list.next() {
            guard let bytes = name.primitiveBytes else { continue }
            switch name.identifier.tagNumber {
            case 2: names.append(.dns(String(decoding: bytes, as: UTF8.self)))
            case 6: names.append(.uri(String(decoding: bytes, as: UTF8.self)))
            case 7: names.append(.address(Array(bytes)))
            default: continue
            }
        }
        return names
    }
}

extension CertificateSerial {
    /// Whatever a certificate has, sound or not.
    fileprivate init(bytes: [UInt8]) { self.bytes = bytes }
}
