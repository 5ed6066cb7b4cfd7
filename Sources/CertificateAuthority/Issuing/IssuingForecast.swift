package import Fleet

/// The certificate that would be made, by the decisions and the linter that make one. It has no
/// keys, and signs nothing.
package struct IssuingForecast: Sendable {
    /// What the certificate would say.
    package struct Certificate: Hashable, Sendable {
        /// nil where no authority is known.
        package let authority: IssuingTerms?
        package let profile: String
        /// The keys that it may have; empty: any.
        package let keyTypes: [String]
        package let validitySeconds: Int64
        /// What hangs on the signing request; nil where there is none.
        package let request: Request?
    }

    package struct Request: Hashable, Sendable {
        /// RFC 4514; nil where the request names none.
        package let requestedSubject: String?
        package let subject: String
        package let alternativeNames: [String]
        package let publicKey: PublicKeyFingerprint
        package let keyType: String
    }

    /// nil where no authority is known.
    private let rota: IssuingRota?
    private let profiles: IssuingProfiles
    private let rules: KeyRules
    private let authorityKeys: Set<PublicKeyFingerprint>
    private let entropy: any Entropy

    /// - Parameter authorityKeys: what no request may present.
    package init(
        rota: IssuingRota?, profiles: IssuingProfiles, rules: KeyRules,
        authorityKeys: Set<PublicKeyFingerprint>, entropy: any Entropy
    ) {
        self.rota = rota
        self.profiles = profiles
        self.rules = rules
        self.authorityKeys = authorityKeys
        self.entropy = entropy
    }

    /// - Parameter pem: a signing request; nil where it is not known yet.
    /// - Throws: as issuing would: for a profile that is not there, an authority that issues
    ///   nothing now, a request that is wrong or brings another key than is taken, a certificate
    ///   that the authority's name constraints or the linter would not let pass.
    package func certificate(
        csr pem: String?, as choice: CertificateChoice, at now: UnixTime
    ) throws(FleetError) -> Certificate {
        let request = try pem.map { text throws(FleetError) in
            try SigningRequest(pem: text, rules: self.rules)
        }
        if let request, self.authorityKeys.contains(request.key.fingerprint) {
            throw SubjectKey.refusal("it is a certificate authority's")
        }
        let profile: CertificateProfile
        var authority: IssuingTerms?
        if let rota = self.rota {
            let decided = try rota.decide(choice, by: self.profiles, at: now)
            profile = decided.profile
            authority = decided.authority
        } else {
            profile = try self.profiles.profile(choice)
        }
        if let request, let authority {
            // What nobody signs is dropped.
            _ = try authority.issuer.prepare(
                profile, subject: request.subject, key: request.key, at: now,
                entropy: self.entropy)
        }
        let period = try profile.period(at: now, under: authority?.issuer)
        var told: Request?
        if let request {
            let rendered = try profile.rendered(for: request.subject, key: request.key)
            told = Request(
                requestedSubject: request.subject?.description,
                subject: rendered.subject.description,
                alternativeNames: rendered.alternativeNames.map(\.description),
                publicKey: request.key.fingerprint, keyType: request.key.typeName)
        }
        return Certificate(
            authority: authority, profile: profile.name, keyTypes: profile.keyTypes,
            validitySeconds: period.notAfter.seconds - period.notBefore.seconds, request: told)
    }
}

extension CertificateProfile {
    /// From when to when a certificate is valid that is made now.
    /// - Parameter issuer: nil where it is not known.
    /// - Throws: `FleetError.internalFailure` where the issuer is not valid now;
    ///   `.certificateState` where the certificate would outlive it and may not be cut short.
    func period(
        at now: UnixTime, under issuer: IssuerIdentity?
    ) throws(FleetError) -> (notBefore: UnixTime, notAfter: UnixTime) {
        let notBefore = try CivilTime.moment(now, plus: -self.backdateSeconds)
        let end = try CivilTime.moment(now, plus: self.validitySeconds)
        let wanted = self.hasNoEnd ? CivilTime.latest : end
        guard let issuer else { return (notBefore, wanted) }
        guard now >= issuer.notBefore, now < issuer.notAfter else {
            throw FleetError(
                .internalFailure,
                "the authority \(issuer.text.clipped) is valid from \(issuer.notBefore) to "
                    + "\(issuer.notAfter), and it is \(now)")
        }
        return (max(notBefore, issuer.notBefore), try self.end(wanted: wanted, issuer: issuer))
    }
}
