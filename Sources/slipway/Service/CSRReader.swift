import CertificateAuthority
import Fleet
import Provisioning

/// Says what a certificate for a signing request would hold, and signs nothing.
struct CSRReader: Sendable {
    private let rules: KeyRules
    private let validityDays: Int

    init(_ settings: ResolvedSettings) {
        self.rules = KeyRules(allowsEd25519: settings.flag("keys.ed25519"))
        self.validityDays = settings.integer("device.validityDays")
    }

    /// - Throws: `FleetError.invalidCSR`, as issuing would.
    func read(_ pem: String) throws(FleetError) -> DryRunCertificate {
        let request = try SigningRequest(pem: pem, rules: self.rules)
        return DryRunCertificate(
            publicKey: request.key.fingerprint,
            fields: [
                ("requestSubject", request.subject?.description ?? ""),
                ("publicKeySHA256", request.key.fingerprint.rawValue),
                ("validityDays", String(self.validityDays)),
            ],
            expected: DryRunCertificate.Expected(
                subject: (request.subject ?? CertificateProfile.device.subject).description,
                keyType: request.key.typeName, validityDays: self.validityDays))
    }
}
