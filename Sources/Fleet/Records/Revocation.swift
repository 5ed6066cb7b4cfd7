/// Why a certificate is revoked, by the names of RFC 5280 5.3.1.
package enum RevocationReason: String, Sendable, CaseIterable {
    case unspecified
    case keyCompromise
    case cACompromise
    case affiliationChanged
    case superseded
    case cessationOfOperation
    /// The only one that can be taken back: the certificate is INACTIVE meanwhile.
    case certificateHold
    case privilegeWithdrawn
    case aACompromise

    /// The number in a CRL's entry and in an OCSP answer (CRLReason).
    package var code: UInt8 {
        switch self {
        case .unspecified: 0
        case .keyCompromise: 1
        case .cACompromise: 2
        case .affiliationChanged: 3
        case .superseded: 4
        case .cessationOfOperation: 5
        case .certificateHold: 6
        case .privilegeWithdrawn: 9
        case .aACompromise: 10
        }
    }

    /// - Throws: `FleetError.invalidRequest` naming every reason there is.
    package init(named text: String) throws(FleetError) {
        guard let reason = Self(rawValue: text) else {
            throw FleetError(
                .invalidRequest,
                "'\(text.clipped)' is no reason of RFC 5280: give one of "
                    + Self.allCases.map(\.rawValue).joined(separator: ", "))
        }
        self = reason
    }
}

/// That a certificate is revoked: what CRL and OCSP say of it. It outlives the certificate's own
/// record, so that nothing that was revoked leaves the next CRL because somebody tidied up.
package struct Revocation: Hashable, Sendable {
    package let certificate: CertificateID
    /// nil for a certificate registered without its authority, which is on nobody's list.
    package let issuerID: CertificateID?
    /// Lower-case hex, as in `Certificate.serialNumber`.
    package let serialNumber: String
    package let notAfter: UnixTime
    package let reason: RevocationReason
    package let revokedAt: UnixTime

    package init(
        certificate: CertificateID, issuerID: CertificateID?, serialNumber: String,
        notAfter: UnixTime, reason: RevocationReason, revokedAt: UnixTime
    ) {
        self.certificate = certificate
        self.issuerID = issuerID
        self.serialNumber = serialNumber
        self.notAfter = notAfter
        self.reason = reason
        self.revokedAt = revokedAt
    }

    package init(of certificate: Certificate, _ reason: RevocationReason, at now: UnixTime) {
        self.init(
            certificate: certificate.id, issuerID: certificate.issuerID,
            serialNumber: certificate.serialNumber, notAfter: certificate.notAfter,
            reason: reason, revokedAt: now)
    }

    /// The serial's last octet, by which CRLs are sharded: it is random, and stays what it is
    /// however many shards there are.
    package var bucket: Int { Self.bucket(of: self.serialNumber) }

    package static func bucket(of serialNumber: String) -> Int {
        Int(serialNumber.suffix(2), radix: 16) ?? 0
    }
}
