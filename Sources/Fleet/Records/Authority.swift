/// An authority whose certificates this service knows. The key is elsewhere, or nowhere.
package struct Authority: Hashable, Sendable {
    package enum Role: String, Sendable { case root, issuing, registered }
    package enum Status: String, Sendable { case active = "ACTIVE", inactive = "INACTIVE" }

    /// AWS: registrationConfig. What a device's first connection is registered by.
    package struct RegistrationConfig: Hashable, Sendable {
        package var templateBody: String?
        package var templateName: TemplateName?
        /// A label: this service registers with rights of its own.
        package var roleARN: String?

        package init(templateBody: String?, templateName: TemplateName?, roleARN: String?) {
            self.templateBody = templateBody
            self.templateName = templateName
            self.roleARN = roleARN
        }
    }

    /// How certificates of this authority come to be registered.
    package struct Registration: Hashable, Sendable {
        package let mode: Certificate.Mode
        /// AWS: autoRegistrationStatus.
        package var isAutomatic: Bool
        package var config: RegistrationConfig?

        package init(
            mode: Certificate.Mode = .default, isAutomatic: Bool = false,
            config: RegistrationConfig? = nil
        ) {
            self.mode = mode
            self.isAutomatic = isAutomatic
            self.config = config
        }
    }

    package let id: CertificateID
    package let role: Role
    package let subject: String
    package let publicKey: PublicKeyFingerprint
    package let pem: String
    package let notBefore: UnixTime
    package let notAfter: UnixTime
    package var status: Status
    package let createdAt: UnixTime
    package var registration: Registration
    package var lastModifiedAt: UnixTime
    /// AWS: customerVersion. Counts from 1; each change adds one.
    package var version: Int

    package init(
        id: CertificateID, role: Role, subject: String, publicKey: PublicKeyFingerprint,
        pem: String, notBefore: UnixTime, notAfter: UnixTime, status: Status, createdAt: UnixTime,
        registration: Registration = Registration(), lastModifiedAt: UnixTime? = nil,
        version: Int = 1
    ) {
        self.id = id
        self.role = role
        self.subject = subject
        self.publicKey = publicKey
        self.pem = pem
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.status = status
        self.createdAt = createdAt
        self.registration = registration
        self.lastModifiedAt = lastModifiedAt ?? createdAt
        self.version = version
    }
}
