/// What an operator has said about a claim certificate: which line holds it, and what every
/// device that bootstraps with it inherits as provenance.
package struct Claim: Hashable, Sendable {
    package let certificate: CertificateID
    /// For people: "demo-line".
    package var label: String
    package var station: String?
    package var lot: String?
    package let createdAt: UnixTime

    package init(
        certificate: CertificateID, label: String, station: String?, lot: String?,
        createdAt: UnixTime
    ) {
        self.certificate = certificate
        self.label = label
        self.station = station
        self.lot = lot
        self.createdAt = createdAt
    }
}

/// An authority whose certificates this service knows. The key is elsewhere, or nowhere.
package struct Authority: Hashable, Sendable {
    package enum Role: String, Sendable { case root, issuing, registered }
    package enum Status: String, Sendable { case active = "ACTIVE", inactive = "INACTIVE" }
    package let id: CertificateID
    package let role: Role
    package let subject: String
    package let publicKey: PublicKeyFingerprint
    package let pem: String
    package let notBefore: UnixTime
    package let notAfter: UnixTime
    package var status: Status
    package let createdAt: UnixTime

    package init(
        id: CertificateID, role: Role, subject: String, publicKey: PublicKeyFingerprint,
        pem: String, notBefore: UnixTime, notAfter: UnixTime, status: Status, createdAt: UnixTime
    ) {
        self.id = id
        self.role = role
        self.subject = subject
        self.publicKey = publicKey
        self.pem = pem
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.status = status
        self.createdAt = createdAt
    }
}
