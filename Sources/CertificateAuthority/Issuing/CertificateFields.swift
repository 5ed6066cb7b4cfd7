import SwiftASN1

/// The fields of a TBSCertificate (RFC 5280 4.1.2), decoded no further than both the linter and
/// the reader need: what is inside names, keys and extensions stays DER.
struct CertificateFields {
    struct Extension {
        let identifier: ASN1ObjectIdentifier
        let isCritical: Bool
        /// DER inside the OCTET STRING.
        let value: ArraySlice<UInt8>
    }

    /// As encoded: 2 means v3; nil where the field is absent, which means v1.
    let version: Int?
    /// The INTEGER's content, sign octet included.
    let serial: ArraySlice<UInt8>
    let signatureAlgorithm: ASN1Node
    let issuer: ASN1Node
    let notBefore: CivilTime
    let notAfter: CivilTime
    let subject: ASN1Node
    let publicKey: ASN1Node
    let hasUniqueIdentifiers: Bool
    let extensions: [Extension]

    private static let extensionsMax = 64

    /// - Returns: nil where the bytes are not a TBSCertificate.
    init?(_ node: ASN1Node) {
        guard var fields = DERFields(node) else { return nil }
        var version: Int? = nil
        if let tagged = fields.next(Self.tag(0)) {
            guard var inner = DERFields(tagged, identifier: Self.tag(0)),
                let number = inner.next(.integer)?.primitiveBytes, number.count == 1,
                let octet = number.first, inner.isAtEnd()
            else { return nil }
            version = Int(octet)
        }
        guard let serial = fields.next(.integer)?.primitiveBytes,
            let signatureAlgorithm = fields.next(.sequence), let issuer = fields.next(.sequence),
            let validity = fields.next(.sequence), var times = DERFields(validity),
            let first = times.next(), let notBefore = try? CivilTime(derEncoded: first),
            let last = times.next(), let notAfter = try? CivilTime(derEncoded: last),
            times.isAtEnd(), let subject = fields.next(.sequence),
            let publicKey = fields.next(.sequence)
        else { return nil }
        self.version = version
        self.serial = serial
        self.signatureAlgorithm = signatureAlgorithm
        self.issuer = issuer
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.subject = subject
        self.publicKey = publicKey
        let issuerUniqueID = fields.next(Self.tag(1))
        let subjectUniqueID = fields.next(Self.tag(2))
        self.hasUniqueIdentifiers = issuerUniqueID != nil || subjectUniqueID != nil
        guard let tagged = fields.next(Self.tag(3)) else {
            self.extensions = []
            if !fields.isAtEnd() { return nil }
            return
        }
        guard fields.isAtEnd(), var inner = DERFields(tagged, identifier: Self.tag(3)),
            let list = inner.next(), inner.isAtEnd(),
            let extensions = Self.extensions(list)
        else { return nil }
        self.extensions = extensions
    }

    private static func tag(_ number: UInt) -> ASN1Identifier {
        ASN1Identifier(tagWithNumber: number, tagClass: .contextSpecific)
    }

    /// - Returns: nil where the list is empty (RFC 5280 4.1: SIZE (1..MAX)) or malformed, a
    ///   FALSE written out included (X.690 11.5).
    private static func extensions(_ node: ASN1Node) -> [Extension]? {
        guard var list = DERFields(node) else { return nil }
        var found: [Extension] = []
        while let item = list.next() {
            guard found.count < Self.extensionsMax, var parts = DERFields(item),
                let identifier = parts.next()?.objectIdentifier
            else { return nil }
            var isCritical = false
            if let flag = parts.next(.boolean) {
                guard flag.primitiveBytes?.elementsEqual([0xFF]) == true else { return nil }
                isCritical = true
            }
            guard let value = parts.next(.octetString)?.primitiveBytes, parts.isAtEnd() else {
                return nil
            }
            found.append(
                Extension(identifier: identifier, isCritical: isCritical, value: value))
        }
        return found.isEmpty ? nil : found
    }

    func extensions(_ identifier: ASN1ObjectIdentifier) -> [Extension] {
        self.extensions.filter { $0.identifier == identifier }
    }

    /// The value of the one extension with `identifier`, parsed as DER.
    func extensionValue(_ identifier: ASN1ObjectIdentifier) -> ASN1Node? {
        let found = self.extensions(identifier)
        guard found.count == 1, let only = found.first else { return nil }
        return try? DER.parse(only.value)
    }
}
