package import Fleet
import JSON

extension Templates {
    /// Versions a template can have in its life, where no setting says otherwise. AWS allows 5,
    /// which no tool that writes one with every deployment can live with.
    package static let versionsMax = 10_000

    /// - Throws: `FleetError.versionsLimitExceeded`.
    static func nextVersion(
        of template: ProvisioningTemplate, versionsMax: Int
    ) throws(FleetError) -> Int {
        let id = template.latestVersionID + 1
        guard id <= versionsMax else {
            throw FleetError(
                .versionsLimitExceeded,
                "template '\(template.name)' has had \(template.latestVersionID) versions; the "
                    + "setting templates.versionsMax allows \(versionsMax)",
                resource: template.name.rawValue)
        }
        return id
    }

    /// AWS: CreateProvisioningTemplate. A name that is taken is refused, whatever is handed in.
    package static func createNew(
        _ submission: TemplateSubmission, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        guard view.template(submission.name) == nil else {
            throw FleetError(
                .alreadyExists, "Provisioning template '\(submission.name)' already exists",
                resource: submission.name.rawValue)
        }
        try Self.requireHook(submission.hook, in: view)
        return try Self.put(submission, in: view, at: now)
    }

    /// What AWS's UpdateProvisioningTemplate may change; nil leaves as it is.
    package struct Update: Hashable, Sendable {
        package var summary: String?
        package var enabled: Bool?
        package var defaultVersionID: Int?
        package var roleARN: String?
        package var hook: HookReference?
        /// AWS: `removePreProvisioningHook`.
        package var removesHook = false

        package init() {}
    }

    /// A hook as an AWS client names it.
    package struct HookReference: Hashable, Sendable {
        package let name: HookName
        /// The ARN and version as they were given.
        package let target: String
        package let payloadVersion: String

        package init(name: HookName, target: String, payloadVersion: String) {
            self.name = name
            self.target = target
            self.payloadVersion = payloadVersion
        }
    }

    /// What `update` has to see.
    package static func keys(of name: TemplateName, _ update: Update) -> Set<RecordKey> {
        var keys: Set<RecordKey> = [.template(name)]
        if let id = update.defaultVersionID { keys.insert(.templateVersion(name, id)) }
        if let hook = update.hook { keys.insert(.hook(hook.name)) }
        return keys
    }

    /// AWS: UpdateProvisioningTemplate. The switch of the default version is one change, audited
    /// with both numbers.
    package static func update(
        _ name: TemplateName, _ update: Update, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let before = try Self.existing(name, in: view)
        var template = before
        var set = ChangeSet(
            action: "UpdateProvisioningTemplate", preconditions: [view.asSeen(.template(name))])
        if let summary = update.summary {
            try Self.check(summary: summary, of: name)
            template.summary = summary
        }
        if let enabled = update.enabled { template.enabled = enabled }
        if let id = update.defaultVersionID {
            guard view.templateVersion(name, id) != nil else { throw Self.missing(name, id) }
            set.preconditions.append(view.asSeen(.templateVersion(name, id)))
            template.defaultVersionID = id
            set.detail = [
                "version": .int(id), "replacedVersion": .int(before.defaultVersionID),
            ]
        }
        if let role = update.roleARN { template.labels.roleARN = role }
        if update.removesHook {
            template.hook = nil
            template.labels.hookTarget = nil
            template.labels.hookPayloadVersion = nil
        } else if let hook = update.hook {
            try Self.refuse(hook: hook.name, on: before.kind, of: name)
            try Self.requireHook(hook.name, in: view)
            template.hook = hook.name
            template.labels.hookTarget = hook.target
            template.labels.hookPayloadVersion = hook.payloadVersion
        }
        guard template != before else { return set }
        template.lastModifiedAt = now
        set.changes = [.putTemplate(template)]
        return set
    }

    /// AWS: CreateProvisioningTemplateVersion. The caller has checked the body.
    package static func createVersion(
        of name: TemplateName, body: String, isDefault: Bool, author: String? = nil,
        message: String? = nil, in view: RegistryView, at now: UnixTime,
        versionsMax: Int = Self.versionsMax
    ) throws(FleetError) -> ChangeSet {
        var template = try Self.existing(name, in: view)
        let id = try Self.nextVersion(of: template, versionsMax: versionsMax)
        template.latestVersionID = id
        if isDefault { template.defaultVersionID = id }
        template.lastModifiedAt = now
        let digest = ContentDigest.sha256(of: body)
        return ChangeSet(
            action: "CreateProvisioningTemplateVersion",
            preconditions: [view.asSeen(.template(name))],
            changes: [
                .putTemplate(template),
                .putTemplateVersion(
                    TemplateVersion(
                        template: name, id: id, body: body, digest: digest, createdAt: now,
                        author: author, message: message)),
            ],
            detail: ["version": .int(id), "digest": .string(digest)])
    }

    /// What deleting a template, or one of its versions, has to see besides that itself.
    package static func keysOfUse(_ name: TemplateName) -> Set<RecordKey> {
        [.template(name), .versionsInUse(name)]
    }

    /// AWS: DeleteProvisioningTemplateVersion. The default version stays, and so does, unlike at
    /// AWS, one that a living certificate names: nobody could say any more what its device was
    /// registered by.
    ///
    /// - Parameters:
    ///   - force: takes the latter too; the audit record says so.
    ///   - view: holds `keysOfUse` and the version.
    package static func deleteVersion(
        _ id: Int, of name: TemplateName, force: Bool = false, in view: RegistryView,
        at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let template = try Self.existing(name, in: view)
        guard view.templateVersion(name, id) != nil else { throw Self.missing(name, id) }
        guard template.defaultVersionID != id else {
            throw FleetError(
                .deleteConflict,
                "version \(id) is the default of template '\(name)'; make another the default "
                    + "first", resource: name.rawValue)
        }
        let living = Self.living(name, in: view, at: now).filter { $0 == id }
        guard force || living.isEmpty else {
            throw Self.inUse("version \(id) of template '\(name)'", name)
        }
        return ChangeSet(
            action: "DeleteProvisioningTemplateVersion",
            preconditions: [
                view.asSeen(.template(name)), view.asSeen(.templateVersion(name, id)),
            ],
            changes: [.deleteTemplateVersion(name, id)], detail: Self.detail(ofDeleted: living))
    }

    /// AWS: DeleteProvisioningTemplate, with all versions. Unlike at AWS, one that living
    /// certificates name stays.
    ///
    /// - Parameters:
    ///   - users: the authorities whose devices are registered by it.
    ///   - force: takes it though certificates name it; the audit record says so.
    ///   - view: holds `keysOfUse`.
    package static func delete(
        _ name: TemplateName, usedBy users: [CertificateID], force: Bool = false,
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        _ = try Self.existing(name, in: view)
        if let user = users.first {
            throw FleetError(
                .deleteConflict,
                "template '\(name)' is what CA certificate \(user) registers devices by",
                resource: name.rawValue)
        }
        let living = Self.living(name, in: view, at: now)
        guard force || living.isEmpty else { throw Self.inUse("template '\(name)'", name) }
        var set = ChangeSet(
            action: "DeleteProvisioningTemplate", preconditions: [view.asSeen(.template(name))],
            changes: [.deleteTemplate(name)], detail: Self.detail(ofDeleted: living))
        // Registering changes nothing of the template: the first device might come meanwhile.
        if !force { set.preconditions.append(view.asSeen(.versionsInUse(name))) }
        return set
    }

    /// Versions by which certificates were registered that are neither revoked nor expired.
    private static func living(
        _ name: TemplateName, in view: RegistryView, at now: UnixTime
    ) -> [Int] {
        view.versionsInUse(name).filter { $0.value > now }.keys.sorted()
    }

    private static func inUse(_ what: String, _ name: TemplateName) -> FleetError {
        FleetError(
            .deleteConflict,
            "\(what) is what certificates were registered by that are neither revoked nor expired; "
                + "'slipway template delete --even-if-used' takes it all the same",
            resource: name.rawValue)
    }

    private static func detail(ofDeleted living: [Int]) -> JSONObject {
        living.isEmpty ? [:] : ["deletedInUse": .array(living.map { .int($0) })]
    }

    package static func existing(
        _ name: TemplateName, in view: RegistryView
    ) throws(FleetError) -> ProvisioningTemplate {
        guard let template = view.template(name) else {
            throw FleetError(
                .notFound, "Provisioning template '\(name)' does not exist",
                resource: name.rawValue)
        }
        return template
    }

    package static func missing(_ name: TemplateName, _ id: Int) -> FleetError {
        FleetError(
            .notFound, "Provisioning template '\(name)' has no version \(id)",
            resource: name.rawValue)
    }

    private static func requireHook(
        _ name: HookName?, in view: RegistryView
    ) throws(FleetError) {
        guard let name, view.hook(name) == nil else { return }
        throw FleetError(
            .invalidRequest,
            "there is no hook '\(name)': a hook's target ARN ends in the name of a script of "
                + "this service", resource: name.rawValue)
    }
}
