import Fleet
import JSON
import Policies

/// Whether a certificate is what its template asks for (`Slipway.Certificate`). It has been signed
/// by then: in AWS's dialogue a device names its template afterwards.
struct CertificateDemandJudge {
    /// What is looked at.
    struct Subject {
        let issuerID: CertificateID?
        /// nil where that is not known, and not asked after.
        let issuer: String?
        /// This and what follows: nil where it is not known, and not asked after.
        let subject: String?
        let validitySeconds: Int64?
        let alternativeNames: [String]?
        let keyType: Fact
        let profile: Fact

        /// Something that a certificate may have none of.
        enum Fact { case known(String?), unknown }

        private init(
            issuerID: CertificateID?, issuer: String, subject: String, from notBefore: UnixTime,
            to notAfter: UnixTime, pem: String, profile: String?
        ) {
            let shape = CertificateShape(pem: pem)
            self.issuerID = issuerID
            self.issuer = issuer
            self.subject = subject
            self.validitySeconds = notAfter.seconds - notBefore.seconds
            self.keyType = .known(shape.keyType)
            self.alternativeNames = shape.alternativeNames
            self.profile = .known(profile)
        }

        init(_ certificate: Certificate) {
            self.init(
                issuerID: certificate.issuerID, issuer: certificate.issuer,
                subject: certificate.subject, from: certificate.notBefore,
                to: certificate.notAfter, pem: certificate.pem,
                profile: certificate.provenance?.origin.profile)
        }

        init(_ issued: IssuedCertificate) {
            self.init(
                issuerID: issued.issuerID, issuer: issued.issuer, subject: issued.subject,
                from: issued.notBefore, to: issued.notAfter, pem: issued.pem,
                profile: issued.profile)
        }

        init(_ inspected: InspectedCertificate, by authority: Authority) {
            self.init(
                issuerID: authority.id, issuer: inspected.issuer, subject: inspected.subject,
                from: inspected.notBefore, to: inspected.notAfter, pem: inspected.pem,
                profile: nil)
        }

        /// One that does not exist yet.
        init(_ expected: DryRunCertificate.Expected) {
            self.issuerID = expected.issuerID
            self.issuer = expected.issuer
            self.subject = expected.subject
            self.validitySeconds = expected.validitySeconds
            self.alternativeNames = expected.alternativeNames
            self.keyType = expected.keyType.map { Fact.known($0) } ?? .unknown
            self.profile = expected.profile.map { Fact.known($0) } ?? .unknown
        }

        init(_ candidate: CertificateCandidate) {
            switch candidate {
            case .existing(let certificate): self.init(certificate)
            case .issued(let issued): self.init(issued)
            case .foreign(let inspected, let authority):
                self.init(inspected, by: authority)
            }
        }
    }

    private static let secondsPerDay: Int64 = 86_400

    /// - Throws: `FleetError.invalidParameters` naming every demand that is not met.
    static func check(
        _ demands: RenderedDemands?, of certificate: @autoclosure () -> Subject
    ) throws(FleetError) {
        guard let demands else { return }
        let subject = certificate()
        let unmet = Self.unmetNames(demands, subject)
        let complaints = Self.complaints(demands, subject) + unmet.map(\.complaint)
        guard !complaints.isEmpty else { return }
        throw FleetError(
            .invalidParameters,
            "the certificate is not what the template asks for: "
                + complaints.joined(separator: "; ")
        ).because(
            .parameterRefused,
            parameter: unmet.lazy.compactMap { $0.wanted.parameters.first }.first)
    }

    private static func complaints(_ demands: RenderedDemands, _ certificate: Subject) -> [String] {
        var complaints: [String] = []
        if let issuer = demands.fixed.issuer, let found = certificate.issuer,
            issuer != certificate.issuerID?.rawValue, !Self.areEqual(issuer, found)
        {
            complaints.append(
                "it was issued by '\(found.clipped)', not by '\(issuer.clipped)'")
        }
        if let wanted = demands.fixed.profile, case .known(let found) = certificate.profile,
            found != wanted
        {
            complaints.append(
                "it was made by the profile '\(found?.clipped ?? "-")', not by "
                    + "'\(wanted.clipped)'")
        }
        // Whole days: an authority dates a certificate back a little, for clocks that are slow.
        let life = certificate.validitySeconds.map { $0 / Self.secondsPerDay }
        if let days = demands.fixed.validityDaysMax, let life, life > days {
            complaints.append("it is valid for \(life) days, not for at most \(days)")
        }
        let types = demands.fixed.keyTypes.map(\.rawValue)
        if !types.isEmpty, case .known(let found) = certificate.keyType,
            !types.contains(found ?? "")
        {
            complaints.append(
                "its key is \(found ?? "of another kind"), not " + types.joined(separator: " or "))
        }
        return complaints
    }

    /// A name that the certificate has not got, as the template says it: the value may be a
    /// device's.
    private struct UnmetName {
        let complaint: String
        let wanted: TemplateExpression
    }

    private static func unmetNames(
        _ demands: RenderedDemands, _ certificate: Subject
    ) -> [UnmetName] {
        var unmet: [UnmetName] = []
        if let subject = certificate.subject {
            let attributes = CertificateFields.attributes(ofName: subject)
            for (wanted, said) in zip(demands.subject, demands.fixed.subject) {
                let found = attributes.contains {
                    $0.type.lowercased() == wanted.name.lowercased() && $0.value == wanted.value
                }
                if !found {
                    unmet.append(
                        UnmetName(
                            complaint: "its subject '\(subject.clipped)' has no "
                                + "\(wanted.name)=\(said.value.readable.clipped)",
                            wanted: said.value))
                }
            }
        }
        if let names = certificate.alternativeNames {
            for (name, said) in zip(demands.alternativeNames, demands.fixed.alternativeNames)
            where !names.contains(name) {
                unmet.append(
                    UnmetName(
                        complaint: "it has no alternative name '\(said.readable.clipped)'",
                        wanted: said))
            }
        }
        return unmet
    }

    /// Of two names in the text form of RFC 4514, whose spaces after commas say nothing.
    private static func areEqual(_ left: String, _ right: String) -> Bool {
        let left = CertificateFields.attributes(ofName: left)
        let right = CertificateFields.attributes(ofName: right)
        return !left.isEmpty && left.count == right.count
            && zip(left, right).allSatisfy {
                $0.type.lowercased() == $1.type.lowercased() && $0.value == $1.value
            }
    }
}

/// `CertificateDemands` after the parameters went in.
package struct RenderedDemands: Hashable, Sendable {
    package struct Attribute: Hashable, Sendable {
        package let name: String
        package let value: String
    }

    package let fixed: CertificateDemands
    package let subject: [Attribute]
    package let alternativeNames: [String]
}
