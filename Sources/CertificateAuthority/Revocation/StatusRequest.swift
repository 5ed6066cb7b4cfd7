import Fleet
import SwiftASN1

/// An OCSP request as it arrived (RFC 6960 4.1.1), read for its form. Its own signature, where it
/// has one, is of no interest: anybody may ask.
struct StatusRequest {
    struct Certificate {
        /// The CertID as it came, which the answer repeats.
        let encoded: [UInt8]
        let hash: ASN1ObjectIdentifier
        let issuerNameHash: [UInt8]
        let issuerKeyHash: [UInt8]
        /// Lower-case hex without a sign byte.
        let serialNumber: String
    }

    static let bytesMax = 8 * 1024
    static let certificatesMax = 32
    /// RFC 9654 2.1: longer ones make the request malformed, and so does one of no octets.
    static let nonceBytesMax = 128
    private static let nonceIdentifier: ASN1ObjectIdentifier = [
        1, 3, 6, 1, 5, 5, 7, 48, 1, 2,
    ]

    let certificates: [Certificate]
    /// The extension's value, DER of an OCTET STRING, as it came.
    let nonce: [UInt8]?

    /// nil for whatever is no request.
    init?(der: [UInt8]) {
        guard der.count <= Self.bytesMax, let root = try? DER.parse(der),
            var outer = DERFields(root), let body = outer.next(.sequence),
            var fields = DERFields(body)
        else { return nil }
        if let version = fields.next(Self.tag(0)) {
            guard var inner = DERFields(version, identifier: Self.tag(0)),
                inner.next(.integer)?.primitiveBytes?.elementsEqual([0]) == true, inner.isAtEnd()
            else { return nil }
        }
        _ = fields.next(Self.tag(1))
        guard let list = fields.next(.sequence), var items = DERFields(list) else { return nil }
        var certificates: [Certificate] = []
        while let item = items.next() {
            guard certificates.count < Self.certificatesMax, var parts = DERFields(item),
                let identifier = parts.next(.sequence), let found = Self.certificate(identifier)
            else { return nil }
            certificates.append(found)
        }
        guard !certificates.isEmpty else { return nil }
        self.certificates = certificates
        guard let tagged = fields.next(Self.tag(2)) else {
            guard fields.isAtEnd() else { return nil }
            self.nonce = nil
            return
        }
        guard fields.isAtEnd(), let extensions = Self.extensions(tagged) else { return nil }
        self.nonce = extensions.nonce
    }

    private static func certificate(_ node: ASN1Node) -> Certificate? {
        guard var fields = DERFields(node), let algorithm = fields.next(.sequence),
            var parts = DERFields(algorithm), let hash = parts.next()?.objectIdentifier,
            let name = fields.next(.octetString)?.primitiveBytes,
            let key = fields.next(.octetString)?.primitiveBytes,
            let serial = fields.next(.integer)?.primitiveBytes, fields.isAtEnd(),
            // A negative serial is nobody's.
            let first = serial.first, first < 0x80
        else { return nil }
        let magnitude = serial.drop { $0 == 0 }
        return Certificate(
            encoded: Array(node.encodedBytes), hash: hash, issuerNameHash: Array(name),
            issuerKeyHash: Array(key), serialNumber: magnitude.isEmpty ? "00" : magnitude.hex)
    }

    private static func extensions(_ tagged: ASN1Node) -> (nonce: [UInt8]?, Void)? {
        guard var inner = DERFields(tagged, identifier: Self.tag(2)),
            let list = inner.next(.sequence), inner.isAtEnd(), var items = DERFields(list)
        else { return nil }
        var nonce: [UInt8]?
        while let item = items.next() {
            guard var fields = DERFields(item), let name = fields.next()?.objectIdentifier else {
                return nil
            }
            let isCritical = fields.next(.boolean)?.primitiveBytes?.elementsEqual([0xFF]) == true
            guard let value = fields.next(.octetString)?.primitiveBytes, fields.isAtEnd() else {
                return nil
            }
            if name == Self.nonceIdentifier {
                guard nonce == nil, let node = try? DER.parse(Array(value)),
                    node.identifier == .octetString, let content = node.primitiveBytes,
                    (1...Self.nonceBytesMax).contains(content.count)
                else { return nil }
                nonce = Array(value)
            } else if isCritical {
                return nil
            }
        }
        return (nonce, ())
    }

    private static func tag(_ number: UInt) -> ASN1Identifier {
        ASN1Identifier(tagWithNumber: number, tagClass: .contextSpecific)
    }
}
