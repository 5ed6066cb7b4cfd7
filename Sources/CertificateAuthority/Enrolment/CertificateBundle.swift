import Fleet
import SwiftASN1

/// Certificates and nothing else in the form of a signed message (RFC 5652 5.1: a SignedData
/// without signers; RFC 8551 3.9 calls it certs-only).
enum CertificateBundle {
    private static let signedData: ASN1ObjectIdentifier = [1, 2, 840, 113_549, 1, 7, 2]
    private static let data: ASN1ObjectIdentifier = [1, 2, 840, 113_549, 1, 7, 1]

    /// - Parameter certificates: each in DER.
    static func der(_ certificates: [[UInt8]]) throws(FleetError) -> [UInt8] {
        let context = ASN1Identifier(tagWithNumber: 0, tagClass: .contextSpecific)
        // X.690 11.6: the members of a SET OF stand in the order of their encodings.
        let ordered = certificates.sorted { $0.lexicographicallyPrecedes($1) }
        return try encodeDER("certificates") { coder in
            try coder.appendConstructedNode(identifier: .sequence) { content in
                try content.serialize(Self.signedData)
                try content.appendConstructedNode(identifier: context) { explicit in
                    try explicit.appendConstructedNode(identifier: .sequence) { signed in
                        try signed.serialize(1)
                        signed.appendConstructedNode(identifier: .set) { _ in }
                        try signed.appendConstructedNode(identifier: .sequence) {
                            try $0.serialize(Self.data)
                        }
                        signed.appendConstructedNode(identifier: context) { set in
                            for certificate in ordered { set.serializeRawBytes(certificate) }
                        }
                        signed.appendConstructedNode(identifier: .set) { _ in }
                    }
                }
            }
        }
    }
}
