package import Fleet
import SwiftASN1

/// What a certificate is for. Everything that follows from it alone (usages, constraints) is
/// computed, so that no setting can ask for a device certificate that may sign others.
package enum CertificateRole: Hashable, Sendable {
    /// Self-signed; signs issuing authorities and nothing else.
    case rootAuthority
    /// Signs gateways, claims and devices; nothing below it may sign.
    case issuingAuthority
    /// The broker's own TLS server certificate.
    case gateway([SubjectAlternativeName])
    case claim
    case device
    /// Signs OCSP answers in its issuer's name (RFC 6960 4.2.2.2), and nothing else.
    case ocspResponder

    var isAuthority: Bool {
        switch self {
        case .rootAuthority, .issuingAuthority: true
        case .gateway, .claim, .device, .ocspResponder: false
        }
    }

    /// How many further authorities may follow (RFC 5280 4.2.1.9).
    var pathLength: Int? {
        switch self {
        case .rootAuthority: 1
        case .issuingAuthority: 0
        case .gateway, .claim, .device, .ocspResponder: nil
        }
    }

    /// Content of the KeyUsage BIT STRING with its count of unused bits (RFC 5280 4.2.1.3):
    /// keyCertSign (5) and cRLSign (6), or digitalSignature (0).
    var keyUsage: (bits: UInt8, unused: Int) {
        self.isAuthority ? (bits: 0b0000_0110, unused: 1) : (bits: 0b1000_0000, unused: 7)
    }

    var extendedKeyUsage: ASN1ObjectIdentifier? {
        switch self {
        case .rootAuthority, .issuingAuthority: nil
        case .gateway: OID.serverAuth
        case .claim, .device: OID.clientAuth
        case .ocspResponder: OID.ocspSigning
        }
    }

    var alternativeNames: [SubjectAlternativeName] {
        switch self {
        case .gateway(let names): names
        case .rootAuthority, .issuingAuthority, .claim, .device, .ocspResponder: []
        }
    }

    /// What the profile of this role is called by default.
    var word: String {
        switch self {
        case .rootAuthority: "root"
        case .issuingAuthority: "ca"
        case .gateway: "server"
        case .claim: "claim"
        case .device: "device"
        case .ocspResponder: "ocsp"
        }
    }

    /// Which authority signs it (nil: itself).
    var signer: Authority.Role? {
        switch self {
        case .rootAuthority: nil
        case .issuingAuthority: .root
        case .gateway, .claim, .device, .ocspResponder: .issuing
        }
    }
}

/// How certificates of one role are made.
package struct CertificateProfile: Hashable, Sendable {
    package static let daySeconds: Int64 = 86_400
    package static let yearSeconds: Int64 = 365 * 86_400
    /// Devices have bad clocks: a certificate is valid a little before it was made.
    package static let backdateSecondsDefault: Int64 = 300
    /// Far beyond any validity worth asking for; keeps sums of seconds from overflowing.
    package static let validitySecondsMax: Int64 = 1000 * 365 * 86_400

    package let role: CertificateRole
    package var validitySeconds: Int64
    package var backdateSeconds: Int64
    /// The subject where a request brings none.
    package var subject: SubjectName
    /// Where the certificates say that their standing can be asked for; nil: they say nothing.
    package var publication: RevocationPublication?

    /// As its file is called, and as templates ask for it.
    package var name: String
    /// Until 9999-12-31T23:59:59Z, "no well-defined expiration date" (RFC 5280 4.1.2.5).
    package var hasNoEnd = false
    package var pastIssuer = PastIssuer.clamp
    /// Whether a request's subject, what the whitelist leaves of it, is taken.
    package var takesRequestedSubject = true
    package var requiredAttributes: [SubjectAttribute] = []
    /// In every subject, instead of what a request says of these attributes.
    package var fixedAttributes: [SubjectName.Part] = []
    package var alternativeNames: [AlternativeNameTemplate] = []
    package var additions: [ExtensionTemplate] = []
    /// As `SubjectKey.typeName` calls them; empty takes any that the service's settings take.
    package var keyTypes: [String] = []
    /// The issuing authority by its name, or whoever follows it; nil: the one for the use.
    package var issuer: String?
    /// What names an authority of this profile may give.
    package var nameConstraints: NameConstraints?

    /// No certificate outlives its issuer; what happens where its profile would have it do so.
    package enum PastIssuer: String, Sendable, CaseIterable { case clamp, refuse }

    /// - Throws: `FleetError.invalidRequest` unless the validity is 1 second to 1000 years, the
    ///   backdating shorter than the validity, and a gateway has names.
    package init(
        role: CertificateRole, validitySeconds: Int64,
        backdateSeconds: Int64 = CertificateProfile.backdateSecondsDefault, subject: SubjectName
    ) throws(FleetError) {
        guard (1...Self.validitySecondsMax).contains(validitySeconds) else {
            throw FleetError(
                .invalidRequest,
                "a validity of \(validitySeconds) s is not 1 to \(Self.validitySecondsMax) s")
        }
        guard (0...Self.validitySecondsMax).contains(backdateSeconds) else {
            throw FleetError(
                .invalidRequest,
                "backdating by \(backdateSeconds) s is not 0 to \(Self.validitySecondsMax) s")
        }
        if case .gateway(let names) = role, names.isEmpty {
            throw FleetError(.invalidRequest, "a gateway's certificate needs a name or address")
        }
        self.init(
            checkedRole: role, validitySeconds: validitySeconds, backdateSeconds: backdateSeconds,
            subject: subject)
    }

    private init(
        checkedRole role: CertificateRole, validitySeconds: Int64,
        backdateSeconds: Int64 = CertificateProfile.backdateSecondsDefault, subject: SubjectName
    ) {
        self.role = role
        self.validitySeconds = validitySeconds
        self.backdateSeconds = backdateSeconds
        self.subject = subject
        self.name = role.word
    }

    package static let rootAuthority = CertificateProfile(
        checkedRole: .rootAuthority, validitySeconds: 30 * Self.yearSeconds,
        subject: SubjectName(commonName: "Slipway Root CA"))
    package static let issuingAuthority = CertificateProfile(
        checkedRole: .issuingAuthority, validitySeconds: 25 * Self.yearSeconds,
        subject: SubjectName(commonName: "Slipway Issuing CA"))
    package static let claim = CertificateProfile(
        checkedRole: .claim, validitySeconds: 2 * Self.yearSeconds,
        subject: SubjectName(commonName: "Slipway Claim"))
    package static let device = CertificateProfile(
        checkedRole: .device, validitySeconds: 10 * Self.yearSeconds,
        subject: SubjectName(commonName: "Slipway Device"))

    package static let ocspResponder = CertificateProfile(
        checkedRole: .ocspResponder, validitySeconds: 7 * Self.daySeconds,
        subject: SubjectName(commonName: "Slipway OCSP Responder"))

    /// A gateway's certificate, its common name the first of `names` that fits one.
    package static func gateway(
        _ names: [SubjectAlternativeName], validitySeconds: Int64 = 2 * Self.yearSeconds
    ) throws(FleetError) -> CertificateProfile {
        let fits = names.map(\.description).first {
            SubjectAttribute.commonName.complaint(about: $0) == nil
        }
        return try CertificateProfile(
            role: .gateway(names), validitySeconds: validitySeconds,
            subject: SubjectName([.init(.commonName, fits ?? "Slipway Gateway")]))
    }
}
