package import Fleet

/// What a request says a certificate provider shall be (AWS: CreateCertificateProvider).
package struct CertificateProviderDefinition: Hashable, Sendable {
    package let name: CertificateProviderName
    /// AWS: `lambdaFunctionArn`.
    package let target: String
    package let clientToken: String?
    package let tags: [String: String]

    package init(
        name: CertificateProviderName, target: String, clientToken: String? = nil,
        tags: [String: String] = [:]
    ) {
        self.name = name
        self.target = target
        self.clientToken = clientToken
        self.tags = tags
    }
}

/// The rules of certificate providers: there is one at most, and what it names is a webhook that
/// this service knows.
package enum CertificateProviders {
    /// What every decision has to see.
    /// - Parameter target: the ARN that the request names; nil where it names none.
    /// - Throws: `FleetError.invalidRequest` for an ARN that can name no hook.
    package static func keys(
        _ name: CertificateProviderName, target: String?
    ) throws(FleetError) -> Set<RecordKey> {
        var keys: Set<RecordKey> = [.certificateProvider(name), .certificateProviders]
        if let target { keys.insert(.hook(try HookScripts.name(calledBy: target))) }
        return keys
    }

    /// AWS: CreateCertificateProvider. The same request again, by its client token, changes
    /// nothing.
    package static func create(
        _ definition: CertificateProviderDefinition, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let name = definition.name
        let tags = try Tags.initial(definition.tags, of: .certificateProvider(name))
        var set = ChangeSet(
            action: "CreateCertificateProvider",
            preconditions: [view.asSeen(.certificateProviders)])
        if let existing = view.certificateProvider(name) {
            guard let token = definition.clientToken, token == existing.clientToken,
                definition.target == existing.target
            else {
                throw FleetError(
                    .alreadyExists, "certificate provider '\(name)' exists",
                    resource: name.rawValue)
            }
            return set
        }
        let others = view.certificateProviders
        guard others.count < RegistryLimits.certificateProvidersMax else {
            throw FleetError(
                .limitExceeded,
                "there is a certificate provider already, '\(others[0].name)'; an account has "
                    + "\(RegistryLimits.certificateProvidersMax) at most", resource: name.rawValue)
        }
        let hook = try Self.webhook(definition.target, in: view)
        set.preconditions.append(.present(.hook(hook)))
        set.changes = [
            .putCertificateProvider(
                CertificateProvider(
                    name: name, target: definition.target, hook: hook,
                    clientToken: definition.clientToken, createdAt: now, lastModifiedAt: now))
        ]
        set.changes += tags
        return set
    }

    /// AWS: UpdateCertificateProvider. Without a target nothing changes.
    package static func update(
        _ name: CertificateProviderName, target: String?, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        var provider = try Self.existing(name, in: view)
        var set = ChangeSet(
            action: "UpdateCertificateProvider",
            preconditions: [view.asSeen(.certificateProvider(name))])
        guard let target, target != provider.target else { return set }
        provider.target = target
        provider.hook = try Self.webhook(target, in: view)
        provider.lastModifiedAt = now
        set.preconditions.append(.present(.hook(provider.hook)))
        set.changes = [.putCertificateProvider(provider)]
        return set
    }

    /// AWS: DeleteCertificateProvider. From then on this service signs again.
    package static func delete(
        _ name: CertificateProviderName, in view: RegistryView
    ) throws(FleetError) -> ChangeSet {
        _ = try Self.existing(name, in: view)
        return ChangeSet(
            action: "DeleteCertificateProvider",
            preconditions: [view.asSeen(.certificateProvider(name))],
            changes: [.deleteCertificateProvider(name)])
    }

    /// - Throws: `FleetError.notFound`.
    package static func existing(
        _ name: CertificateProviderName, in view: RegistryView
    ) throws(FleetError) -> CertificateProvider {
        guard let provider = view.certificateProvider(name) else {
            throw FleetError(
                .notFound, "there is no certificate provider '\(name)'", resource: name.rawValue)
        }
        return provider
    }

    private static func webhook(
        _ target: String, in view: RegistryView
    ) throws(FleetError) -> HookName {
        let name = try HookScripts.name(calledBy: target)
        guard let hook = view.hook(name) else {
            throw FleetError(
                .invalidRequest,
                "/lambdaFunctionArn names the hook '\(name)', and there is none: make it with "
                    + "'slipway hook put'", resource: name.rawValue)
        }
        guard hook.isWebhook else {
            throw FleetError(
                .invalidRequest,
                "/lambdaFunctionArn names the hook '\(name)', which is a script; only a webhook "
                    + "can sign", resource: name.rawValue)
        }
        return name
    }
}
