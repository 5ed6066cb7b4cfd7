import CertificateAuthority
import Fleet
import Provisioning

/// Says what certificate a device would be given, and signs nothing.
struct CertificateForesight: Sendable {
    /// By what would issue it when somebody asks.
    private let forecast: @Sendable () -> IssuingForecast
    /// Whether it knows who would sign.
    private let hasAuthorities: Bool
    private let ownKey: KeyPairKind

    private init(
        _ settings: ResolvedSettings, hasAuthorities: Bool = true,
        _ forecast: @escaping @Sendable () -> IssuingForecast
    ) {
        self.forecast = forecast
        self.hasAuthorities = hasAuthorities
        self.ownKey = settings.keyPairKind
    }

    /// The running service's.
    init(_ settings: ResolvedSettings, issuer: Issuer) {
        self.init(settings) { issuer.forecast }
    }

    /// Of the authorities that lie in a folder, where there are any. Their keys stay where they
    /// are: their certificates decide.
    /// - Throws: where they are there and cannot be read.
    init(_ settings: ResolvedSettings, beside installation: Installation) throws(FleetError) {
        let folder = AuthorityFolder(installation: installation)
        guard !folder.isUnfounded else {
            self.init(withoutAuthorities: settings)
            return
        }
        let manifest = try folder.manifest()
        let profiles = try ProfileFolder(settings, installation).load()
        let forecast = IssuingForecast(
            rota: try folder.rota(manifest),
            profiles: profiles.issuing(try RevocationParts.publication(settings)),
            rules: Self.rules(settings),
            authorityKeys: Set(try folder.anchors(manifest).map(\.publicKey)),
            entropy: SystemEntropy())
        self.init(settings) { forecast }
    }

    /// As the settings alone would have it.
    init(withoutAuthorities settings: ResolvedSettings) {
        var device = CertificateProfile.device
        device.validitySeconds =
            Int64(settings.integer("device.validityDays")) * CertificateProfile.daySeconds
        let forecast = IssuingForecast(
            rota: nil, profiles: IssuingProfiles(device: device, claim: .claim, named: [:]),
            rules: Self.rules(settings), authorityKeys: [], entropy: SystemEntropy())
        self.init(settings, hasAuthorities: false) { forecast }
    }

    private static func rules(_ settings: ResolvedSettings) -> KeyRules {
        KeyRules(allowsEd25519: settings.flag("keys.ed25519"))
    }

    /// - Throws: as issuing would.
    func certificate(_ enquiry: DryRun.Enquiry) throws(FleetError) -> DryRunCertificate? {
        var choice = enquiry.choice
        var unknown: [String] = []
        if !self.hasAuthorities {
            guard enquiry.csr != nil || enquiry.hasDemands else { return nil }
            choice.issuer = nil
            choice.profile = nil
            if enquiry.hasDemands {
                unknown.append(
                    "who would sign the certificate, and by which profile: there are no "
                        + "authorities here")
            }
        }
        let told = try self.forecast().certificate(csr: enquiry.csr, as: choice, at: enquiry.at)
        if enquiry.csr == nil, enquiry.hasDemands {
            unknown.append(
                "the certificate's subject, key and alternative names: there is no signing "
                    + "request (--csr)")
        }
        return DryRunCertificate(
            publicKey: told.request?.publicKey, fields: self.fields(told, enquiry),
            expected: self.expected(told), unknown: unknown)
    }

    private func fields(
        _ told: IssuingForecast.Certificate, _ enquiry: DryRun.Enquiry
    ) -> [(name: String, value: String)] {
        var fields: [(name: String, value: String)] = []
        if let authority = told.authority {
            fields.append((name: "issuer", value: authority.subject))
            fields.append((name: "issuerId", value: authority.id.rawValue))
            fields.append((name: "profile", value: told.profile))
            fields.append((name: "madeFor", value: enquiry.madeFor))
        }
        if let request = told.request {
            let names = request.alternativeNames.joined(separator: ", ")
            fields.append((name: "requestSubject", value: request.requestedSubject ?? ""))
            fields.append((name: "subject", value: request.subject))
            fields.append((name: "publicKeySHA256", value: request.publicKey.rawValue))
            fields.append((name: "keyType", value: request.keyType))
            if !names.isEmpty { fields.append((name: "alternativeNames", value: names)) }
        } else if told.authority != nil {
            let kind = try? KeyPairPools.kind(of: told.keyTypes, preferring: self.ownKey)
            let type = kind?.typeName ?? "none: a request is needed"
            fields.append((name: "keyTypeByService", value: type))
        }
        if told.request != nil || told.authority != nil {
            let days = told.validitySeconds / CertificateProfile.daySeconds
            fields.append((name: "validityDays", value: String(days)))
        }
        return fields
    }

    private func expected(
        _ told: IssuingForecast.Certificate
    ) -> DryRunCertificate.Expected {
        var expected = DryRunCertificate.Expected()
        expected.issuerID = told.authority?.id
        expected.issuer = told.authority?.subject
        expected.profile = told.authority.map { _ in told.profile }
        expected.validitySeconds = told.validitySeconds
        expected.subject = told.request?.subject
        expected.keyType = told.request?.keyType
        expected.alternativeNames = told.request?.alternativeNames
        return expected
    }
}

extension ResolvedSettings {
    /// What the service makes of itself (`keys.algorithm`).
    var keyPairKind: KeyPairKind { self.text("keys.algorithm") == "P_256" ? .p256 : .rsa2048 }
}
