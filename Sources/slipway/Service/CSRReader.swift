import CertificateAuthority
import Fleet
import Provisioning

/// Says what a certificate for a signing request would hold, and signs nothing.
struct CSRReader: Sendable {
    private let rules: KeyRules
    private let profile: CertificateProfile
    private let validityDays: Int

    /// - Parameter profile: what devices get where their template asks for nothing else; nil beside
    ///   a service, where it is what the settings say.
    init(_ settings: ResolvedSettings, profile: CertificateProfile? = nil) {
        self.rules = KeyRules(allowsEd25519: settings.flag("keys.ed25519"))
        self.profile = profile ?? .device
        self.validityDays =
            profile.map { Int($0.validitySeconds / CertificateProfile.daySeconds) }
            ?? settings.integer("device.validityDays")
    }

    /// - Throws: `FleetError.invalidCSR`, as issuing would.
    func read(_ pem: String) throws(FleetError) -> DryRunCertificate {
        let request = try SigningRequest(pem: pem, rules: self.rules)
        let subject = try self.profile.subject(for: request.subject)
        return DryRunCertificate(
            publicKey: request.key.fingerprint,
            fields: [
                ("requestSubject", request.subject?.description ?? ""),
                ("publicKeySHA256", request.key.fingerprint.rawValue),
                ("validityDays", String(self.validityDays)),
            ],
            expected: DryRunCertificate.Expected(
                subject: subject.description,
                keyType: request.key.typeName, validityDays: self.validityDays))
    }
}
