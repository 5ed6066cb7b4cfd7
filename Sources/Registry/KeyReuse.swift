package import Fleet

/// Which keys may get another certificate: one that an authority or a claim holds or held may not,
/// nor one whose certificate was revoked, whether or not those certificates are still there.
///
/// A device's own key may get another: the same request again makes another certificate (AWS:
/// CreateCertificateFromCsr), and a renewal may keep its key. That it speaks for one device only is
/// looked at when it is registered, and no key may gather certificates without end.
package enum KeyReuse {
    /// Certificates of one key, beyond which a request for another is refused: what has to be
    /// looked at for each new one.
    package static let certificatesOfKeyMax = 256

    package static func keys(of key: PublicKeyFingerprint) -> Set<RecordKey> {
        [.certificatesWithKey(key), .authoritiesWithKey(key), .knownKey(key)]
    }

    /// What a second look has to see, since the first could not know which certificates these are.
    package static func keys(ofOthers others: [CertificateID]) -> Set<RecordKey> {
        Set(others.prefix(Self.certificatesOfKeyMax).map { .certificate($0) })
    }

    /// - Parameter code: what the caller's own contract calls the refusal.
    /// - Returns: what a decision that relied on this must find unchanged.
    package static func check(
        _ key: PublicKeyFingerprint, as code: FleetError.Code, in view: RegistryView
    ) throws(FleetError) -> [Precondition] {
        guard view.authoritiesWithKey(key).isEmpty else {
            throw FleetError(code, "the key is a certificate authority's own")
        }
        let others = view.certificatesWithKey(key)
        guard others.count < Self.certificatesOfKeyMax else {
            throw FleetError(
                code, "the key has \(others.count) certificates already; make another key")
        }
        for other in others.compactMap(view.certificate) {
            guard other.kind == .device else {
                throw FleetError(code, "the key is a claim certificate's own")
            }
            guard other.status != .revoked else {
                throw FleetError(
                    code, "the key belongs to a revoked certificate; make another key")
            }
        }
        if let known = view.knownKey(key) {
            guard known.use == .device else {
                throw FleetError(
                    code, "the key was \(known.use == .claim ? "a claim" : "an authority")'s own")
            }
            guard !known.isRevoked else {
                throw FleetError(
                    code, "the key belonged to a revoked certificate; make another key")
            }
        }
        return others.map { view.asSeen(.certificate($0)) }
    }
}
