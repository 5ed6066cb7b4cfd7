/// Which certificates are meant, by where they came from and what they are. All terms must hold.
package struct CertificateFilter: Hashable, Sendable {
    package enum Term: Hashable, Sendable {
        /// The claim certificate that asked.
        case claim(CertificateID)
        case station(String)
        case lot(String)
        case template(TemplateName)
        case version(Int)
        /// SHA-256 of the hook's source, or its first digits.
        case hook(String)
        /// The authority's id, or its first digits.
        case issuer(String)
        /// The public key's fingerprint, or its first digits.
        case key(String)
        case weakness(KeyWeakness)
        /// Of one of the certificate's things.
        case group(ThingGroupName)
        /// Both ends are in it. Of a certificate that was renewed also the day of the device's
        /// first one: who should not have been let in then is not made right by renewing.
        case issued(UnixTime, UnixTime)
        case status(Certificate.Status)
        case kind(Certificate.Kind)
    }

    /// What is known of a certificate beside its own record.
    package struct Facts: Hashable, Sendable {
        package var groups: Set<ThingGroupName> = []
        package var weakness: KeyWeakness?
        package init() {}
    }

    package let terms: [Term]

    package init(_ terms: [Term]) { self.terms = terms }

    /// Whether `Facts.groups` matter.
    package var asksForGroups: Bool {
        self.terms.contains { if case .group = $0 { true } else { false } }
    }

    /// Whether `Facts.weakness` matters.
    package var asksForWeakness: Bool {
        self.terms.contains { if case .weakness = $0 { true } else { false } }
    }

    /// What the filter means, said literally.
    package func matches(_ certificate: Certificate, _ facts: Facts) -> Bool {
        let provenance = certificate.provenance
        let registration = provenance?.registration
        return self.terms.allSatisfy { term in
            switch term {
            case .claim(let id): provenance?.origin.claim == id
            case .station(let text): provenance?.station == text
            case .lot(let text): provenance?.lot == text
            case .template(let name): registration?.template == name
            case .version(let number): registration?.templateVersion == number
            case .hook(let digits): registration?.hookDigest?.hasPrefix(digits) == true
            case .issuer(let digits): certificate.issuerID?.rawValue.hasPrefix(digits) == true
            case .key(let digits): certificate.publicKey.rawValue.hasPrefix(digits)
            case .weakness(let weakness): facts.weakness == weakness
            case .group(let name): facts.groups.contains(name)
            case .issued(let from, let to):
                (from...to).contains(certificate.createdAt)
                    || provenance?.renewal.map { (from...to).contains($0.firstIssuedAt) } == true
            case .status(let status): certificate.status == status
            case .kind(let kind): certificate.kind == kind
            }
        }
    }
}
