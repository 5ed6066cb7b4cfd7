/// Turns a public key into a certificate: bytes in, bytes out, so that the issuer can move to
/// another process or an HSM. What it returns is signed but not yet true; the caller commits it
/// before anybody hears of it.
package protocol CertificateIssuer: Sendable {
    /// - Parameter pem: a PKCS#10 request (RFC 2986) in PEM.
    /// - Throws: `FleetError.invalidCSR` naming what is wrong with it (text, signature, key).
    func issue(
        csr pem: String, as choice: CertificateChoice, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate

    /// - Parameter publicKey: a SubjectPublicKeyInfo in DER, made by this service itself.
    func issue(
        publicKey: [UInt8], as choice: CertificateChoice, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate

    /// A device's next certificate: its subject is that of the one before, byte for byte.
    /// - Parameters:
    ///   - predecessor: the certificate that is renewed, in PEM.
    ///   - profile: the certificate profile that it was made by; the standard one where that is
    ///     gone.
    /// - Throws: `FleetError.invalidCSR` for a request that names another subject, or is wrong in
    ///   itself; for a subject that this service would not write.
    func renew(
        _ predecessor: String, for key: RenewalKey, profile: String?, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate

    /// The profiles that a template may ask for by name.
    var deviceProfiles: [String] { get }

    /// The keys that a certificate made so may have, such as `EC-P256`; empty: any.
    /// - Throws: as `issue`, where there is no such profile.
    func keyTypes(as choice: CertificateChoice) throws(FleetError) -> [String]

    /// The key that a request presents, once the request is found in order.
    func publicKey(ofCSR pem: String) throws(FleetError) -> PublicKeyFingerprint

    /// Whose certificate a request asks for, once the request is found in order.
    /// - Throws: `FleetError.invalidCSR`, as `issue`.
    func identity(ofCSR pem: String) throws(FleetError) -> RequestedIdentity

    /// A claim's certificate, for a key that this service made itself.
    /// - Parameter validitySeconds: how long it lives from `now`.
    func issueClaim(
        publicKey: [UInt8], validitySeconds: Int64, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate
}

extension CertificateIssuer {
    package func issue(
        csr pem: String, at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        try await self.issue(csr: pem, as: .standard, at: now)
    }

    package func issue(
        publicKey: [UInt8], at now: UnixTime
    ) async throws(FleetError) -> IssuedCertificate {
        try await self.issue(publicKey: publicKey, as: .standard, at: now)
    }
}

/// By whom and how a device's certificate is to be made, where that is known when it is asked for:
/// from the one template that its claim is for, or from a registration by an operator.
package struct CertificateChoice: Hashable, Sendable {
    /// An issuing authority, by its subject (RFC 4514) or its certificate's id.
    package var issuer: String?
    /// A certificate profile, by its name.
    package var profile: String?
    /// The most days that it may live; nil: as the profile says.
    package var validityDaysMax: Int?
    /// The keys that it may have, such as `EC-P256`; empty: as the profile says.
    package var keyTypes: [String] = []
    /// Attributes of the subject, in place of what a request says of them.
    package var subject: [SubjectValue] = []
    package var alternativeNames: [String] = []

    /// An attribute by its short name (RFC 4514), and its value.
    package struct SubjectValue: Hashable, Sendable {
        package let attribute: String
        package let value: String

        package init(_ attribute: String, _ value: String) {
            self.attribute = attribute
            self.value = value
        }
    }

    package init(issuer: String?, profile: String?) {
        self.issuer = issuer
        self.profile = profile
    }

    /// Whatever the service issues by itself.
    package static let standard = CertificateChoice(issuer: nil, profile: nil)
}

/// What a request presents of whoever sent it.
package struct RequestedIdentity: Hashable, Sendable {
    package let publicKey: PublicKeyFingerprint
    /// RFC 4514, as the request says it; empty where it says nothing.
    package let subject: String

    package init(publicKey: PublicKeyFingerprint, subject: String) {
        self.publicKey = publicKey
        self.subject = subject
    }
}

/// A key pair made for a device that cannot make its own.
package struct KeyPair: Sendable {
    /// SubjectPublicKeyInfo, DER.
    package let publicKey: [UInt8]
    /// PEM; PKCS#1 for RSA, as AWS sends it. Wiped by its owner after the reply.
    package let privateKeyPEM: Secret<WipedBytes>

    package init(publicKey: [UInt8], privateKeyPEM: Secret<WipedBytes>) {
        self.publicKey = publicKey
        self.privateKeyPEM = privateKeyPEM
    }
}

package protocol KeyPairSource: Sendable {
    /// - Parameter types: the kinds that are taken, such as `EC-P256`; empty: the service's own.
    /// - Throws: `FleetError.tooManyRequests` where more wait than the pool may owe;
    ///   `.invalidCSR` where the service makes none of these kinds.
    func next(of types: [String]) async throws(FleetError) -> KeyPair
}

extension KeyPairSource {
    /// One of the service's own kind.
    package func next() async throws(FleetError) -> KeyPair { try await self.next(of: []) }
}
