import Fleet
import SwiftASN1

/// Everything a certificate shall say, before it is encoded (RFC 5280 4.1.2: TBSCertificate).
struct CertificateBody {
    let serial: CertificateSerial
    let issuer: IssuerIdentity
    let notBefore: UnixTime
    let notAfter: UnixTime
    let subject: SubjectName
    let key: SubjectKey
    let role: CertificateRole
    /// Where its standing can be asked for; nil where nothing is published.
    var publication: RevocationPublication?
    /// Beside those of the role.
    var alternativeNames: [SubjectAlternativeName] = []
    /// Of an authority's certificate.
    var nameConstraints: NameConstraints?
    /// What the profile adds, none of it critical.
    var additions: [CertificateExtension] = []

    var allAlternativeNames: [SubjectAlternativeName] {
        self.role.alternativeNames + self.alternativeNames
    }

    func der() throws(FleetError) -> [UInt8] {
        let subject = try self.subject.der()
        return try encodeDER("certificate") { coder in
            try coder.appendConstructedNode(identifier: .sequence) { body in
                try body.appendConstructedNode(
                    identifier: ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific)
                ) { try $0.serialize(2) }
                body.appendPrimitiveNode(identifier: .integer) { $0 += self.serial.bytes }
                try self.issuer.scheme.serialize(into: &body)
                body.serializeRawBytes(self.issuer.name)
                try body.appendConstructedNode(identifier: .sequence) { validity in
                    try validity.serialize(CivilTime(self.notBefore))
                    try validity.serialize(CivilTime(self.notAfter))
                }
                body.serializeRawBytes(subject)
                body.serializeRawBytes(self.key.der)
                try body.appendConstructedNode(
                    identifier: ASN1Identifier(tagWithNumber: 3, tagClass: .contextSpecific)
                ) { tagged in
                    try tagged.appendConstructedNode(identifier: .sequence) {
                        try self.appendExtensions(to: &$0)
                    }
                }
            }
        }
    }

    private func appendExtensions(to coder: inout DER.Serializer) throws {
        try coder.appendExtension(OID.authorityKeyIdentifier, critical: false) { value in
            value.appendConstructedNode(identifier: .sequence) { fields in
                fields.appendPrimitiveNode(
                    identifier: ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific)
                ) { $0 += self.issuer.keyIdentifier }
            }
        }
        try coder.appendExtension(OID.subjectKeyIdentifier, critical: false) { value in
            try value.serialize(ASN1OctetString(contentBytes: self.key.keyIdentifier[...]))
        }
        try coder.appendExtension(OID.basicConstraints, critical: true) { value in
            try value.appendConstructedNode(identifier: .sequence) { fields in
                // cA's default FALSE is omitted: an empty SEQUENCE (X.690 11.5).
                if self.role.isAuthority { try fields.serialize(true) }
                if let pathLength = self.role.pathLength { try fields.serialize(pathLength) }
            }
        }
        try coder.appendExtension(OID.keyUsage, critical: true) { value in
            let usage = self.role.keyUsage
            try value.serialize(ASN1BitString(bytes: [usage.bits], paddingBits: usage.unused))
        }
        if let usage = self.role.extendedKeyUsage {
            try coder.appendExtension(OID.extendedKeyUsage, critical: false) { value in
                try value.appendConstructedNode(identifier: .sequence) { try $0.serialize(usage) }
            }
        }
        if let publication, let issuer = self.issuer.id {
            try coder.appendExtension(OID.crlDistributionPoints, critical: false) {
                $0.serializeRawBytes(
                    publication.distributionPoints(of: self.serial, issuer: issuer))
            }
            try coder.appendExtension(OID.authorityInfoAccess, critical: false) {
                $0.serializeRawBytes(publication.informationAccess(issuer: issuer))
            }
        }
        if self.role == .ocspResponder {
            // Nobody asks the responder about itself (RFC 6960 4.2.2.2.1).
            try coder.appendExtension(OID.ocspNoCheck, critical: false) {
                try $0.serialize(ASN1Null())
            }
        }
        if let constraints = self.nameConstraints {
            let value = try constraints.der()
            try coder.appendExtension(OID.nameConstraints, critical: true) {
                $0.serializeRawBytes(value)
            }
        }
        for addition in self.additions {
            try coder.appendExtension(addition.identifier, critical: false) {
                $0.serializeRawBytes(addition.value)
            }
        }
        let names = self.allAlternativeNames
        if !names.isEmpty {
            try coder.appendExtension(OID.subjectAlternativeName, critical: false) { value in
                try value.appendConstructedNode(identifier: .sequence) { list in
                    for name in names { try name.serialize(into: &list) }
                }
            }
        }
    }
}
