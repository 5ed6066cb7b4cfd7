import Fleet

/// Why a principal that finished its TLS handshake may not speak. TLS proved possession of the key
/// and a chain to an anchor; everything a registry can know about the certificate is judged here,
/// on every connection, since a resumed session proves neither again.
enum PrincipalRefusal: Hashable, Sendable {
    case noCertificate
    case unknownCertificate
    case notActive(Certificate.Status)
    case expired(UnixTime)
    case notYetValid(UnixTime)
    case foreignIssuer
    case inactiveIssuer(CertificateID)
    /// The terms of its claim name networks, and the client is in none of them.
    case foreignNetwork
    /// The registry could not be read, so nobody can say.
    case storeUnavailable

    /// The stable word for counters.
    var label: String {
        switch self {
        case .noCertificate: "no-certificate"
        case .unknownCertificate: "unknown-certificate"
        case .notActive(.revoked): "certificate-revoked"
        case .notActive(.inactive): "certificate-inactive"
        case .notActive(.pendingActivation), .notActive(.pendingTransfer),
            .notActive(.registerInactive):
            "certificate-pending"
        case .notActive(.active): "certificate-active"
        case .expired: "certificate-expired"
        case .notYetValid: "certificate-not-yet-valid"
        case .foreignIssuer: "foreign-issuer"
        case .inactiveIssuer: "inactive-issuer"
        case .foreignNetwork: "foreign-network"
        case .storeUnavailable: "store-unavailable"
        }
    }

    /// The same for a person who reads the log.
    var explanation: String {
        switch self {
        case .noCertificate: "no client certificate was presented"
        case .unknownCertificate: "the certificate is not registered"
        case .notActive(let status): "the certificate's status is \(status.rawValue)"
        case .expired(let end): "the certificate expired at \(end)"
        case .notYetValid(let begin): "the certificate is not valid before \(begin)"
        case .foreignIssuer: "the certificate's issuer is no authority of this fleet"
        case .inactiveIssuer(let id): "the certificate's issuer \(id) is INACTIVE"
        case .foreignNetwork: "the claim may not be used from this address"
        case .storeUnavailable: "the registry cannot be read"
        }
    }

    /// Judges a certificate as the registry has it.
    static func judge(
        _ certificate: Certificate, issuer: Authority?, at now: UnixTime,
        graceSeconds: Int64 = 0
    ) -> PrincipalRefusal? {
        guard certificate.status == .active else { return .notActive(certificate.status) }
        let grace = certificate.kind == .device ? graceSeconds : 0
        // RFC 5280 4.1.2.5: both ends belong to the validity.
        if now > certificate.notAfter.advanced(bySeconds: grace) {
            return .expired(certificate.notAfter)
        }
        if now < certificate.notBefore { return .notYetValid(certificate.notBefore) }
        // A certificate registered without its authority has none to be judged by.
        guard let issuerID = certificate.issuerID else { return nil }
        guard let issuer else { return .foreignIssuer }
        return issuer.status == .active ? nil : .inactiveIssuer(issuerID)
    }
}
