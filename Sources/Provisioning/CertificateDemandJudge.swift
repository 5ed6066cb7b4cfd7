import Fleet
import JSON
import Policies

/// Whether a certificate is what its template asks for (`Slipway.Certificate`). It has been signed
/// by then: in AWS's dialogue a device names its template afterwards.
struct CertificateDemandJudge {
    /// What is looked at.
    struct Subject {
        let issuerID: CertificateID?
        let issuer: String
        let subject: String
        let notBefore: UnixTime
        let notAfter: UnixTime
        let pem: String

        init(_ certificate: Certificate) {
            self.issuerID = certificate.issuerID
            self.issuer = certificate.issuer
            self.subject = certificate.subject
            self.notBefore = certificate.notBefore
            self.notAfter = certificate.notAfter
            self.pem = certificate.pem
        }

        init(_ issued: IssuedCertificate) {
            self.issuerID = issued.issuerID
            self.issuer = issued.issuer
            self.subject = issued.subject
            self.notBefore = issued.notBefore
            self.notAfter = issued.notAfter
            self.pem = issued.pem
        }

        init(_ inspected: InspectedCertificate, by authority: Authority) {
            self.issuerID = authority.id
            self.issuer = inspected.issuer
            self.subject = inspected.subject
            self.notBefore = inspected.notBefore
            self.notAfter = inspected.notAfter
            self.pem = inspected.pem
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
        let complaints = Self.complaints(demands, certificate())
        guard !complaints.isEmpty else { return }
        throw FleetError(
            .invalidParameters,
            "the certificate is not what the template asks for: "
                + complaints.joined(separator: "; "))
    }

    private static func complaints(_ demands: RenderedDemands, _ certificate: Subject) -> [String] {
        var complaints: [String] = []
        if let issuer = demands.fixed.issuer, issuer != certificate.issuerID?.rawValue,
            !Self.areEqual(issuer, certificate.issuer)
        {
            complaints.append(
                "it was issued by '\(certificate.issuer.clipped)', not by '\(issuer.clipped)'")
        }
        // Whole days: an authority dates a certificate back a little, for clocks that are slow.
        let life =
            (certificate.notAfter.seconds - certificate.notBefore.seconds) / Self.secondsPerDay
        if let days = demands.fixed.validityDaysMax, life > days {
            complaints.append("it is valid for \(life) days, not for at most \(days)")
        }
        let shape = CertificateShape(pem: certificate.pem)
        let types = demands.fixed.keyTypes.map(\.rawValue)
        if !types.isEmpty, !types.contains(shape.keyType ?? "") {
            complaints.append(
                "its key is \(shape.keyType ?? "of another kind"), not "
                    + types.joined(separator: " or "))
        }
        let attributes = CertificateFields.attributes(ofName: certificate.subject)
        for wanted in demands.subject {
            let found = attributes.contains {
                $0.type.lowercased() == wanted.name.lowercased() && $0.value == wanted.value
            }
            if !found {
                complaints.append(
                    "its subject '\(certificate.subject.clipped)' has no "
                        + "\(wanted.name)=\(wanted.value.clipped)")
            }
        }
        for name in demands.alternativeNames where !shape.alternativeNames.contains(name) {
            complaints.append("it has no alternative name '\(name.clipped)'")
        }
        return complaints
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
