package import Fleet

/// An alternative name that a profile gives, with the subject's attributes put in.
package struct AlternativeNameTemplate: Hashable, Sendable {
    package enum Form: String, Sendable, CaseIterable { case dns, ip, uri }
    let form: Form
    let template: SubjectTemplate

    /// - Parameter text: `dns:${CN}.devices.example`, `ip:…` or `uri:urn:dev:ser:${serialNumber}`.
    package init(_ text: String) throws(FleetError) {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2, let form = Form(rawValue: parts[0]) else {
            throw FleetError(
                .invalidRequest,
                "'\(text.clipped)' is no alternative name: dns:, ip: or uri:, then its text")
        }
        self.form = form
        self.template = try SubjectTemplate(parts[1])
    }

    func name(of subject: SubjectName, in profile: String) throws(FleetError)
        -> SubjectAlternativeName
    {
        let text = try self.template.text(of: subject, in: profile)
        do throws(FleetError) {
            let name: SubjectAlternativeName =
                switch self.form {
                case .uri: try SubjectAlternativeName(uri: text)
                case .dns, .ip: try SubjectAlternativeName(text)
                }
            switch (self.form, name) {
            case (.dns, .dns), (.ip, .address), (.uri, .uri): return name
            case (.dns, _), (.ip, _), (.uri, _):
                throw FleetError(.invalidRequest, "'\(text.clipped)' is no \(self.form.rawValue)")
            }
        } catch {
            // The device's subject made it so.
            throw FleetError(
                .invalidCSR, "subject: profile '\(profile)' makes a name of it: \(error.message)")
        }
    }
}

extension CertificateProfile {
    /// What one certificate of this profile says beside key, serial and issuer.
    struct Rendered {
        let subject: SubjectName
        let alternativeNames: [SubjectAlternativeName]
        let additions: [CertificateExtension]
    }

    /// - Throws: `FleetError.invalidCSR` where the request does not fit the profile.
    func rendered(
        for requested: SubjectName?, key: SubjectKey
    ) throws(FleetError) -> Rendered {
        guard self.keyTypes.isEmpty || self.keyTypes.contains(key.typeName) else {
            throw SubjectKey.refusal(
                "it is \(key.typeName); profile '\(self.name)' takes "
                    + self.keyTypes.joined(separator: ", "))
        }
        let subject = try self.subject(for: requested)
        var names: [SubjectAlternativeName] = []
        for template in self.alternativeNames {
            names.append(try template.name(of: subject, in: self.name))
        }
        var additions: [CertificateExtension] = []
        for template in self.additions {
            additions.append(try template.made(for: subject, in: self.name))
        }
        return Rendered(subject: subject, alternativeNames: names, additions: additions)
    }

    /// What the certificate's subject will be.
    /// - Throws: `FleetError.invalidCSR` where the profile needs more in it.
    package func subject(for requested: SubjectName?) throws(FleetError) -> SubjectName {
        let base = self.takesRequestedSubject ? requested ?? self.subject : self.subject
        let fixed = Set(self.fixedAttributes.map(\.attribute))
        let parts = base.parts.filter { !fixed.contains($0.attribute) } + self.fixedAttributes
        for attribute in self.requiredAttributes
        where !parts.contains(where: { $0.attribute == attribute }) {
            throw FleetError(
                .invalidCSR,
                "subject: profile '\(self.name)' needs \(attribute.shortName) in it")
        }
        return parts == base.parts ? base : try SubjectName(parts)
    }

    /// The end of a certificate that is signed now, by an issuer that ends then.
    /// - Throws: `FleetError.certificateState` where it would outlive its issuer and may not be
    ///   cut short.
    func end(wanted: UnixTime, issuer: IssuerIdentity) throws(FleetError) -> UnixTime {
        guard wanted > issuer.notAfter else { return wanted }
        switch self.pastIssuer {
        case .clamp: return issuer.notAfter
        case .refuse:
            throw FleetError(
                .certificateState,
                "profile '\(self.name)' gives certificates until "
                    + (self.hasNoEnd ? "9999-12-31T23:59:59Z" : "\(wanted)")
                    + ", and their issuer \(issuer.text.clipped) ends at \(issuer.notAfter)")
        }
    }
}
