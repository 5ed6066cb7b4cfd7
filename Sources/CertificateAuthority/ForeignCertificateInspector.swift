package import Fleet

/// The port that registrations ask about certificates made elsewhere. It reads and verifies, and
/// holds neither a key nor an opinion on who may be an authority.
package struct ForeignCertificateInspector: CertificateInspector {
    /// Authorities and devices of others may use Ed25519, which we do not issue by default.
    private static let rules = KeyRules(allowsEd25519: true)

    package init() {}

    package func inspect(_ pem: String) throws(FleetError) -> InspectedCertificate {
        let facts = try Self.facts(of: pem)
        do throws(FleetError) {
            _ = try SubjectKey(der: facts.publicKeyDER, rules: Self.rules)
        } catch {
            throw FleetError(
                .certificateValidation,
                "certificate '\(facts.subject.clipped)': \(error.message)",
                resource: facts.id.rawValue)
        }
        return facts.inspected
    }

    package func verify(_ pem: String, issuedBy authorityPEM: String) throws(FleetError) {
        let facts = try Self.facts(of: pem)
        let authority = try Self.facts(of: authorityPEM)
        do {
            try facts.verifySignature(by: authority)
        } catch {
            throw FleetError(
                .certificateValidation,
                "certificate '\(facts.subject.clipped)' is not one of "
                    + "'\(authority.subject.clipped)': \(error.reason)",
                resource: facts.id.rawValue)
        }
    }

    private static func facts(of pem: String) throws(FleetError) -> CertificateFacts {
        guard pem.utf8.count <= Limits.certificatePEMBytesMax else {
            throw FleetError(
                .certificateValidation,
                "certificate: it has \(pem.utf8.count) bytes; at most "
                    + "\(Limits.certificatePEMBytesMax)")
        }
        return try CertificateFacts(pem: pem, explained: true)
    }
}

extension CertificateFacts {
    var inspected: InspectedCertificate {
        InspectedCertificate(
            id: self.id, pem: self.pem, version: self.version, serialNumber: self.serialNumber,
            issuer: self.issuer, subject: self.subject,
            subjectAttributes: self.subjectAttributes, publicKey: self.publicKey,
            notBefore: self.notBefore, notAfter: self.notAfter,
            subjectKeyID: self.subjectKeyIdentifier?.hex,
            authorityKeyID: self.authorityKeyIdentifier?.hex,
            isAuthority: self.isAuthority && self.allowsSigning,
            clientRefusal: self.clientRefusal)
    }
}
