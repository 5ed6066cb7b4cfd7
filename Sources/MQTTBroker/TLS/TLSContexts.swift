import Fleet
import NIOCore
import NIOSSL
import Synchronization

/// The TLS context that new connections get. Replacing it takes effect from the next accepted
/// socket on and drops every session ticket, whose keys belong to the context.
final class TLSContexts: Sendable {
    /// AWS: the ALPN names of MQTT with a client certificate and of plain MQTT. A client that
    /// offers none of them is served all the same (provisioning specification, 0.3).
    private static let applicationProtocols = ["x-amzn-mqtt-ca", "mqtt"]

    /// What a client may sign its handshake with: whatever goes with a key that certificates are
    /// issued for. The library's own list lacks P-521 in TLS 1.3, and Ed25519 altogether.
    private static let clientSignatures: [SignatureAlgorithm] = [
        .ecdsaSecp256R1Sha256, .ecdsaSecp384R1Sha384, .ecdsaSecp521R1Sha512, .ed25519,
        .rsaPssRsaeSha256, .rsaPssRsaeSha384, .rsaPssRsaeSha512,
        .rsaPkcs1Sha256, .rsaPkcs1Sha384, .rsaPkcs1Sha512,
    ]

    private struct Loaded {
        let context: NIOSSLContext
        let certificateEnd: UnixTime
    }

    private let current: Mutex<Loaded>

    init(_ material: TLSMaterial) throws(FleetError) {
        self.current = Mutex(try Self.load(material))
    }

    var context: NIOSSLContext { self.current.withLock { $0.context } }
    /// When the gateway's own certificate ends, and with it the trust of every client.
    var certificateEnd: UnixTime { self.current.withLock { $0.certificateEnd } }

    /// Builds the context outside the lock, so that a connection never waits for it.
    func replace(with material: TLSMaterial) throws(FleetError) {
        let next = try Self.load(material)
        self.current.withLock { $0 = next }
    }

    private static func load(_ material: TLSMaterial) throws(FleetError) -> Loaded {
        let chain = try Self.certificates(material.certificateChain, of: "server certificate")
        let anchors = try Self.certificates(material.trustAnchors, of: "trust anchors")
        let key = try Self.privateKey(material.privateKey)
        var configuration = TLSConfiguration.makeServerConfigurationWithMTLS(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key),
            trustRoots: .certificates(anchors))
        // The library's own minimum for this configuration is TLS 1.0.
        configuration.minimumTLSVersion = .tlsv12
        configuration.verifySignatureAlgorithms = Self.clientSignatures
        configuration.applicationProtocols = Self.applicationProtocols
        configuration.shutdownTimeout = .seconds(BrokerLimits.tlsShutdownSeconds)
        configuration.renegotiationSupport = .none
        do {
            return Loaded(
                context: try NIOSSLContext(configuration: configuration),
                // `certificates` gives one at least.
                certificateEnd: UnixTime(seconds: Int64(chain[0].notValidAfter)))
        } catch {
            throw FleetError(
                .invalidRequest,
                "The gateway's TLS certificate, key and trust anchors do not make a context: "
                    + "\(error)")
        }
    }

    private static func certificates(
        _ pem: [UInt8], of what: String
    ) throws(FleetError) -> [NIOSSLCertificate] {
        let found: [NIOSSLCertificate]
        do {
            found = try NIOSSLCertificate.fromPEMBytes(pem)
        } catch {
            throw FleetError(
                .certificateValidation, "The gateway's \(what) PEM cannot be read: \(error)")
        }
        guard !found.isEmpty else {
            throw FleetError(
                .certificateValidation, "The gateway's \(what) PEM holds no certificate.")
        }
        return found
    }

    private static func privateKey(
        _ secret: Secret<WipedBytes>
    ) throws(FleetError) -> NIOSSLPrivateKey {
        var pem = secret.expose { $0.withBytes { Array($0) } }
        defer { for index in pem.indices { pem[index] = 0 } }
        do {
            return try NIOSSLPrivateKey(bytes: pem, format: .pem)
        } catch {
            // The library's error could quote what it could not parse.
            throw FleetError(
                .certificateValidation,
                "The gateway's private key PEM cannot be read: it must hold one unencrypted key.")
        }
    }
}
