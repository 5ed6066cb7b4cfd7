import Crypto
import SwiftASN1
import X509

/// What the create call gave a device: enough to call RegisterThing again after a power cut.
struct PendingCertificate: Sendable {
    let credentials: Credentials
    let ownershipToken: String
}

/// What survives a power cut, as a device's flash would: its own key, then a certificate with its
/// ownership token, then its final identity. Each is stored whole or not at all.
struct DeviceMemory: Sendable {
    /// Made once, at first boot, by a device that sends a CSR.
    var ownKey: DeviceKey?
    var pending: PendingCertificate?
    var identity: DeviceIdentity?
    /// The identity's certificate is its second one.
    var isRenewed = false
}

/// A provisioned device's name and credentials.
struct DeviceIdentity: Sendable {
    let thingName: String
    let credentials: Credentials
}

/// A P-256 key that never leaves the device, and the CSR that speaks for it.
struct DeviceKey: Sendable {
    let privateKeyPEM: String
    let signingRequestPEM: String

    /// - Throws: what X.509 building throws; with a key just made, only memory exhaustion is left.
    init(commonName: String) throws {
        let key = P256.Signing.PrivateKey()
        let subject = try DistinguishedName { CommonName(commonName) }
        let request = try CertificateSigningRequest(
            version: .v1, subject: subject, privateKey: Certificate.PrivateKey(key),
            attributes: CertificateSigningRequest.Attributes(),
            signatureAlgorithm: .ecdsaWithSHA256)
        self.privateKeyPEM = key.pemRepresentation
        self.signingRequestPEM = try request.serializeAsPEM().pemString + "\n"
    }
}
