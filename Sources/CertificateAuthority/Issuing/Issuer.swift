import Crypto
package import Fleet
import SwiftASN1
import Synchronization

/// Issues device and claim certificates: the port that provisioning knows, over the issuing
/// authorities of a service and its profiles.
///
/// It runs on the caller's executor. A request costs some hundred microseconds, most of it in
/// signatures, and waits for nobody but a token that holds the key, and then without a thread:
/// libcrypto signs with one key from many threads, and the lock is held for as long as it takes to
/// read who issues now.
package final class Issuer: CertificateIssuer {
    private struct Present: Sendable {
        var authorities: IssuingAuthorities
        var profiles: IssuingProfiles
        var authorityKeys: Set<PublicKeyFingerprint>
    }

    private let present: Mutex<Present>
    private let rules: KeyRules
    private let entropy: any Entropy

    /// - Parameter authorityKeys: keys of further authorities that this service knows; a request
    ///   that presents one of them is refused.
    package init(
        authorities: IssuingAuthorities, profiles: IssuingProfiles, rules: KeyRules = KeyRules(),
        authorityKeys: Set<PublicKeyFingerprint> = [], entropy: any Entropy
    ) throws(FleetError) {
        self.present = Mutex(
            Present(
                authorities: authorities, profiles: profiles,
                authorityKeys: authorityKeys.union(
                    authorities.all.map { $0.certificate.publicKey })))
        self.rules = rules
        self.entropy = entropy
    }

    package var authorities: IssuingAuthorities { self.present.withLock { $0.authorities } }
    package var profiles: IssuingProfiles { self.present.withLock { $0.profiles } }
    package var deviceProfiles: [String] { self.profiles.forDevices }
    private var authorityKeys: Set<PublicKeyFingerprint> {
        self.present.withLock { $0.authorityKeys }
    }

    /// Issues by these from now on. A key that was an authority's stays refused.
    package func use(
        _ authorities: IssuingAuthorities, _ profiles: IssuingProfiles,
        authorityKeys: Set<PublicKeyFingerprint>
    ) {
        self.present.withLock { present in
            present.authorities = authorities
            present.profiles = profiles
            present.authorityKeys.formUnion(authorityKeys)
            present.authorityKeys.formUnion(authorities.all.map { $0.certificate.publicKey })
        }
    }

    /// One authority for everything.
    package convenience init(
        authority: consuming SigningAuthority, profile: CertificateProfile = .device,
        rules: KeyRules = KeyRules(), authorityKeys: Set<PublicKeyFingerprint> = [],
        entropy: any Entropy
    ) throws(FleetError) {
        var claim = CertificateProfile.claim
        claim.backdateSeconds = profile.backdateSeconds
        claim.publication = profile.publication
        try self.init(
            authorities: IssuingAuthorities([
                IssuingAuthority(name: "issuing-ca", authority: authority)
            ]), profiles: IssuingProfiles(device: profile, claim: claim, named: [:]),
            rules: rules, authorityKeys: authorityKeys, entropy: entropy)
    }

    package func issue(
        csr pem: String, as choice: CertificateChoice, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        let request = try SigningRequest(pem: pem, rules: self.rules)
        return try await self.issue(
            key: request.key, subject: request.subject, as: choice, at: now)
    }

    package func issue(
        publicKey: [UInt8], as choice: CertificateChoice, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        try await self.issue(
            key: SubjectKey(der: publicKey, rules: self.rules), subject: nil, as: choice, at: now)
    }

    package func keyTypes(as choice: CertificateChoice) throws(FleetError) -> [String] {
        try self.profiles.profile(choice).keyTypes
    }

    package func publicKey(ofCSR pem: String) throws(FleetError) -> PublicKeyFingerprint {
        try SigningRequest(pem: pem, rules: self.rules).key.fingerprint
    }

    package func identity(ofCSR pem: String) throws(FleetError) -> RequestedIdentity {
        let request = try SigningRequest(pem: pem, rules: self.rules)
        return RequestedIdentity(
            publicKey: request.key.fingerprint, subject: request.requestedSubject)
    }

    package func renew(
        _ predecessor: String, for key: RenewalKey, profile: String?, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        let facts = try CertificateFacts(pem: predecessor)
        let subject = try Self.subject(of: facts)
        let subjectKey: SubjectKey
        switch key {
        case .same: subjectKey = try SubjectKey(der: facts.publicKeyDER, rules: self.rules)
        case .made(let der): subjectKey = try SubjectKey(der: der, rules: self.rules)
        case .request(let pem):
            let request = try SigningRequest(pem: pem, rules: self.rules)
            // RFC 7030 4.2.2; and a policy may let in by what the subject says.
            guard request.subject == nil || request.subject == subject else {
                throw FleetError(
                    .invalidCSR,
                    "certificateSigningRequest: its subject is not the certificate's own, "
                        + "'\(facts.subject.clipped)'"
                ).because(.renewalOfAnotherSubject)
            }
            subjectKey = request.key
        }
        guard !self.authorityKeys.contains(subjectKey.fingerprint) else {
            throw SubjectKey.refusal("it is a certificate authority's")
        }
        let named = profile.flatMap { self.profiles.named[$0] }
        let profile = named.flatMap { $0.role == .device ? $0 : nil } ?? self.profiles.device
        return try await self.sign(
            profile, under: self.authority(after: facts, for: profile, at: now), key: subjectKey,
            subject: subject, at: now)
    }

    /// The authority that signed the certificate before, or whoever has followed it by now.
    private func authority(
        after facts: CertificateFacts, for profile: CertificateProfile, at now: UnixTime
    ) throws(FleetError) -> IssuingAuthority {
        let before = self.authorities.all.first { $0.certificate.subjectName == facts.issuerName }
        if profile.issuer == nil, let before,
            let follower = self.authorities.successor(of: before.name, at: now)
        {
            return follower
        }
        return try self.authority(for: profile, use: .devices, at: now)
    }

    /// The whole subject of a certificate, or none of it.
    private static func subject(of facts: CertificateFacts) throws(FleetError) -> SubjectName {
        let name = (try? DER.parse(facts.subjectName)).flatMap { DistinguishedName($0) }
        if let name, let subject = try SubjectName(whitelisting: name),
            subject.description == facts.subject
        {
            return subject
        }
        throw FleetError(
            .invalidCSR,
            "the subject '\(facts.subject.clipped)' is not one that this service writes"
        ).because(.renewalNotOffered)
    }

    package func issueClaim(
        publicKey: [UInt8], validitySeconds: Int64, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        guard (1...CertificateProfile.validitySecondsMax).contains(validitySeconds) else {
            throw FleetError(
                .invalidRequest, "a claim's validity of \(validitySeconds) s is none")
        }
        var profile = self.profiles.claim
        profile.validitySeconds = validitySeconds
        profile.hasNoEnd = false
        let authority = try self.authority(for: profile, use: .claims, at: now)
        return try await self.sign(
            profile, under: authority, key: SubjectKey(der: publicKey, rules: self.rules),
            subject: nil, at: now)
    }

    private func issue(
        key: SubjectKey, subject: SubjectName?, as choice: CertificateChoice = .standard,
        at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        guard !self.authorityKeys.contains(key.fingerprint) else {
            throw SubjectKey.refusal("it is a certificate authority's")
        }
        let decided = try self.authorities.rota.decide(choice, by: self.profiles, at: now)
        return try await self.sign(
            decided.profile, under: self.authority(decided.authority), key: key, subject: subject,
            at: now)
    }

    private func authority(
        for profile: CertificateProfile, use: AuthorityUse, at now: UnixTime
    ) throws(FleetError) -> IssuingAuthority {
        try self.authority(self.authorities.rota.authority(for: profile, use: use, at: now))
    }

    private func authority(_ terms: IssuingTerms) throws(FleetError) -> IssuingAuthority {
        guard let found = self.authorities[terms.name] else {
            throw FleetError(.internalFailure, "the issuing CA '\(terms.name)' has no key here")
        }
        return found
    }

    /// What certificates would be, as things stand now.
    package var forecast: IssuingForecast {
        let present = self.present.withLock { $0 }
        return IssuingForecast(
            rota: present.authorities.rota, profiles: present.profiles, rules: self.rules,
            authorityKeys: present.authorityKeys, entropy: self.entropy)
    }

    private func sign(
        _ profile: CertificateProfile, under authority: IssuingAuthority, key: SubjectKey,
        subject: SubjectName?, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        let signer = SigningAuthority(sharing: authority.authority)
        let prepared = try signer.prepare(
            profile, subject: subject, key: key, at: now, entropy: self.entropy)
        var issued = try await signer.signSuspending(prepared)
        issued.profile = profile.name
        return issued
    }
}
