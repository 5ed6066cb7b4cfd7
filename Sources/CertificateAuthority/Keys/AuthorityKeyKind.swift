import COpenSSL
import COpenSSLShims

/// What kind of key an authority can be made with here. Each fixes how its authority signs.
package enum AuthorityKeyKind: String, Sendable, CaseIterable {
    case p256 = "p-256"
    case p384 = "p-384"
    case rsa3072 = "rsa-3072"
    case rsa4096 = "rsa-4096"
    /// RFC 8410. Few TLS stacks of devices verify it.
    case ed25519 = "ed25519"

    /// - Returns: an EVP_PKEY that the caller owns; nil on failure.
    func make() -> OpaquePointer? {
        switch self {
        case .p256: slipway_ec_key_make("P-256")
        case .p384: slipway_ec_key_make("P-384")
        case .rsa3072: slipway_rsa_key_make(3072)
        case .rsa4096: slipway_rsa_key_make(4096)
        case .ed25519: slipway_ed25519_key_make()
        }
    }
}
