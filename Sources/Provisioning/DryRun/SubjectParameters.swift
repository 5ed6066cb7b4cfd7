import Fleet
import Policies

/// The parameters that just-in-time provisioning takes from a certificate's subject
/// (provisioning specification, 2.4).
enum SubjectParameters {
    private static let prefix = "AWS::IoT::Certificate::"

    /// By short name and by OID (RFC 4519, section 2).
    private static let names: [String: String] = [
        "C": "Country", "2.5.4.6": "Country", "O": "Organization", "2.5.4.10": "Organization",
        "OU": "OrganizationalUnit", "2.5.4.11": "OrganizationalUnit",
        "DNQUALIFIER": "DistinguishedNameQualifier", "2.5.4.46": "DistinguishedNameQualifier",
        "ST": "StateName", "2.5.4.8": "StateName", "CN": "CommonName", "2.5.4.3": "CommonName",
        "SERIALNUMBER": "SerialNumber", "2.5.4.5": "SerialNumber",
    ]

    /// Every parameter that a subject can fill.
    static let all = Set(Self.names.values.map { Self.prefix + $0 })

    /// - Parameter subject: RFC 4514, such as `CN=pump-1,O=Acme`; of an attribute that stands
    ///   there twice the certificate's first counts.
    /// - Throws: `FleetError.invalidRequest` for a text that names no attribute.
    static func of(_ subject: String) throws(FleetError) -> [String: String] {
        let attributes = CertificateFields.attributes(ofName: subject)
        guard !attributes.isEmpty else {
            throw FleetError(
                .invalidRequest,
                "/subject is a name such as 'CN=pump-1,O=Acme', not '\(subject.clipped)'")
        }
        var parameters: [String: String] = [:]
        for (type, value) in attributes {
            guard let name = Self.names[type.uppercased()] else { continue }
            if parameters[Self.prefix + name] == nil { parameters[Self.prefix + name] = value }
        }
        return parameters
    }
}
