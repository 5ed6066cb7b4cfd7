/// Which public keys a certificate may be issued for. What is not a setting here has one right
/// value: RSA's exponent is 65537, the curves are P-256, P-384 and P-521.
package struct KeyRules: Hashable, Sendable {
    package static let rsaBitsMin = 2048
    /// Verifying a longer one costs a server more than a device's key is worth.
    package static let rsaBitsMax = 8192

    /// Ed25519 (RFC 8410). Off by default: many TLS stacks of devices and brokers lack it.
    package var allowsEd25519: Bool

    package init(allowsEd25519: Bool = false) { self.allowsEd25519 = allowsEd25519 }
}
