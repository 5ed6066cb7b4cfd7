import COpenSSL
import Fleet

/// What libcrypto said went wrong. Its queue is per thread, and taking the error empties it, so
/// that no later call reports this one's failure.
struct LibcryptoError: Error, Hashable, CustomStringConvertible {
    /// "make a key".
    let attempt: String
    /// libcrypto's reason string, or a sentence where it gave none. It names functions and
    /// reasons, never data.
    let reason: String

    private static let textBytesMax = 256

    static func take(_ attempt: String) -> LibcryptoError {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0 else {
            return LibcryptoError(attempt: attempt, reason: "no reason given")
        }
        var text = [CChar](repeating: 0, count: Self.textBytesMax)
        ERR_error_string_n(code, &text, text.count)
        let bytes = text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
        return LibcryptoError(attempt: attempt, reason: String(decoding: bytes, as: UTF8.self))
    }

    var description: String { "libcrypto could not \(self.attempt): \(self.reason)" }

    var asFleetError: FleetError { FleetError(.internalFailure, self.description) }
}
