package import Fleet

/// The certificate that would be made, by the decisions that make one. It has no keys, and signs
/// nothing.
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

    package init(
        rota: IssuingRota?, profiles: IssuingProfiles, rules: KeyRules
    ) {
        self.rota = rota
        self.profiles = profiles
        self.rules = rules
    }

    /// - Parameter pem: a signing request; nil where it is not known yet.
    /// - Throws: as issuing would: for a profile that is not there, an authority that issues
    ///   nothing now, a request that is wrong or brings another key than is taken.
    package func certificate(
        csr pem: String?, as choice: CertificateChoice, at now: UnixTime
    ) throws(FleetError) -> Certificate {
        let request = try pem.map { text throws(FleetError) in
            try SigningRequest(pem: text, rules: self.rules)
        }
        if let request, let rota = self.rota,
            rota.all.contains(where: { $0.publicKey == request.key.fingerprint })
        {
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
        let period = try profile.period(
            at: now,
            under: authority.map {
                IssuerPeriod(subject: $0.subject, notBefore: $0.notBefore, notAfter: $0.notAfter)
            })
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

/// When an issuer is valid; no certificate of its is valid beyond that.
struct IssuerPeriod {
    /// RFC 4514.
    let subject: String
    let notBefore: UnixTime
    let notAfter: UnixTime
}

extension CertificateProfile {
    /// From when to when a certificate is valid that is made now.
    /// - Parameter issuer: nil where it is not known.
    /// - Throws: `FleetError.internalFailure` where the issuer is not valid now;
    ///   `.certificateState` where the certificate would outlive it and may not be cut short.
    func period(
        at now: UnixTime, under issuer: IssuerPeriod?
    ) throws(FleetError) -> (notBefore: UnixTime, notAfter: UnixTime) {
        let notBefore = try CivilTime.moment(now, plus: -self.backdateSeconds)
        let end = try CivilTime.moment(now, plus: self.validitySeconds)
        let wanted = self.hasNoEnd ? CivilTime.latest : end
        guard let issuer else { return (notBefore, wanted) }
        guard now >= issuer.notBefore, now < issuer.notAfter else {
            throw FleetError(
                .internalFailure,
                "the authority \(issuer.subject.clipped) is valid from \(issuer.notBefore) to "
                    + "\(issuer.notAfter), and it is \(now)")
        }
        return (max(notBefore, issuer.notBefore), try self.end(wanted: wanted, issuer: issuer))
    }
}
