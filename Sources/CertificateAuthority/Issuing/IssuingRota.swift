package import Fleet

/// What of an issuing authority decides whether it signs, and until when: all but its key.
package struct IssuingTerms: Hashable, Sendable {
    package let name: String
    package let uses: Set<AuthorityUse>
    /// It issues from then on; nil: from the beginning.
    package let begin: UnixTime?
    /// The name of the one that it follows.
    package let replaces: String?
    package let isRetired: Bool

    package let id: CertificateID
    let issuer: IssuerIdentity

    /// - Throws: `FleetError.certificateValidation` for a certificate that is no authority's.
    package init(
        name: String, certificate: CertificateFacts, uses: Set<AuthorityUse>, begin: UnixTime?,
        replaces: String?, isRetired: Bool
    ) throws(FleetError) {
        self.init(
            name: name, id: certificate.id, issuer: try IssuerIdentity(certificate), uses: uses,
            begin: begin, replaces: replaces, isRetired: isRetired)
    }

    init(
        name: String, id: CertificateID, issuer: IssuerIdentity, uses: Set<AuthorityUse>,
        begin: UnixTime?, replaces: String?, isRetired: Bool
    ) {
        self.name = name
        self.id = id
        self.issuer = issuer
        self.uses = uses
        self.begin = begin
        self.replaces = replaces
        self.isRetired = isRetired
    }

    /// RFC 4514.
    package var subject: String { self.issuer.text }

    func issues(at now: UnixTime) -> Bool {
        !self.isRetired && (self.begin.map { $0 <= now } ?? true)
    }
}

/// Which issuing authority signs what. It decides for whoever signs, and for a dry run that has no
/// keys at hand.
package struct IssuingRota: Sendable {
    package let all: [IssuingTerms]

    package init(_ all: [IssuingTerms]) { self.all = all }

    /// Whoever of those for `use` began last.
    package func current(for use: AuthorityUse, at now: UnixTime) -> IssuingTerms? {
        self.all.filter { $0.uses.contains(use) && $0.issues(at: now) }.max { left, right in
            (left.begin?.milliseconds ?? .min) < (right.begin?.milliseconds ?? .min)
        }
    }

    /// `name`, or whoever has followed it by now.
    func successor(of name: String, at now: UnixTime) -> IssuingTerms? {
        guard var found = self.all.first(where: { $0.name == name }) else { return nil }
        var seen: Set<String> = [name]
        while let next = self.all.first(where: { $0.replaces == found.name && $0.issues(at: now) }),
            seen.insert(next.name).inserted
        {
            found = next
        }
        return found.issues(at: now) ? found : nil
    }

    /// The one that a template names: by its certificate's id or subject, and no other.
    private func named(_ text: String) -> IssuingTerms? {
        func plain(_ name: String) -> String { name.replacing(", ", with: ",") }
        return self.all.first {
            !$0.isRetired && ($0.id.rawValue == text || plain($0.subject) == plain(text))
        }
    }

    /// Who signs by a profile.
    /// - Throws: `FleetError.certificateState` where nobody does at present.
    func authority(
        for profile: CertificateProfile, use: AuthorityUse, at now: UnixTime
    ) throws(FleetError) -> IssuingTerms {
        if let name = profile.issuer {
            guard let found = self.successor(of: name, at: now) else {
                throw FleetError(
                    .certificateState,
                    "profile '\(profile.name)' is issued by '\(name)', which is no issuing CA "
                        + "that issues now"
                ).because(.noIssuingAuthority)
            }
            return found
        }
        guard let found = self.current(for: use, at: now) else {
            throw FleetError(
                .certificateState, "no issuing CA is for \(use.rawValue) at present"
            ).because(.noIssuingAuthority)
        }
        return found
    }

    /// Who signs a device's certificate, and how it is made.
    /// - Throws: `FleetError.certificateState` for a profile that is not there, or that nobody
    ///   signs by at present.
    func decide(
        _ choice: CertificateChoice, by profiles: IssuingProfiles, at now: UnixTime
    ) throws(FleetError) -> (profile: CertificateProfile, authority: IssuingTerms) {
        let profile = try profiles.profile(choice)
        // What a template asks of a foreign authority is for the registration to judge.
        if let named = choice.issuer.flatMap({ self.named($0) }), named.issues(at: now) {
            return (profile, named)
        }
        return (profile, try self.authority(for: profile, use: .devices, at: now))
    }
}

/// The profiles that certificates are issued by.
package struct IssuingProfiles: Sendable {
    /// Where nothing else was asked for.
    package var device: CertificateProfile
    package var claim: CertificateProfile
    /// By the names of their files.
    package var named: [String: CertificateProfile]

    package init(
        device: CertificateProfile, claim: CertificateProfile,
        named: [String: CertificateProfile]
    ) {
        self.device = device
        self.claim = claim
        self.named = named
    }

    /// The names of those that a template may ask for.
    package var forDevices: [String] {
        self.named.filter { $0.value.role == .device }.keys.sorted()
    }

    /// As the template narrows it.
    /// - Throws: `FleetError.certificateState` where there is none for devices of that name.
    func profile(_ choice: CertificateChoice) throws(FleetError) -> CertificateProfile {
        guard let name = choice.profile else { return self.device.narrowed(by: choice) }
        guard let found = self.named[name], found.role == .device else {
            throw FleetError(
                .certificateState,
                "the template asks for the certificate profile '\(name.clipped)', and there is "
                    + "none of that name for devices in pki/profiles"
            ).because(.certificateProfileMissing)
        }
        return found.narrowed(by: choice)
    }
}
