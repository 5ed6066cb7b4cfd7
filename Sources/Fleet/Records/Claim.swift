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
