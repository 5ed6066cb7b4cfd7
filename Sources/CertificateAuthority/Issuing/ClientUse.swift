import SwiftASN1

/// Whether a certificate's extensions let a client identify itself by it: what a TLS library asks
/// of a chain's last link (RFC 5280 4.2.1.3 and 4.2.1.12).
enum ClientUse {
    /// Extensions that this service acts upon, or that restrict nothing it does.
    private static let understood: Set<ASN1ObjectIdentifier> = [
        OID.basicConstraints, OID.keyUsage, OID.extendedKeyUsage, OID.subjectAlternativeName,
        OID.subjectKeyIdentifier, OID.authorityKeyIdentifier, OID.certificatePolicies,
    ]

    /// - Returns: nil where nothing speaks against it.
    static func refusal(of fields: CertificateFields) -> String? {
        var seen: Set<ASN1ObjectIdentifier> = []
        for item in fields.extensions {
            // RFC 5280 4.2: no more than one of each.
            guard seen.insert(item.identifier).inserted else {
                return "it has the extension \(item.identifier) twice"
            }
            guard !item.isCritical || Self.understood.contains(item.identifier) else {
                return "its critical extension \(item.identifier) is not understood here"
            }
        }
        return Self.usage(fields) ?? Self.purpose(fields)
    }

    /// digitalSignature is bit 0, keyAgreement bit 4.
    private static func usage(_ fields: CertificateFields) -> String? {
        guard !fields.extensions(OID.keyUsage).isEmpty else { return nil }
        let usage = fields.extensionValue(OID.keyUsage).flatMap {
            try? ASN1BitString(derEncoded: $0)
        }
        return (usage?.bytes.first ?? 0) & 0b1000_1000 != 0
            ? nil : "its keyUsage lets its key sign no handshake"
    }

    private static func purpose(_ fields: CertificateFields) -> String? {
        guard !fields.extensions(OID.extendedKeyUsage).isEmpty else { return nil }
        if let list = fields.extensionValue(OID.extendedKeyUsage), var names = DERFields(list) {
            while let name = names.next()?.objectIdentifier {
                if name == OID.clientAuth || name == OID.anyExtendedKeyUsage { return nil }
            }
        }
        return "its extendedKeyUsage does not say clientAuth"
    }
}
