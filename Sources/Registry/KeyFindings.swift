package import Fleet

/// What an audit of all keys found, kept with the keys: certificates are selected by it.
package enum KeyFindings {
    /// - Throws: `FleetError.notFound` for a key that the fleet has never seen.
    package static func changeSet(
        _ findings: [PublicKeyFingerprint: KeyWeakness], in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        var set = ChangeSet(action: "NoteCertificateKeys")
        for (key, weakness) in findings.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            guard let known = view.knownKey(key) else {
                throw FleetError(
                    .notFound, "no certificate has or had the key \(key)", resource: key.rawValue)
            }
            guard known.weakness != weakness else { continue }
            set.preconditions.append(view.asSeen(.knownKey(key)))
            set.changes.append(.noteKeyWeakness(key, weakness))
        }
        return set
    }
}
