package import Fleet

/// The rules of certificate authorities that operators bring.
package enum Authorities {
    /// AWS: ten authorities of one subject.
    package static let sameSubjectMax = 10

    /// AWS: RegisterCACertificate. Possession of the key has been proven to whoever can tell.
    /// - Parameter sameSubject: how many authorities of this subject there are already.
    package static func register(
        _ authority: Authority, sameSubject: Int, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        guard view.authority(authority.id) == nil else {
            throw FleetError(
                .alreadyExists, "The CA certificate is already registered.",
                resource: authority.id.rawValue)
        }
        guard sameSubject < Self.sameSubjectMax else {
            throw FleetError(
                .limitExceeded,
                "\(sameSubject) CA certificates have the subject '\(authority.subject.clipped)'; "
                    + "at most \(Self.sameSubjectMax)")
        }
        try Self.check(authority.registration)
        return ChangeSet(
            action: "RegisterCACertificate",
            preconditions: [.absent(.authority(authority.id))],
            changes: [.putAuthority(authority)])
    }

    /// What AWS's UpdateCACertificate may change; nil leaves as it is.
    package struct Update: Hashable, Sendable {
        package var status: Authority.Status?
        package var isAutomatic: Bool?
        package var config: Authority.RegistrationConfig?
        /// AWS: `removeAutoRegistration`, which takes the configuration away.
        package var removesConfig = false

        package init() {}
    }

    /// AWS: UpdateCACertificate. The authorities that this service itself signs with stay as they
    /// are: without them no gateway would let a device in.
    package static func update(
        _ id: CertificateID, _ update: Update, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let before = try Self.existing(id, in: view)
        var authority = before
        if let status = update.status {
            try Self.requireForeign(before, "its status is not an operator's to change")
            authority.status = status
        }
        if update.removesConfig {
            authority.registration.isAutomatic = false
            authority.registration.config = nil
        }
        if let isAutomatic = update.isAutomatic {
            try Self.requireForeign(before, "its certificates are registered when they are made")
            authority.registration.isAutomatic = isAutomatic
        }
        if let config = update.config { authority.registration.config = config }
        try Self.check(authority.registration)
        var set = ChangeSet(
            action: "UpdateCACertificate", preconditions: [view.asSeen(.authority(id))])
        guard authority != before else { return set }
        authority.lastModifiedAt = now
        authority.version += 1
        set.changes = [.putAuthority(authority)]
        return set
    }

    /// An own authority's status follows the list in `pki/`: one that is not in it signs no CRL,
    /// so that nobody could say any more who of its devices was revoked.
    package static func setOwn(
        _ id: CertificateID, isListed: Bool, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        var authority = try Self.existing(id, in: view)
        var set = ChangeSet(
            action: "UpdateCACertificate", preconditions: [view.asSeen(.authority(id))])
        let status: Authority.Status = isListed ? .active : .inactive
        guard authority.role != .registered, authority.status != status else { return set }
        authority.status = status
        authority.lastModifiedAt = now
        authority.version += 1
        set.changes = [.putAuthority(authority)]
        return set
    }

    /// AWS: DeleteCACertificate. Only an INACTIVE one may go. Certificates of it stay, and keep
    /// naming it; the gateway refuses them as long as it is unknown.
    package static func delete(
        _ id: CertificateID, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        let authority = try Self.existing(id, in: view)
        try Self.requireForeign(authority, "this service signs with it")
        guard authority.status == .inactive else {
            throw FleetError(
                .certificateState,
                "CA certificate \(id) is ACTIVE; only an INACTIVE one can be deleted",
                resource: id.rawValue)
        }
        return ChangeSet(
            action: "DeleteCACertificate", preconditions: [view.asSeen(.authority(id))],
            changes: [.deleteAuthority(id)])
    }

    package static func existing(
        _ id: CertificateID, in view: RegistryView
    ) throws(FleetError) -> Authority {
        guard let authority = view.authority(id) else {
            throw FleetError(
                .notFound, "CA certificate \(id) does not exist", resource: id.rawValue)
        }
        return authority
    }

    private static func requireForeign(
        _ authority: Authority, _ reason: String
    ) throws(FleetError) {
        guard authority.role == .registered else {
            throw FleetError(
                .invalidRequest,
                "CA certificate \(authority.id) is this service's own \(authority.role.rawValue) "
                    + "CA: \(reason)", resource: authority.id.rawValue)
        }
    }

    /// AWS: a registration configuration names a template or brings one.
    private static func check(_ registration: Authority.Registration) throws(FleetError) {
        guard let config = registration.config else { return }
        guard (config.templateBody == nil) != (config.templateName == nil) else {
            throw FleetError(
                .invalidRequest,
                "registrationConfig holds either templateBody or templateName, and not both")
        }
        if let body = config.templateBody, body.utf8.count > Limits.templateBodyBytesMax {
            throw FleetError(
                .invalidRequest,
                "/registrationConfig/templateBody has \(body.utf8.count) bytes; at most "
                    + "\(Limits.templateBodyBytesMax)")
        }
    }
}
