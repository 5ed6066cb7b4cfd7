import CertificateAuthority
import Fleet
import Foundation

/// The gateway's own key and certificate: made by init, and anew by the running service.
struct GatewayIdentity: Sendable {
    let names: [String]
    let circumstances: AuthorityCeremony.Circumstances

    init(_ names: [String], _ circumstances: AuthorityCeremony.Circumstances) {
        self.names = names
        self.circumstances = circumstances
    }

    /// Those of the settings, and this machine's.
    static func names(_ settings: ResolvedSettings) -> [String] {
        var names = settings.list("gateway.names")
        let host = ProcessInfo.processInfo.hostName
        // A name that no certificate can hold is no reason to stop; it was not asked for.
        if !names.contains(host), (try? SubjectAlternativeName(host)) != nil {
            names.append(host)
        }
        return names
    }

    /// Whether a certificate has the names that the settings ask for. This machine's own is not
    /// asked for: it may be another at every start, as in a container.
    static func areNamed(
        by settings: ResolvedSettings, in certificate: CertificateFacts
    ) throws(FleetError) -> Bool {
        for name in settings.list("gateway.names") {
            guard certificate.names(try SubjectAlternativeName(name)) else { return false }
        }
        return true
    }

    /// Who signs it now, and by which profile.
    func issuer(
        _ profiles: CertificateProfiles, of authorities: IssuingAuthorities
    ) throws(FleetError) -> (profile: CertificateProfile, issuer: IssuingAuthority) {
        var names: [SubjectAlternativeName] = []
        for name in self.names { names.append(try SubjectAlternativeName(name)) }
        let profile = try profiles.server(names)
        return (
            profile,
            try Ceremony.issuer(.servers, profile, of: authorities, at: self.circumstances.now)
        )
    }

    struct Made: Sendable {
        let key: Secret<WipedBytes>
        let certificate: IssuedCertificate
        /// With its issuer's, so that a client needs the root alone.
        let chain: String

        fileprivate init(_ identity: AuthorityCeremony.MadeIdentity, _ issuer: IssuingAuthority) {
            self.key = identity.privateKeyPEM
            self.certificate = identity.certificate
            self.chain = identity.certificate.pem + issuer.certificate.pem
        }
    }

    func make(
        _ profiles: CertificateProfiles, of authorities: IssuingAuthorities
    ) throws(FleetError) -> Made {
        let (profile, issuer) = try self.issuer(profiles, of: authorities)
        let identity = try AuthorityCeremony.identity(
            under: issuer.authority, profile, self.circumstances)
        return Made(identity, issuer)
    }

    /// The same for a service, which has no thread to wait for a token with.
    func makeSuspending(
        _ profiles: CertificateProfiles, of authorities: IssuingAuthorities
    ) async throws(FleetError) -> Made {
        let (profile, issuer) = try self.issuer(profiles, of: authorities)
        let identity = try await AuthorityCeremony.identity(
            under: issuer, profile, self.circumstances)
        return Made(identity, issuer)
    }
}
