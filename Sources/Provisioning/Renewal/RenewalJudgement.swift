import Fleet

/// Whether a device may have its certificate renewed now. Nothing has been signed by then.
enum RenewalJudgement {
    case granted
    /// The very key has its certificate already.
    case answered(Certificate, Renewal)

    /// - Parameters:
    ///   - key: whose key the new certificate would be for; nil for one that is yet to be made.
    ///   - view: holds the certificate, its renewal, and that renewal's certificate.
    /// - Throws: a refusal with a reason of the hundred 21.
    static func judge(
        _ certificate: Certificate, for key: PublicKeyFingerprint?, in view: RegistryView,
        settings: RenewalSettings, at now: UnixTime
    ) throws(FleetError) -> RenewalJudgement {
        guard certificate.kind == .device, settings.windowSeconds > 0 else {
            throw FleetError(
                .accessDenied, "this certificate is not one that can be renewed by itself",
                resource: certificate.id.rawValue
            ).because(.renewalNotOffered)
        }
        let lastMoment = certificate.notAfter.advanced(bySeconds: settings.graceSeconds)
        guard now >= certificate.notBefore, now <= lastMoment else {
            throw FleetError(
                .accessDenied,
                "the certificate was valid from \(certificate.notBefore) to "
                    + "\(certificate.notAfter)", resource: certificate.id.rawValue
            ).because(.renewalTooLate)
        }
        let before = view.renewal(of: certificate.id)
        if let before, let successor = view.certificate(before.successor),
            successor.status == .active, successor.publicKey == key
        {
            return .answered(successor, before)
        }
        let opensAt = certificate.notAfter.advanced(bySeconds: -settings.windowSeconds)
        guard now >= opensAt else {
            throw FleetError(
                .resourceConflict,
                "the certificate lives until \(certificate.notAfter); renew it from \(opensAt)",
                resource: certificate.id.rawValue
            ).because(.renewalTooEarly)
        }
        let last = before?.renewedAt ?? certificate.createdAt
        let next = last.advanced(bySeconds: settings.intervalSeconds)
        guard now >= next else {
            throw FleetError(
                .tooManyRequests,
                "the device got a certificate at \(last); retry after "
                    + "\(next.seconds - now.seconds) seconds", resource: certificate.id.rawValue
            ).because(.renewalTooOften)
        }
        return .granted
    }
}
