package import Fleet
import SwiftASN1

/// A request for an authority's certificate, to be carried to a root that is kept elsewhere
/// (PKCS#10, RFC 2986). It asks by name and key alone: what the authority may do is for the root's
/// keepers to decide, not for the request.
package struct AuthorityRequest: ~Copyable, Sendable {
    /// CertificationRequestInfo, DER.
    let body: [UInt8]
    let key: PublicKeyFingerprint

    private init(subject: SubjectName, key: SubjectKey) throws(FleetError) {
        let name = try subject.der()
        self.body = try encodeDER("certification request") { coder in
            try coder.appendConstructedNode(identifier: .sequence) { info in
                try info.serialize(0)
                info.serializeRawBytes(name)
                info.serializeRawBytes(key.der)
                // RFC 2986 4.1: attributes are not optional; here they are an empty set.
                info.appendConstructedNode(
                    identifier: ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific)
                ) { _ in }
            }
        }
        self.key = key.fingerprint
    }

    /// - Returns: PEM, signed by `key`.
    package static func pem(
        subject: SubjectName, key: borrowing SigningKey
    ) throws(FleetError) -> String {
        let request = try AuthorityRequest(subject: subject, key: key.publicKey)
        return PEMBlock(label: "CERTIFICATE REQUEST", bytes: try key.sign(request)).text
    }
}
