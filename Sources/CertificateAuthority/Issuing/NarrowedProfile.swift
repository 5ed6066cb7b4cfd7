import Fleet

extension CertificateProfile {
    /// The profile as a template narrows it (`Slipway.Certificate`). What the profile fixes itself
    /// stays; what cannot be had is left to the registration, which judges the certificate.
    func narrowed(by choice: CertificateChoice) -> CertificateProfile {
        var profile = self
        if let days = choice.validityDaysMax { profile.end(after: days) }
        if !choice.keyTypes.isEmpty {
            let both = choice.keyTypes.filter(profile.keyTypes.contains)
            if profile.keyTypes.isEmpty {
                profile.keyTypes = choice.keyTypes
            } else if !both.isEmpty {
                profile.keyTypes = both
            }
        }
        let fixed = Set(self.fixedAttributes.map(\.attribute))
        profile.fixedAttributes += choice.subject.compactMap { wanted in
            let attribute = SubjectAttribute.allCases.first {
                $0.shortName.lowercased() == wanted.attribute.lowercased()
            }
            guard let attribute, !fixed.contains(attribute),
                attribute.complaint(about: wanted.value) == nil
            else { return nil }
            return SubjectName.Part(attribute, wanted.value)
        }
        let names = choice.alternativeNames.compactMap(AlternativeNameTemplate.fixed)
        profile.alternativeNames += names.filter { !self.alternativeNames.contains($0) }
        return profile
    }

    /// Days are counted whole from `notBefore`, which lies a little in the past.
    private mutating func end(after days: Int) {
        let (seconds, overflow) = Int64(days).multipliedReportingOverflow(by: Self.daySeconds)
        let backdated = self.backdateSeconds < Self.daySeconds ? 0 : self.backdateSeconds
        let most = (overflow ? Self.validitySecondsMax : seconds) - backdated
        guard most > 0, self.hasNoEnd || self.validitySeconds > most else { return }
        self.validitySeconds = min(most, Self.validitySecondsMax)
        self.hasNoEnd = false
    }
}

extension AlternativeNameTemplate {
    /// A name that is written out; nil for what is none, or has a variable in it.
    fileprivate static func fixed(_ text: String) -> AlternativeNameTemplate? {
        guard !text.utf8.contains(UInt8(ascii: "$")) else { return nil }
        let form: Form
        if let name = try? SubjectAlternativeName(text) {
            switch name {
            case .dns: form = .dns
            case .address: form = .ip
            case .uri: form = .uri
            }
        } else if (try? SubjectAlternativeName(uri: text)) != nil {
            form = .uri
        } else {
            return nil
        }
        return try? AlternativeNameTemplate("\(form.rawValue):\(text)")
    }
}
