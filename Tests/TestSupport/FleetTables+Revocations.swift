import Fleet

extension FleetTables {
    /// What the store does where a certificate becomes REVOKED and no reason was given.
    mutating func noteRevoked(_ id: CertificateID, at time: UnixTime) {
        guard case .certificate(let certificate)? = self.records[.certificate(id)]?.record,
            self.revocations[id].map({ $0.reason == .certificateHold }) ?? true
        else { return }
        self.revocations[id] = Revocation(of: certificate, .unspecified, at: time)
    }
}
