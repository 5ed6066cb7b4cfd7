package import Fleet
import NIOSSL
import Synchronization

/// The TLS context that the next connection gets: the service's certificate, and the names of the
/// authorities that a client's may be of (RFC 8446 4.2.4, RFC 5246 7.4.4), by which a client
/// chooses the one that it shows.
package final class ESTContext: Sendable {
    private let identity: ControlServer.TLSIdentity
    private let present: Mutex<NIOSSLContext>

    /// - Parameter anchors: authorities in PEM.
    package init(
        identity: ControlServer.TLSIdentity, anchors: [UInt8]
    ) throws(FleetError) {
        self.identity = identity
        self.present = Mutex(try Self.make(identity, anchors))
    }

    /// Names these from the next connection on. Sessions of before are not resumed.
    package func use(anchors: [UInt8]) throws(FleetError) {
        let next = try Self.make(self.identity, anchors)
        self.present.withLock { $0 = next }
    }

    var current: NIOSSLContext { self.present.withLock { $0 } }

    private static func make(
        _ identity: ControlServer.TLSIdentity, _ anchors: [UInt8]
    ) throws(FleetError) -> NIOSSLContext {
        var configuration = try identity.configuration()
        configuration.certificateVerification = .optionalVerification
        configuration.renegotiationSupport = .none
        do {
            configuration.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(anchors))
            return try NIOSSLContext(configuration: configuration)
        } catch {
            throw FleetError(
                .certificateValidation,
                "the authorities and the server's certificate make no TLS context: \(error)")
        }
    }
}
