/// A certificate as the registry keeps it, from the moment it was signed.
package struct Certificate: Hashable, Sendable {
    /// Who the certificate speaks for.
    package enum Kind: String, Sendable, CaseIterable {
        /// One device's own identity.
        case device
        /// The shared bootstrap identity of a line; speaks only under its claim's policies.
        case claim
        /// A claim that a trusted user asked for, and that ends by itself within minutes (AWS:
        /// CreateProvisioningClaim, whose claims AWS leaves out of its listings).
        case temporaryClaim
        /// The service's own, with which it measures how soon a revocation takes effect.
        case canary
        /// The gateway's own, which servers show and no device: it may do nothing here.
        case gateway

        /// Whether it lets devices in that have no identity yet.
        package var isClaim: Bool { self == .claim || self == .temporaryClaim }

        /// Whether it is the service's own, and no device's or line's.
        package var isServices: Bool { self == .canary || self == .gateway }
    }

    /// AWS: CertificateStatus. The machine is `canBecome(_:)`.
    package enum Status: String, Sendable, CaseIterable {
        case active = "ACTIVE"
        case inactive = "INACTIVE"
        case revoked = "REVOKED"
        case pendingTransfer = "PENDING_TRANSFER"
        case registerInactive = "REGISTER_INACTIVE"
        case pendingActivation = "PENDING_ACTIVATION"

        /// Revocation is final; everything else an operator or a registration may still turn.
        /// A pending state is entered only at creation.
        package func canBecome(_ next: Status) -> Bool {
            switch (self, next) {
            case (.revoked, _): next == .revoked
            case (_, .pendingActivation), (_, .pendingTransfer), (_, .registerInactive):
                next == self
            case (_, .active), (_, .inactive), (_, .revoked): true
            }
        }
    }

    /// AWS: CertificateMode. How a client has to say which account it speaks to; this service has
    /// one account and asks nobody, so it keeps the word for those who ask.
    package enum Mode: String, Sendable, CaseIterable {
        case `default` = "DEFAULT"
        case sniOnly = "SNI_ONLY"
    }

    package let id: CertificateID
    package let kind: Kind
    package let mode: Mode
    /// Lower-case hex of the serial's big-endian bytes, without a sign byte (RFC 5280 4.1.2.2).
    package let serialNumber: String
    /// The issuing authority's id; nil for a certificate registered without its authority.
    package let issuerID: CertificateID?
    /// RFC 4514 text.
    package let issuer: String
    package let subject: String
    package let publicKey: PublicKeyFingerprint
    package let notBefore: UnixTime
    package let notAfter: UnixTime
    package let pem: String
    package let createdAt: UnixTime
    package var status: Status
    package var statusChangedAt: UnixTime
    /// Why the status is what it is, in the words of whoever set it.
    package var statusReason: String?
    package var provenance: Provenance?
    /// When the certificate was first accepted on a connection of its own.
    package var firstSeenAt: UnixTime?
    /// AWS: customerVersion. Counts from 1; each change of its status adds one.
    package var version: Int

    package init(
        issued: IssuedCertificate, kind: Kind, status: Status, reason: String?, at now: UnixTime,
        provenance: Provenance? = nil
    ) {
        self.id = issued.id
        self.kind = kind
        self.mode = .default
        self.serialNumber = issued.serialNumber
        self.issuerID = issued.issuerID
        self.issuer = issued.issuer
        self.subject = issued.subject
        self.publicKey = issued.publicKey
        self.notBefore = issued.notBefore
        self.notAfter = issued.notAfter
        self.pem = issued.pem
        self.createdAt = now
        self.status = status
        self.statusChangedAt = now
        self.statusReason = reason
        self.provenance = provenance
        self.firstSeenAt = nil
        self.version = 1
    }

    /// For storage adapters, which read a whole row back.
    package init(
        id: CertificateID, kind: Kind, serialNumber: String, issuerID: CertificateID?,
        issuer: String, subject: String, publicKey: PublicKeyFingerprint, notBefore: UnixTime,
        notAfter: UnixTime, pem: String, createdAt: UnixTime, status: Status,
        statusChangedAt: UnixTime, statusReason: String?, provenance: Provenance?,
        firstSeenAt: UnixTime?, mode: Mode = .default, version: Int = 1
    ) {
        self.id = id
        self.kind = kind
        self.mode = mode
        self.serialNumber = serialNumber
        self.issuerID = issuerID
        self.issuer = issuer
        self.subject = subject
        self.publicKey = publicKey
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.pem = pem
        self.createdAt = createdAt
        self.status = status
        self.statusChangedAt = statusChangedAt
        self.statusReason = statusReason
        self.provenance = provenance
        self.firstSeenAt = firstSeenAt
        self.version = version
    }
}

/// What came out of the certificate authority: public facts only.
package struct IssuedCertificate: Hashable, Sendable {
    package let id: CertificateID
    package let pem: String
    package let serialNumber: String
    package let issuerID: CertificateID
    package let issuer: String
    package let subject: String
    package let publicKey: PublicKeyFingerprint
    package let notBefore: UnixTime
    package let notAfter: UnixTime
    /// The profile that it was made by; nil for one that others made.
    package var profile: String?

    package init(
        id: CertificateID, pem: String, serialNumber: String, issuerID: CertificateID,
        issuer: String, subject: String, publicKey: PublicKeyFingerprint, notBefore: UnixTime,
        notAfter: UnixTime
    ) {
        self.id = id
        self.pem = pem
        self.serialNumber = serialNumber
        self.issuerID = issuerID
        self.issuer = issuer
        self.subject = subject
        self.publicKey = publicKey
        self.notBefore = notBefore
        self.notAfter = notAfter
    }
}

/// Where a certificate came from: kept with it from the first release, for the day somebody asks
/// what a stolen claim has issued.
package struct Provenance: Hashable, Sendable {
    /// Known when the certificate is made.
    package struct Origin: Hashable, Sendable {
        package enum Flow: String, Sendable { case csr, serverKeys, operatorMade }
        package let flow: Flow
        /// The claim that asked; nil where an operator made the certificate.
        package let claim: CertificateID?
        package let clientID: String?
        package let sourceAddress: String?
        package let requestedAt: UnixTime
        /// The claim's labels when it asked; a registration may say something more exact.
        package var station: String?
        package var lot: String?
        /// The certificate profile that it was made by; nil where that was not noted.
        package var profile: String?

        package init(
            flow: Flow, claim: CertificateID?, clientID: String?, sourceAddress: String?,
            requestedAt: UnixTime, station: String? = nil, lot: String? = nil,
            profile: String? = nil
        ) {
            self.flow = flow
            self.claim = claim
            self.clientID = clientID
            self.sourceAddress = sourceAddress
            self.requestedAt = requestedAt
            self.station = station
            self.lot = lot
            self.profile = profile
        }
    }

    /// Known when the device is registered.
    package struct Registration: Hashable, Sendable {
        /// nil where the template's body came along with the request.
        package let template: TemplateName?
        package let templateVersion: Int?
        /// SHA-256 of the template body, hex.
        package let templateDigest: String
        package let hook: HookName?
        /// SHA-256 of the hook's source, hex.
        package let hookDigest: String?
        package let allowlist: AllowlistName?
        package let allowlistVersion: Int?
        /// Who registered, which need not be the connection that created the certificate.
        package let clientID: String
        package let sourceAddress: String
        package let station: String?
        package let lot: String?
        /// As resolved: the device's, the hook's overrides over them, the template's defaults.
        package let parameters: [String: String]
        package let registeredAt: UnixTime

        package init(
            template: TemplateName?, templateVersion: Int?, templateDigest: String, hook: HookName?,
            hookDigest: String?, allowlist: AllowlistName?, allowlistVersion: Int?,
            clientID: String, sourceAddress: String, station: String?, lot: String?,
            parameters: [String: String], registeredAt: UnixTime
        ) {
            self.template = template
            self.templateVersion = templateVersion
            self.templateDigest = templateDigest
            self.hook = hook
            self.hookDigest = hookDigest
            self.allowlist = allowlist
            self.allowlistVersion = allowlistVersion
            self.clientID = clientID
            self.sourceAddress = sourceAddress
            self.station = station
            self.lot = lot
            self.parameters = parameters
            self.registeredAt = registeredAt
        }
    }

    /// Known where the certificate took over from another of the same device.
    package struct Renewal: Hashable, Sendable {
        /// The certificate before this one.
        package let of: CertificateID
        /// The first of them all, and when it was made: what a search by time of issue means, since
        /// a device that should not have been let in then is not made right by renewing.
        package let first: CertificateID
        package let firstIssuedAt: UnixTime

        package init(of: CertificateID, first: CertificateID, firstIssuedAt: UnixTime) {
            self.of = of
            self.first = first
            self.firstIssuedAt = firstIssuedAt
        }

        /// - Parameter certificate: the one that is renewed.
        package init(of certificate: Certificate) {
            let before = certificate.provenance?.renewal
            self.init(
                of: certificate.id, first: before?.first ?? certificate.id,
                firstIssuedAt: before?.firstIssuedAt ?? certificate.createdAt)
        }
    }

    package let origin: Origin
    package var registration: Registration?
    package var renewal: Renewal?

    /// Where and for which lot: what certificates are selected by.
    package var station: String? { self.registration?.station ?? self.origin.station }
    package var lot: String? { self.registration?.lot ?? self.origin.lot }

    package init(
        origin: Origin, registration: Registration? = nil, renewal: Renewal? = nil
    ) {
        self.origin = origin
        self.registration = registration
        self.renewal = renewal
    }
}
