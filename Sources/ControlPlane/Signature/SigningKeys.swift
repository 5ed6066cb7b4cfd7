import Crypto
import Fleet
import Synchronization

/// The keys that signatures are made with, derived once for each day, region and service.
///
/// Bounded. Only a key that a request has proven itself with is kept, so that requests with made-up
/// scopes push nothing out.
package final class SigningKeys: Sendable {
    /// In one generation. One key serves all requests of one client for a day.
    static let keysMax = 1024

    struct Name: Hashable {
        let keyID: AccessKeyID
        let scope: SignatureParameters.Scope
    }

    /// The beginning of every code that is made with a key, which has the key in it already.
    typealias Code = HMAC<SHA256>

    private let codes = Mutex(RecentValues<Name, Code>(generationMax: keysMax))

    package init() {}

    /// AWS: kSigning = HMAC(HMAC(HMAC(HMAC("AWS4" + secret, day), region), service), terminator).
    static func derive(
        _ secret: Secret<WipedBytes>, _ scope: SignatureParameters.Scope
    ) -> SymmetricKey {
        let seed = secret.expose { bytes in
            bytes.withBytes { bytes in
                WipedBytes(capacity: bytes.count + 4) { buffer in
                    _ = buffer.update(fromContentsOf: "AWS4".utf8)
                    _ = buffer[4...].update(fromContentsOf: bytes)
                    return bytes.count + 4
                }
            }
        }
        var key = seed.withBytes { SymmetricKey(data: $0) }
        for part in [scope.day, scope.region, scope.service, scope.terminator] {
            let code = HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key)
            key = SymmetricKey(data: code)
        }
        return key
    }

    func code(_ name: Name) -> Code? { self.codes.withLock { $0.value(name) } }

    func keep(_ code: Code, _ name: Name) { self.codes.withLock { $0.keep(code, name) } }

    /// For tests.
    var count: Int { self.codes.withLock { $0.count } }
}
