import Crypto
package import Fleet

/// What a revocation would reach, known by its digest: the same certificates, however many of them
/// are revoked already, have the same digest, so that one that was broken off goes on where it was.
package struct RevocationPlan: Hashable, Sendable {
    package let certificates: [CertificateID]
    /// 64 lower-case hex digits.
    package let digest: String

    package init(_ certificates: Set<CertificateID>) {
        self.certificates = certificates.sorted { $0.rawValue < $1.rawValue }
        var hash = SHA256()
        for (number, id) in self.certificates.enumerated() {
            if number > 0 { hash.update(data: [UInt8(ascii: "\n")]) }
            hash.update(data: Array(id.rawValue.utf8))
        }
        self.digest = hash.finalize().hex
    }
}
