package import Fleet

/// What the gateway shows of itself and whom it believes, as PEM, just as it lies in the files.
package struct TLSMaterial: Sendable {
    /// The gateway's own certificate, then the intermediates a client may need.
    package let certificateChain: [UInt8]
    package let privateKey: Secret<WipedBytes>
    /// Every authority whose certificates devices may hold: root, issuing, registered. The issuing
    /// one belongs among them, so that a device may present its leaf alone.
    package let trustAnchors: [UInt8]

    package init(
        certificateChain: [UInt8], privateKey: Secret<WipedBytes>, trustAnchors: [UInt8]
    ) {
        self.certificateChain = certificateChain
        self.privateKey = privateKey
        self.trustAnchors = trustAnchors
    }
}
