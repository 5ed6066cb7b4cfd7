// What a view knows of claims and of what was spent under them.

extension RegistryView {
    package func claimTerms(_ name: ClaimName) -> ClaimTerms? {
        if case .claimTerms(let terms)? = self.entry(.claimTerms(name))?.record {
            terms
        } else {
            nil
        }
    }

    /// The terms of the claim whose certificate is `id`; nil where it has none.
    package func claimTerms(of id: CertificateID) -> ClaimTerms? {
        if case .claimTerms(let terms)? = self.entry(.termsOfClaim(id))?.record {
            terms
        } else {
            nil
        }
    }

    /// The number that a counter's key names; 0 where nothing was counted.
    package func count(_ key: RecordKey) -> Int {
        if case .count(let count)? = self.entry(key)?.record { count } else { 0 }
    }

    package func certificates(ofClaim name: ClaimName) -> [CertificateID] {
        if case .certificates(let ids)? = self.entry(.certificatesOfClaim(name))?.record {
            ids
        } else {
            []
        }
    }
}
