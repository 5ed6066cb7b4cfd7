import Fleet

extension Provisioner {
    /// By whom and how a certificate is made that this claim asks for. In AWS's dialogue a device
    /// names its template only afterwards; but a claim says which templates it is for, and where
    /// they all ask for the same issuer and profile, that is what is made. Where they differ, or
    /// the claim names none, it is the service's own, and the registration judges it.
    func certificateChoice(
        under standing: ClaimStanding
    ) async throws(FleetError) -> CertificateChoice {
        let names = ClaimCertificateChoice.templates(of: standing)
        guard !names.isEmpty else { return .standard }
        var keys: Set<RecordKey> = []
        for name in names {
            keys.insert(.template(name))
            if let guess = self.templates.guess(name) {
                keys.insert(.templateVersion(name, guess.version))
            }
        }
        var view = try await self.ports.store.load(keys)
        let needed = ClaimCertificateChoice.versions(of: names, in: view)
        if !needed.isSubset(of: keys) {
            view = try await self.ports.store.load(keys.union(needed))
        }
        return try ClaimCertificateChoice.choice(of: names, in: view) {
            version throws(FleetError) in try self.templates.document(of: version)
        }
    }
}

/// What the templates of a claim agree upon: for the service, and for a dry run of it.
enum ClaimCertificateChoice {
    /// Templates of one claim that are looked at for what they ask of certificates.
    private static let templatesReadMax = 16

    /// Those that decide; none where the claim is for any template, or for too many to look at.
    static func templates(of standing: ClaimStanding) -> [TemplateName] {
        let names = standing.terms?.templates ?? []
        return names.count <= Self.templatesReadMax ? names : []
    }

    /// - Parameter view: holds the templates.
    static func versions(of names: [TemplateName], in view: RegistryView) -> Set<RecordKey> {
        Set(
            names.compactMap { view.template($0) }.map {
                .templateVersion($0.name, $0.defaultVersionID)
            })
    }

    /// - Parameter view: holds the templates and their default versions.
    static func choice(
        of names: [TemplateName], in view: RegistryView,
        document: (TemplateVersion) throws(FleetError) -> TemplateDocument
    ) throws(FleetError) -> CertificateChoice {
        var choices: Set<CertificateChoice> = []
        for name in names {
            guard let record = view.template(name),
                let version = view.templateVersion(name, record.defaultVersionID)
            else { continue }
            choices.insert(
                try document(version).certificateDemands?.choice { $0.literal } ?? .standard)
        }
        return choices.count == 1 ? choices.first ?? .standard : .standard
    }
}
