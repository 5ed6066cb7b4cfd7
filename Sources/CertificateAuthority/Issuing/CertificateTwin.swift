import Fleet
import SwiftASN1

/// The certificate that is about to be signed, signed by a key that nobody trusts: whole, as the
/// world will read it, and read back before the authority's own key is asked.
enum CertificateTwin {
    /// One for each way of signing, made when it is first needed.
    private final class Key: Sendable {
        let key: ThrowawayKey
        init(_ scheme: SignatureScheme) throws(FleetError) { self.key = try ThrowawayKey(scheme) }
    }

    private static func made(_ scheme: SignatureScheme) -> Result<Key, FleetError> {
        do throws(FleetError) { return .success(try Key(scheme)) } catch { return .failure(error) }
    }
    private static let p256 = Self.made(.ecdsaSHA256)
    private static let p384 = Self.made(.ecdsaSHA384)
    private static let p521 = Self.made(.ecdsaSHA512)
    private static let rsa = Self.made(.rsaSHA256)
    private static let ed25519 = Self.made(.ed25519)

    /// What a stranger would find wrong with a certificate of these bytes; empty where nothing is.
    /// - Throws: `FleetError.internalFailure` where libcrypto makes no key; then nothing is known.
    static func findings(in tbs: [UInt8], _ scheme: SignatureScheme) throws(FleetError) -> [String]
    {
        let key =
            switch scheme {
            case .ecdsaSHA256: try Self.p256.get()
            case .ecdsaSHA384: try Self.p384.get()
            case .ecdsaSHA512: try Self.p521.get()
            case .rsaSHA256: try Self.rsa.get()
            case .ed25519: try Self.ed25519.get()
            }
        let twin = try key.key.twin(of: tbs)
        guard let root = try? DER.parse(twin), var parts = DERFields(root),
            parts.next()?.encodedBytes.elementsEqual(tbs) == true,
            (try? CertificateFacts(der: twin)) != nil
        else { return ["twin: not a Certificate in DER (RFC 5280 4.1)"] }
        return key.key.isCertificate(twin)
            ? [] : ["twin: libcrypto reads no sound certificate in it"]
    }
}
