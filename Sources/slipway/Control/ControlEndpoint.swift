import AsyncHTTPClient
import ControlPlane
import Fleet
import Foundation
import NIOSSL
import Synchronization

/// A service that is reached over HTTP with an access key: this program's own on another machine,
/// or AWS IoT's.
struct ControlEndpoint: Sendable {
    /// `http://HOST:PORT`, without a slash at the end.
    let url: String
    /// HOST:PORT as it is signed.
    let host: String
    let signer: RequestSigner
    let client: HTTPClient

    /// - Parameters:
    ///   - url: nil for AWS IoT itself in the credential's region.
    ///   - authority: a PEM file that TLS is held against in place of the system's authorities.
    /// - Throws: `FleetError.invalidRequest` for a text that is no such URL, or a file that holds
    ///   no certificate.
    init(_ url: String?, signer: RequestSigner, authority: String?) throws(FleetError) {
        let text = url ?? "https://iot.\(signer.region).amazonaws.com"
        guard let parts = URLComponents(string: text), let host = parts.host, !host.isEmpty,
            parts.scheme == "http" || parts.scheme == "https",
            parts.path.isEmpty || parts.path == "/", parts.query == nil
        else {
            throw FleetError(
                .invalidRequest,
                "'\(text.clipped)' is no endpoint: write http://HOST:PORT or https://HOST:PORT")
        }
        self.host = parts.port.map { "\(host):\($0)" } ?? host
        self.url = "\(parts.scheme ?? "http")://\(self.host)"
        self.signer = signer
        self.client = try Self.client(authority)
    }

    private static func client(_ authority: String?) throws(FleetError) -> HTTPClient {
        var configuration = HTTPClient.Configuration()
        // A certificate that is not believed, and a port where nobody listens, will not be another
        // a minute later.
        configuration.connectionPool.retryConnectionEstablishment = false
        if let authority {
            var tls = TLSConfiguration.makeClientConfiguration()
            do {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(authority))
            } catch {
                throw FleetError(
                    .invalidRequest,
                    "AWS_CA_BUNDLE names '\(authority)', which holds no certificates: \(error)")
            }
            configuration.tlsConfiguration = tls
        }
        let client = HTTPClient(
            eventLoopGroupProvider: .singleton, configuration: configuration)
        Self.kept.withLock { $0.append(client) }
        return client
    }

    /// Held open until the program ends: a client that is let go of while it is open is an error.
    private static let kept = Mutex<[HTTPClient]>([])
}
