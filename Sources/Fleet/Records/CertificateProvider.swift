/// An operator's own signer, in place of this service's for requests that devices send (AWS:
/// CreateCertificateProvider). The one that exists is the account's default for
/// CreateCertificateFromCsr: AWS knows no other use of it.
package struct CertificateProvider: Hashable, Sendable {
    package let name: CertificateProviderName
    /// AWS: `lambdaFunctionArn`, as it was given.
    package var target: String
    /// The webhook that the target's function names.
    package var hook: HookName
    /// What made a repeated request the same one (AWS: `clientToken`).
    package let clientToken: String?
    package let createdAt: UnixTime
    package var lastModifiedAt: UnixTime

    package init(
        name: CertificateProviderName, target: String, hook: HookName, clientToken: String?,
        createdAt: UnixTime, lastModifiedAt: UnixTime
    ) {
        self.name = name
        self.target = target
        self.hook = hook
        self.clientToken = clientToken
        self.createdAt = createdAt
        self.lastModifiedAt = lastModifiedAt
    }
}
