import Fleet

extension Provisioner {
    /// Templates of one claim that are looked at for what they ask of certificates.
    private static let templatesReadMax = 16

    /// By whom and how a certificate is made that this claim asks for. In AWS's dialogue a device
    /// names its template only afterwards; but a claim says which templates it is for, and where
    /// they all ask for the same issuer and profile, that is what is made. Where they differ, or
    /// the claim names none, it is the service's own, and the registration judges it.
    func certificateChoice(
        under standing: ClaimStanding
    ) async throws(FleetError) -> CertificateChoice {
        guard let names = standing.terms?.templates, !names.isEmpty,
            names.count <= Self.templatesReadMax
        else { return .standard }
        var keys: Set<RecordKey> = []
        for name in names {
            keys.insert(.template(name))
            if let guess = self.templates.guess(name) {
                keys.insert(.templateVersion(name, guess.version))
            }
        }
        var view = try await self.ports.store.load(keys)
        let needed = names.compactMap { view.template($0) }.map {
            RecordKey.templateVersion($0.name, $0.defaultVersionID)
        }
        if !Set(needed).isSubset(of: keys) {
            view = try await self.ports.store.load(keys.union(needed))
        }
        var choices: Set<CertificateChoice> = []
        for name in names {
            guard let record = view.template(name),
                let version = view.templateVersion(name, record.defaultVersionID)
            else { continue }
            choices.insert(
                try self.templates.document(of: version).certificateDemands?
                    .choice { $0.literal } ?? .standard)
        }
        return choices.count == 1 ? choices.first ?? .standard : .standard
    }
}
