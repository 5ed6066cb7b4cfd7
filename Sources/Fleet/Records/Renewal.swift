/// That one certificate takes over from another, and what becomes of the old one. Kept with the old
/// one, which has one of these at most: whoever renews once more before the new certificate was
/// ever used gets another new one, and the first ends.
package struct Renewal: Hashable, Sendable {
    /// The certificate that was renewed.
    package let predecessor: CertificateID
    package let successor: CertificateID
    package let renewedAt: UnixTime
    /// When the old one retires although nobody has seen the new one.
    package let overlapEndsAt: UnixTime
    /// When it was decided what becomes of the old one; nil while both speak for the device.
    package var settledAt: UnixTime?

    package init(
        predecessor: CertificateID, successor: CertificateID, renewedAt: UnixTime,
        overlapEndsAt: UnixTime, settledAt: UnixTime? = nil
    ) {
        self.predecessor = predecessor
        self.successor = successor
        self.renewedAt = renewedAt
        self.overlapEndsAt = overlapEndsAt
        self.settledAt = settledAt
    }
}

/// Whose key a renewed certificate is for.
package enum RenewalKey: Hashable, Sendable {
    /// The key of the certificate that is renewed.
    case same
    /// The key of a PKCS#10 request (RFC 2986) in PEM.
    case request(String)
    /// A SubjectPublicKeyInfo in DER, made by this service itself.
    case made([UInt8])
}
