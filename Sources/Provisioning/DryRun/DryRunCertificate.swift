package import Fleet

/// What is known of the certificate that a device would be given.
package struct DryRunCertificate: Sendable {
    /// What it would say of what a template can demand; nil where that is not known.
    package struct Expected: Hashable, Sendable {
        /// Who would sign it.
        package var issuerID: CertificateID?
        /// RFC 4514.
        package var issuer: String?
        package var profile: String?
        /// RFC 4514.
        package var subject: String?
        /// As `Slipway.Certificate.KeyTypes` calls it.
        package var keyType: String?
        package var validitySeconds: Int64?
        package var alternativeNames: [String]?

        package init() {}
    }

    /// Tells keys apart; nil where that is not known.
    package let publicKey: PublicKeyFingerprint?
    /// By name, as the report prints them: issuer, profile, key, subject, validity in days.
    package let fields: [(name: String, value: String)]
    /// nil where nothing can be foreseen; then the template's demands are not looked at.
    package let expected: Expected?
    /// What the certificate's template asks for that a dry run cannot look at, and why.
    package let unknown: [String]

    package init(
        publicKey: PublicKeyFingerprint?, fields: [(name: String, value: String)],
        expected: Expected? = nil, unknown: [String] = []
    ) {
        self.publicKey = publicKey
        self.fields = fields
        self.expected = expected
        self.unknown = unknown
    }
}

extension DryRun {
    /// What has to be known to say what certificate would be made.
    package struct Enquiry: Sendable {
        /// A signing request in PEM; nil where there is none.
        package let csr: String?
        /// By whom and how it would be made.
        package let choice: CertificateChoice
        /// Under which claim that is so, in words.
        package let madeFor: String
        /// Whether the template asks anything of the certificate.
        package let hasDemands: Bool
        package let at: UnixTime
    }

    /// The certificate as it would be made before the device names its template. One that another
    /// authority made (just-in-time provisioning) is not made at all.
    func certificate(
        _ request: DryRunRequest, _ template: Template, _ standing: ClaimStanding?
    ) async throws(FleetError) -> DryRunCertificate? {
        guard let foresee = self.foresee else {
            guard request.csr == nil else {
                throw FleetError(.invalidRequest, "nothing here can read a signing request")
            }
            return nil
        }
        guard request.csr != nil || !request.isJustInTime else { return nil }
        if let csr = request.csr, csr.count > Limits.csrCharactersMax {
            throw FleetError(
                .invalidCSR,
                "the CSR has \(csr.count) characters; at most \(Limits.csrCharactersMax)")
        }
        let (choice, madeFor) = try await self.choice(template, standing)
        return try foresee(
            Enquiry(
                csr: request.csr, choice: choice, madeFor: madeFor,
                hasDemands: template.document.certificateDemands != nil, at: self.clock.now))
    }

    /// As `Provisioner.certificateChoice` has it. Nobody's claim is one that is for the tried
    /// template alone, and a version that is tried stands in for the default one.
    private func choice(
        _ template: Template, _ standing: ClaimStanding?
    ) async throws(FleetError) -> (CertificateChoice, String) {
        guard let standing, let terms = standing.terms, let tried = template.source.template else {
            let own = template.document.certificateDemands?.choice { $0.literal }
            return (own ?? .standard, "a claim for this template alone")
        }
        let names = ClaimCertificateChoice.templates(of: standing)
        let keys = Set(names.map { RecordKey.template($0) })
        let versions = ClaimCertificateChoice.versions(of: names, in: try await self.load(keys))
        let view = try await self.load(keys.union(versions))
        let choice = try ClaimCertificateChoice.choice(of: names, in: view) {
            version throws(FleetError) in
            if version.template == tried { return template.document }
            return try self.templates.document(of: version)
        }
        return (choice, "claim '\(terms.name)'")
    }
}
