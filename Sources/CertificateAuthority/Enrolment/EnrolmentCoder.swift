package import Fleet
import SwiftASN1

/// The encodings of enrolment over HTTPS, over the authorities that clients are to trust.
package struct EnrolmentCoder: EnrolmentEncoding {
    private let anchors: @Sendable () -> [CertificateFacts]
    private let rules: KeyRules

    /// - Parameter anchors: the root, and what it signed that signs devices, as they are when
    ///   somebody asks.
    package init(
        anchors: @escaping @Sendable () -> [CertificateFacts], rules: KeyRules
    ) {
        self.anchors = anchors
        self.rules = rules
    }

    package func authorities() throws(FleetError) -> [UInt8] {
        try CertificateBundle.der(self.anchors().map(\.der))
    }

    package func certificate(_ pem: String) throws(FleetError) -> [UInt8] {
        try CertificateBundle.der([CertificateFacts(pem: pem).der])
    }

    package func request(_ der: [UInt8]) throws(FleetError) -> PresentedRequest {
        let request = try SigningRequest(der: der, rules: self.rules)
        var subject: [String: [String]] = [:]
        for part in request.subject?.parts ?? [] {
            subject[Self.name(part.attribute), default: []].append(part.value)
        }
        return PresentedRequest(
            pem: PEMBlock(label: "CERTIFICATE REQUEST", bytes: der).text, subject: subject)
    }

    /// As AWS names the parameters of just-in-time provisioning.
    private static func name(_ attribute: SubjectAttribute) -> String {
        switch attribute {
        case .commonName: "CommonName"
        case .organization: "Organization"
        case .organizationalUnit: "OrganizationalUnit"
        case .country: "Country"
        case .stateOrProvince: "StateName"
        case .locality: "Locality"
        case .serialNumber: "SerialNumber"
        }
    }

    /// A serial number in the subject, and a P-256 key that signs with SHA-256.
    package func attributes() throws(FleetError) -> [UInt8] {
        try encodeDER("attributes") { coder in
            try coder.appendConstructedNode(identifier: .sequence) { list in
                try list.serialize(SubjectAttribute.serialNumber.identifier)
                try list.appendConstructedNode(identifier: .sequence) { attribute in
                    try attribute.serialize(OID.ecPublicKey)
                    try attribute.appendConstructedNode(identifier: .set) {
                        try $0.serialize(OID.p256)
                    }
                }
                try list.serialize(OID.ecdsaWithSHA256)
            }
        }
    }

    package func privateKey(_ pem: WipedBytes) throws(FleetError) -> Secret<WipedBytes> {
        try PrivateKeyInfo.base64(pem)
    }
}
