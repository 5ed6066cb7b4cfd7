import CertificateAuthority
import Fleet
import Provisioning

/// Says what certificate a device would be given, and signs nothing.
struct CertificateForesight: Sendable {
    private enum Source: Sendable {
        /// The running service's, which has the keys.
        case issuer(Issuer)
        /// What of `pki/` takes no passphrase to read.
        case folder(IssuingForecast)
        /// There are no authorities.
        case nowhere(IssuingForecast)
    }

    private let source: Source
    private let ownKey: KeyPairKind

    private init(_ source: Source, _ ownKey: KeyPairKind) {
        self.source = source
        self.ownKey = ownKey
    }

    init(_ settings: ResolvedSettings, issuer: Issuer) {
        self.init(.issuer(issuer), settings.keyPairKind)
    }

    /// Of the authorities that lie in a folder, where there are any.
    /// - Throws: where they are there and cannot be read.
    init(_ settings: ResolvedSettings, beside installation: Installation) throws(FleetError) {
        let folder = AuthorityFolder(installation: installation)
        guard !folder.isUnfounded else {
            self.init(withoutAuthorities: settings)
            return
        }
        var terms: [IssuingTerms] = []
        for entry in try folder.manifest().issuing {
            terms.append(
                IssuingTerms(
                    name: entry.name, certificate: try folder.certificate(entry), uses: entry.uses,
                    begin: entry.begin, replaces: entry.replaces,
                    isRetired: entry.retiredAt != nil))
        }
        let profiles = try ProfileFolder(settings, installation).load()
        let forecast = IssuingForecast(
            rota: IssuingRota(terms), profiles: profiles.issuing(nil), rules: Self.rules(settings))
        self.init(.folder(forecast), settings.keyPairKind)
    }

    /// As the settings alone would have it.
    init(withoutAuthorities settings: ResolvedSettings) {
        var device = CertificateProfile.device
        device.validitySeconds =
            Int64(settings.integer("device.validityDays")) * CertificateProfile.daySeconds
        let forecast = IssuingForecast(
            rota: nil, profiles: IssuingProfiles(device: device, claim: .claim, named: [:]),
            rules: Self.rules(settings))
        self.init(.nowhere(forecast), settings.keyPairKind)
    }

    private static func rules(_ settings: ResolvedSettings) -> KeyRules {
        KeyRules(allowsEd25519: settings.flag("keys.ed25519"))
    }

    /// - Throws: as issuing would.
    func certificate(_ enquiry: DryRun.Enquiry) throws(FleetError) -> DryRunCertificate? {
        let told: IssuingForecast.Certificate
        var unknown: [String] = []
        switch self.source {
        case .issuer(let issuer):
            told = try issuer.forecast(csr: enquiry.csr, as: enquiry.choice, at: enquiry.at)
        case .folder(let forecast):
            told = try forecast.certificate(csr: enquiry.csr, as: enquiry.choice, at: enquiry.at)
            if enquiry.csr != nil {
                unknown.append(
                    "what the issuing CA's name constraints and the linter say of the certificate: "
                        + "ask the running service (--against LIVE)")
            }
        case .nowhere(let forecast):
            guard enquiry.csr != nil || enquiry.hasDemands else { return nil }
            var choice = CertificateChoice(issuer: nil, profile: nil)
            choice.validityDaysMax = enquiry.choice.validityDaysMax
            choice.keyTypes = enquiry.choice.keyTypes
            choice.subject = enquiry.choice.subject
            choice.alternativeNames = enquiry.choice.alternativeNames
            told = try forecast.certificate(csr: enquiry.csr, as: choice, at: enquiry.at)
            if enquiry.hasDemands {
                unknown.append(
                    "who would sign the certificate, and by which profile: there are no "
                        + "authorities here")
            }
        }
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
