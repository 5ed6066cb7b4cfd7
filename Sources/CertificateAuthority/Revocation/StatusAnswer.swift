import Crypto
import Fleet
import SwiftASN1

/// OCSP answers (RFC 6960 4.2.1).
enum StatusAnswer {
    /// OCSPResponseStatus, for answers that say nothing of a certificate and carry no signature.
    enum Failure: UInt8 {
        case malformedRequest = 1
        case internalError = 2
        case tryLater = 3
        /// Not an authority this responder speaks for (RFC 5019 2.2.3).
        case unauthorized = 6

        var der: [UInt8] {
            StatusDER.wrapped(StatusDER.sequence, [0x0A, 0x01, self.rawValue])
        }
    }

    struct Single {
        /// The CertID as it was asked for.
        let certificate: [UInt8]
        let standing: CertificateStanding
    }

    /// What is signed, and the responder's certificate after it.
    static func statement(
        _ singles: [Single], nonce: [UInt8]?, thisUpdate: UnixTime, nextUpdate: UnixTime,
        responder: CertificateFacts
    ) throws(FleetError) -> StatusStatement {
        // ResponderID byKey: SHA-1 of the key's bits, whatever its subjectKeyIdentifier is.
        var body = StatusDER.wrapped(
            0xA2, StatusDER.wrapped(StatusDER.octetString, try Self.keyHash(of: responder)))
        body += StatusDER.generalizedTime(thisUpdate)
        var responses: [UInt8] = []
        for single in singles {
            var fields = single.certificate
            fields += Self.status(single.standing)
            fields += StatusDER.generalizedTime(thisUpdate)
            fields += StatusDER.wrapped(0xA0, StatusDER.generalizedTime(nextUpdate))
            StatusDER.append(StatusDER.sequence, fields, to: &responses)
        }
        body += StatusDER.wrapped(StatusDER.sequence, responses)
        if let nonce {
            body += StatusDER.wrapped(
                0xA1,
                StatusDER.wrapped(
                    StatusDER.sequence,
                    StatusDER.extensionField(
                        StatusDER.Identifier.ocspNonce, critical: false, nonce)))
        }
        return StatusStatement(
            tbs: StatusDER.wrapped(StatusDER.sequence, body),
            trailer: StatusDER.wrapped(
                0xA0, StatusDER.wrapped(StatusDER.sequence, responder.der)))
    }

    /// OCSPResponse around a signed BasicOCSPResponse.
    static func successful(_ basic: [UInt8]) -> [UInt8] {
        let bytes =
            StatusDER.wrapped(StatusDER.objectIdentifier, StatusDER.Identifier.ocspBasic)
            + StatusDER.wrapped(StatusDER.octetString, basic)
        return StatusDER.wrapped(
            StatusDER.sequence,
            [0x0A, 0x01, 0x00]
                + StatusDER.wrapped(0xA0, StatusDER.wrapped(StatusDER.sequence, bytes)))
    }

    private static func status(_ standing: CertificateStanding) -> [UInt8] {
        switch standing {
        case .good: return [0x80, 0x00]
        case .unknown: return [0x82, 0x00]
        case .revoked(let revocation):
            var info = StatusDER.generalizedTime(revocation.revokedAt)
            if revocation.reason != .unspecified {
                info += StatusDER.wrapped(0xA0, [0x0A, 0x01, revocation.reason.code])
            }
            return StatusDER.wrapped(0xA1, info)
        }
    }

    /// SHA-1 over the subjectPublicKey's bits, without tag, length and unused-bits octet.
    static func keyHash(of certificate: CertificateFacts) throws(FleetError) -> [UInt8] {
        Array(Insecure.SHA1.hash(data: try Self.keyBits(of: certificate)))
    }

    static func keyBits(of certificate: CertificateFacts) throws(FleetError) -> [UInt8] {
        guard let node = try? DER.parse(certificate.publicKeyDER), var fields = DERFields(node),
            fields.next() != nil, let bits = fields.next()?.wholeBitStringBytes
        else {
            throw FleetError(.internalFailure, "the public key of a certificate cannot be read")
        }
        return Array(bits)
    }
}

/// By which names OCSP requests call one authority.
struct StatusIssuer {
    private static let sha1: ASN1ObjectIdentifier = [1, 3, 14, 3, 2, 26]
    private static let sha256: ASN1ObjectIdentifier = [2, 16, 840, 1, 101, 3, 4, 2, 1]
    private let names: [ASN1ObjectIdentifier: (name: [UInt8], key: [UInt8])]

    init(_ certificate: CertificateFacts) throws(FleetError) {
        let (name, key) = (certificate.subjectName, try StatusAnswer.keyBits(of: certificate))
        self.names = [
            Self.sha1: (
                Array(Insecure.SHA1.hash(data: name)), Array(Insecure.SHA1.hash(data: key))
            ),
            Self.sha256: (Array(SHA256.hash(data: name)), Array(SHA256.hash(data: key))),
        ]
    }

    func isMeant(by certificate: StatusRequest.Certificate) -> Bool {
        guard let own = self.names[certificate.hash] else { return false }
        return own.name == certificate.issuerNameHash && own.key == certificate.issuerKeyHash
    }
}
