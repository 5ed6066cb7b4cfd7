package import Fleet

/// What an issuing authority signs.
package enum AuthorityUse: String, Hashable, Sendable, CaseIterable {
    case claims, devices, servers
}

/// One issuing authority with its key, and what it is for.
package final class IssuingAuthority: Sendable {
    package let name: String
    package let authority: SigningAuthority
    package let uses: Set<AuthorityUse>
    /// It issues from then on; nil: from the beginning.
    package let begin: UnixTime?
    /// The name of the one that it follows.
    package let replaces: String?
    /// It signs CRLs and OCSP for what it issued, and issues nothing more.
    package let isRetired: Bool
    /// What decides whether it signs.
    let terms: IssuingTerms

    /// - Throws: `FleetError.certificateValidation` for an authority that signs authorities.
    package init(
        name: String, authority: consuming SigningAuthority,
        uses: Set<AuthorityUse> = Set(AuthorityUse.allCases), begin: UnixTime? = nil,
        replaces: String? = nil, isRetired: Bool = false
    ) throws(FleetError) {
        guard authority.role == .issuing else {
            throw FleetError(
                .certificateValidation,
                "\(authority.certificate.subject.clipped) is no issuing authority (its "
                    + "certificate must have path length 0)")
        }
        self.terms = IssuingTerms(
            name: name, id: authority.certificate.id, issuer: authority.identity, uses: uses,
            begin: begin, replaces: replaces, isRetired: isRetired)
        self.name = name
        self.authority = authority
        self.uses = uses
        self.begin = begin
        self.replaces = replaces
        self.isRetired = isRetired
    }

    package var certificate: CertificateFacts { self.authority.certificate }
    /// Where its key is, where that is a token.
    package var keyURI: KeyURI? { self.authority.key.uri }
}

/// The issuing authorities of a service, and which of them signs what.
package struct IssuingAuthorities: Sendable {
    package let all: [IssuingAuthority]
    package let rota: IssuingRota

    /// - Throws: `FleetError.invalidRequest` where two would issue the same from the same moment,
    ///   or two are called alike.
    package init(_ all: [IssuingAuthority]) throws(FleetError) {
        guard Set(all.map(\.name)).count == all.count else {
            throw FleetError(.invalidRequest, "two issuing authorities have the same name")
        }
        for use in AuthorityUse.allCases {
            var begins: Set<UnixTime?> = []
            for one in all where one.uses.contains(use) && !one.isRetired {
                guard begins.insert(one.begin).inserted else {
                    throw FleetError(
                        .invalidRequest,
                        "two issuing authorities are for \(use.rawValue) from the same moment: "
                            + "'\(one.name)' is one of them")
                }
            }
        }
        self.all = all
        self.rota = IssuingRota(all.map(\.terms))
    }

    package subscript(_ name: String) -> IssuingAuthority? { self.all.first { $0.name == name } }

    package func authority(with id: CertificateID) -> IssuingAuthority? {
        self.all.first { $0.certificate.id == id }
    }

    /// Whoever of those for `use` began last.
    package func current(for use: AuthorityUse, at now: UnixTime) -> IssuingAuthority? {
        self.rota.current(for: use, at: now).flatMap { self[$0.name] }
    }

    /// `name`, or whoever has followed it by now.
    package func successor(of name: String, at now: UnixTime) -> IssuingAuthority? {
        self.rota.successor(of: name, at: now).flatMap { self[$0.name] }
    }
}
