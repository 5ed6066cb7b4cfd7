package import Fleet
import JSON

/// A certificate profile as its file has it (`pki/profiles/NAME.yaml`). Whatever is not understood
/// in it is refused: a profile that says less than its author meant would be found out years later.
package struct ProfileFile: Hashable, Sendable {
    /// What the certificates of a profile are for.
    package enum Use: String, Sendable, CaseIterable { case device, claim, server, ca, ocsp }

    /// As the settings have it, where a profile of a device leaves it open.
    package struct Defaults: Sendable {
        package var deviceValiditySeconds: Int64
        package var deviceBackdateSeconds: Int64

        package init(deviceValiditySeconds: Int64, deviceBackdateSeconds: Int64) {
            self.deviceValiditySeconds = deviceValiditySeconds
            self.deviceBackdateSeconds = deviceBackdateSeconds
        }
    }

    package static let suffix = ".yaml"
    private static let listMax = 64

    package let use: Use
    /// A server's takes its role's names when it is used.
    package let profile: CertificateProfile

    /// - Throws: `FleetError.invalidRequest` saying what is wrong, and where.
    package init(
        name: String, yaml: [UInt8], defaults: Defaults
    ) throws(FleetError) {
        let value: JSONValue
        do throws(YAMLError) { value = try YAMLReader.parse(yaml) } catch {
            throw FleetError(.invalidRequest, "\(error)")
        }
        let fields = try ProfileFields(
            value, at: "",
            allowing: [
                "use", "validity", "backdate", "past-issuer", "issuer", "keys", "subject",
                "alternative-names", "policies", "extensions", "name-constraints",
            ])
        let use: Use = try fields.choice("use", among: Use.allCases)
        var profile = try Self.base(use, fields, defaults)
        profile.name = name
        if let text = try fields.text("past-issuer") {
            profile.pastIssuer = try fields.choice(
                text, "past-issuer", among: CertificateProfile.PastIssuer.allCases)
        }
        profile.issuer = try fields.text("issuer")
        profile.keyTypes = try Self.keyTypes(fields, use)
        try Self.subject(fields, of: &profile)
        try Self.names(fields, use, of: &profile)
        self.use = use
        self.profile = profile
    }

    private static func base(
        _ use: Use, _ fields: ProfileFields, _ defaults: Defaults
    ) throws(FleetError) -> CertificateProfile {
        let validity = try fields.text("validity")
        let hasNoEnd = validity == "none"
        var seconds = defaults.deviceValiditySeconds
        if let validity, !hasNoEnd {
            seconds = try Self.seconds(validity, "validity")
        } else if validity == nil, use != .device {
            throw FleetError(.invalidRequest, "validity: it is missing, such as 2y or 90d")
        }
        var backdate =
            use == .device
            ? defaults.deviceBackdateSeconds : CertificateProfile.backdateSecondsDefault
        if let text = try fields.text("backdate") { backdate = try Self.seconds(text, "backdate") }
        let (role, subject): (CertificateRole, SubjectName) =
            switch use {
            case .device: (.device, CertificateProfile.device.subject)
            case .claim: (.claim, CertificateProfile.claim.subject)
            // Its names are known when it is made.
            case .server:
                (.gateway([.dns("localhost")]), SubjectName(commonName: "Slipway Gateway"))
            case .ca: (.issuingAuthority, CertificateProfile.issuingAuthority.subject)
            case .ocsp: (.ocspResponder, SubjectName(commonName: "Slipway OCSP Responder"))
            }
        var profile = try CertificateProfile(
            role: role, validitySeconds: seconds, backdateSeconds: backdate, subject: subject)
        profile.hasNoEnd = hasNoEnd
        return profile
    }

    private static func keyTypes(
        _ fields: ProfileFields, _ use: Use
    ) throws(FleetError) -> [String] {
        let known = [
            "EC-P256", "EC-P384", "EC-P521", "RSA-2048", "RSA-3072", "RSA-4096", "Ed25519",
        ]
        let types = try fields.texts("keys", max: known.count) ?? []
        for type in types where !known.contains(type) {
            throw FleetError(
                .invalidRequest,
                "keys: '\(type.clipped)' is none of " + known.joined(separator: ", "))
        }
        return types
    }

    private static func subject(
        _ fields: ProfileFields, of profile: inout CertificateProfile
    ) throws(FleetError) {
        guard let value = fields.value("subject") else { return }
        let inside = try ProfileFields(
            value, at: "subject", allowing: ["from-request", "default", "require", "set"])
        if let flag = try inside.flag("from-request") { profile.takesRequestedSubject = flag }
        if let text = try inside.text("default") {
            profile.subject = try inside.at("default") { () throws(FleetError) in
                try SubjectName(parsing: text)
            }
        }
        for name in try inside.texts("require", max: SubjectName.partsMax) ?? [] {
            guard
                let attribute = SubjectAttribute.allCases.first(where: { $0.shortName == name })
            else {
                throw FleetError(
                    .invalidRequest,
                    "subject, require: '\(name.clipped)' is none of "
                        + SubjectAttribute.allCases.map(\.shortName).joined(separator: ", "))
            }
            profile.requiredAttributes.append(attribute)
        }
        if let text = try inside.text("set") {
            profile.fixedAttributes = try inside.at("set") { () throws(FleetError) in
                try SubjectName(parsing: text)
            }.parts
        }
    }

    private static func names(
        _ fields: ProfileFields, _ use: Use, of profile: inout CertificateProfile
    ) throws(FleetError) {
        for text in try fields.texts("alternative-names", max: Self.listMax) ?? [] {
            profile.alternativeNames.append(
                try fields.at("alternative-names") { () throws(FleetError) in
                    try AlternativeNameTemplate(text)
                })
        }
        if let policies = try fields.texts("policies", max: Self.listMax), !policies.isEmpty {
            guard Set(policies).count == policies.count else {
                throw FleetError(.invalidRequest, "policies: one is there twice (RFC 5280 4.2.1.4)")
            }
            for text in policies { _ = try ExtensionTemplate.identifier(text) }
            profile.additions.append(.policies(policies))
        }
        try Self.extensions(fields, of: &profile)
        if let texts = try fields.texts("name-constraints", max: Self.listMax), !texts.isEmpty {
            guard use == .ca else {
                throw FleetError(.invalidRequest, "name-constraints: only a CA's may have them")
            }
            profile.nameConstraints = try fields.at("name-constraints") { () throws(FleetError) in
                try NameConstraints(parsing: texts)
            }
        }
        guard profile.alternativeNames.isEmpty || use == .device || use == .claim else {
            throw FleetError(
                .invalidRequest,
                "alternative-names: for devices and claims; a server's names are "
                    + "a setting (gateway.names)")
        }
    }

    private static func extensions(
        _ fields: ProfileFields, of profile: inout CertificateProfile
    ) throws(FleetError) {
        guard let value = fields.value("extensions") else { return }
        guard let list = value.arrayValue, list.count <= Self.listMax else {
            throw FleetError(
                .invalidRequest, "extensions: a list of at most \(Self.listMax) of oid and text")
        }
        var seen: Set<String> = []
        for (index, item) in list.enumerated() {
            let place = "extensions, number \(index + 1)"
            let inside = try ProfileFields(item, at: place, allowing: ["oid", "text"])
            guard let oid = try inside.text("oid"), let text = try inside.text("text") else {
                throw FleetError(.invalidRequest, "\(place): it has an oid and a text")
            }
            let identifier = try ExtensionTemplate.identifier(oid)
            guard CertificateExtension.mayBeAdded(identifier),
                identifier != OID.certificatePolicies,
                seen.insert(oid).inserted
            else {
                throw FleetError(
                    .invalidRequest,
                    "\(place): \(oid) is there twice, or is a certificate's own business")
            }
            _ = try SubjectTemplate(text)
            profile.additions.append(.text(identifier: oid, text))
        }
    }

    /// `90d`, `2y` (of 365 days), `12h`, `45m`, `30s`.
    package static func seconds(_ text: String, _ what: String) throws(FleetError) -> Int64 {
        let units: [Character: Int64] = [
            "s": 1, "m": 60, "h": 3600, "d": CertificateProfile.daySeconds,
            "y": CertificateProfile.yearSeconds,
        ]
        let digits = text.dropLast()
        guard let unit = text.last.flatMap({ units[$0] }), !digits.isEmpty,
            digits.allSatisfy({ $0.isASCII && $0.isNumber }), let number = Int64(digits),
            number <= CertificateProfile.validitySecondsMax / unit
        else {
            throw FleetError(
                .invalidRequest,
                "\(what): '\(text.clipped)' is no time: a number and s, m, h, d or y")
        }
        return number * unit
    }
}
