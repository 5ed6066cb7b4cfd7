/// What a certificate's own bytes say beside its names: its key, and its alternative names. Of a
/// certificate that has been accepted already; what cannot be read is nil or left out.
package struct CertificateShape: Hashable, Sendable {
    /// `RSA-2048`, `EC-P256`, `Ed25519` and the like; nil for any other.
    package let keyType: String?
    /// The subject's alternative names (RFC 5280, 4.2.1.6) as text, in the certificate's order.
    package let alternativeNames: [String]

    package init(pem: String) {
        let bytes = PEMText.certificate(pem) ?? []
        self.keyType = Self.keyType(of: bytes)
        self.alternativeNames = AlternativeNames.fields(of: bytes)
            .filter { $0.field.hasPrefix("Subject.") }.map(\.value)
    }

    private static let rsa: [UInt8] = [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]
    private static let ec: [UInt8] = [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01]
    private static let ed25519: [UInt8] = [0x2B, 0x65, 0x70]
    private static let curves: [[UInt8]: String] = [
        [0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]: "EC-P256",
        [0x2B, 0x81, 0x04, 0x00, 0x22]: "EC-P384", [0x2B, 0x81, 0x04, 0x00, 0x23]: "EC-P521",
    ]

    /// RFC 5280, 4.1: version, serial, signature, issuer, validity and subject stand before it.
    private static func keyType(of bytes: [UInt8]) -> String? {
        var outer = DERReader(bytes[...])
        guard var certificate = outer.next(DERReader.sequence)?.elements,
            var body = certificate.next(DERReader.sequence)?.elements,
            let first = body.next()
        else { return nil }
        if first.tag == 0xA0 { _ = body.next() }
        for _ in 0..<4 { guard body.next(DERReader.sequence) != nil else { return nil } }
        guard var info = body.next(DERReader.sequence)?.elements,
            var algorithm = info.next(DERReader.sequence)?.elements,
            let identifier = algorithm.next(DERReader.objectIdentifier)
        else { return nil }
        switch Array(identifier.contents) {
        case Self.ed25519: return "Ed25519"
        case Self.ec:
            return algorithm.next(DERReader.objectIdentifier)
                .flatMap { Self.curves[Array($0.contents)] }
        case Self.rsa:
            guard let bits = info.next(0x03) else { return nil }
            var key = DERReader(bits.contents.dropFirst())
            guard var numbers = key.next(DERReader.sequence)?.elements,
                let modulus = numbers.next(0x02)
            else { return nil }
            let octets = modulus.contents.drop { $0 == 0 }.count
            return "RSA-\(octets * 8)"
        default: return nil
        }
    }
}
