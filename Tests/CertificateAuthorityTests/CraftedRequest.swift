import Crypto
import Foundation

@testable import CertificateAuthority

/// A PKCS#10 request put together field by field and truly signed, so that only the field under
/// test is wrong.
struct CraftedRequest {
    let key = P256.Signing.PrivateKey()
    var version: [UInt8] = [0x02, 0x01, 0x00]
    var subject = tlv(0x30, name(0x03, tag: 0x0C, Array("device".utf8)))
    var publicKey: [UInt8]
    var attributes: [UInt8] = [0xA0, 0x00]
    /// ecdsa-with-SHA256.
    var algorithm: [UInt8] = tlv(
        0x30, [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02])
    var trailing: [UInt8] = []

    init() { self.publicKey = Array(self.key.publicKey.derRepresentation) }

    /// One RDN with one attribute, 2.5.4.`arc`.
    static func name(_ arc: UInt8, tag: UInt8, _ value: [UInt8]) -> [UInt8] {
        tlv(0x31, tlv(0x30, [0x06, 0x03, 0x55, 0x04, arc], tlv(tag, value)))
    }

    var info: [UInt8] {
        tlv(0x30, self.version, self.subject, self.publicKey, self.attributes)
    }

    func der() throws -> [UInt8] {
        let info = self.info
        let signature = try self.key.signature(for: SHA256.hash(data: info)).derRepresentation
        return tlv(0x30, info, self.algorithm, tlv(0x03, [0x00], Array(signature)))
            + self.trailing
    }

    func pem() throws -> String {
        try PEMBlock(label: "CERTIFICATE REQUEST", bytes: self.der()).text
    }
}

private func name(_ arc: UInt8, tag: UInt8, _ value: [UInt8]) -> [UInt8] {
    CraftedRequest.name(arc, tag: tag, value)
}
