import Fleet
import JSON
import Policies

/// The `AWS::IoT::Certificate` resource: where the certificate comes from, and what becomes of it.
extension TemplateParser {
    private static let operatorsProperties = [
        "CertificateSigningRequest", "CertificatePem", "CACertificatePem",
    ]

    mutating func certificate(
        _ logicalName: String, _ resource: JSONObject, at place: JSONPointer
    ) -> TemplateDocument.CertificateResource? {
        let inside = place.appending("Properties")
        guard
            let properties = self.object(
                resource["Properties"] ?? [:], at: inside,
                allowing: ["CertificateId", "Status", "ThingPrincipalType"]
                    + Self.operatorsProperties)
        else { return nil }
        let source: TemplateDocument.CertificateResource.Source?
        switch self.purpose {
        case .fleet: source = self.presented(properties, at: inside)
        case .direct: source = self.source(properties, at: inside)
        }
        guard let source else { return nil }
        var certificate = TemplateDocument.CertificateResource(
            logicalName: logicalName, source: source)
        self.outcome(properties, of: &certificate, at: inside)
        let settings = self.overrides(
            resource["OverrideSettings"], at: place, allowing: ["Status": "Status"])
        certificate.statusOverride = settings["Status"]
        if certificate.statusOverride == .merge {
            self.report(
                "a certificate has one status, which cannot be merged",
                at: place.appending("OverrideSettings").appending("Status"),
                expected: "DO_NOTHING, REPLACE or FAIL")
        }
        return certificate
    }

    /// In a fleet template there is one certificate that a device can mean: its own.
    private mutating func presented(
        _ properties: JSONObject, at inside: JSONPointer
    ) -> TemplateDocument.CertificateResource.Source {
        for key in Self.operatorsProperties where properties[key] != nil {
            self.report(
                "\(key) is for RegisterThing and bulk registration; a device that registers "
                    + "itself has been given its certificate", at: inside.appending(key))
        }
        let reference = JSONValue.object(["Ref": .string(PseudoParameter.certificateID.rawValue)])
        if properties["CertificateId"] != reference {
            self.report(
                "CertificateId is {\"Ref\": \"\(PseudoParameter.certificateID.rawValue)\"}: the "
                    + "certificate that the device has just been given",
                at: properties["CertificateId"] == nil
                    ? inside : inside.appending("CertificateId"),
                nearest: properties["CertificateId"]?["Ref"]?.stringValue.flatMap {
                    NearestName.of($0, among: [PseudoParameter.certificateID.rawValue])
                })
        }
        return .presented
    }

    /// AWS: CertificateSigningRequest, CertificateId and CertificatePem exclude each other.
    private mutating func source(
        _ properties: JSONObject, at inside: JSONPointer
    ) -> TemplateDocument.CertificateResource.Source? {
        let ways = ["CertificateSigningRequest", "CertificateId", "CertificatePem"].filter {
            properties[$0] != nil
        }
        guard ways.count == 1, let way = ways.first, let value = properties[way] else {
            self.report(
                "exactly one of CertificateSigningRequest, CertificateId and CertificatePem "
                    + "belongs here", at: inside)
            return nil
        }
        if way != "CertificatePem", properties["CACertificatePem"] != nil {
            self.report(
                "CACertificatePem goes with CertificatePem",
                at: inside.appending("CACertificatePem"))
        }
        let place = inside.appending(way)
        guard let text = self.expressions.text(value, at: place) else { return nil }
        switch way {
        case "CertificateSigningRequest": return .request(text)
        case "CertificateId":
            if let literal = text.literal {
                do { _ = try CertificateID(literal) } catch {
                    self.report(error.message, at: place)
                }
            }
            return .existing(text)
        default:
            var authority: TemplateExpression?
            if let value = properties["CACertificatePem"] {
                authority = self.expressions.text(value, at: inside.appending("CACertificatePem"))
            }
            return .foreign(text, authority: authority)
        }
    }

    private mutating func outcome(
        _ properties: JSONObject, of certificate: inout TemplateDocument.CertificateResource,
        at inside: JSONPointer
    ) {
        if let value = properties["Status"] {
            // The AWS guide itself writes both `ACTIVE` and `Active`.
            switch value.stringValue?.uppercased() {
            case Certificate.Status.active.rawValue: certificate.status = .active
            case Certificate.Status.inactive.rawValue: certificate.status = .inactive
            default:
                let known = [Certificate.Status.active, .inactive].map(\.rawValue)
                self.report(
                    "Status is ACTIVE or INACTIVE", at: inside.appending("Status"),
                    expected: "ACTIVE or INACTIVE",
                    nearest: value.stringValue.flatMap { NearestName.of($0, among: known) })
            }
        }
        if let value = properties["ThingPrincipalType"] {
            if let text = value.stringValue,
                let exclusivity = ThingPrincipal.Exclusivity(rawValue: text)
            {
                certificate.exclusivity = exclusivity
            } else {
                self.report(
                    "ThingPrincipalType is EXCLUSIVE_THING or NON_EXCLUSIVE_THING",
                    at: inside.appending("ThingPrincipalType"),
                    expected: "EXCLUSIVE_THING or NON_EXCLUSIVE_THING",
                    nearest: value.stringValue.flatMap {
                        NearestName.of($0, among: ["EXCLUSIVE_THING", "NON_EXCLUSIVE_THING"])
                    })
            }
        }
    }

    /// A template without a certificate: a thing alone, which only an operator can want.
    mutating func judgeWithoutCertificate(
        _ policies: [TemplateDocument.PolicyResource], at section: JSONPointer
    ) {
        switch self.purpose {
        case .fleet:
            self.report("no AWS::IoT::Certificate: nothing would be activated", at: section)
        case .direct:
            for policy in policies {
                self.report(
                    "a policy is attached to the template's certificate, and there is none",
                    at: section.appending(policy.logicalName))
            }
        }
    }
}
