package import Fleet
import JSON

/// A template as somebody hands it in, its body already checked by whoever understands bodies.
package struct TemplateSubmission: Hashable, Sendable {
    package let name: TemplateName
    package let kind: ProvisioningTemplate.Kind
    package let summary: String
    package let enabled: Bool
    package let hook: HookName?
    package let body: String
    package let labels: ProvisioningTemplate.Labels
    /// Who hands it in and why, for its version.
    package let author: String?
    package let message: String?

    package init(
        name: TemplateName, kind: ProvisioningTemplate.Kind = .fleetProvisioning,
        summary: String, enabled: Bool, hook: HookName?, body: String,
        labels: ProvisioningTemplate.Labels = .init(), author: String? = nil,
        message: String? = nil
    ) {
        self.name = name
        self.kind = kind
        self.summary = summary
        self.enabled = enabled
        self.hook = hook
        self.body = body
        self.labels = labels
        self.author = author
        self.message = message
    }

    /// What `Templates.put` has to see of the template itself; its default version comes with
    /// `Templates.keys(of:)` once the record is known.
    package var key: RecordKey { .template(self.name) }

    /// The same for `Templates.load`.
    package var fileKeys: Set<RecordKey> {
        [self.key, .fileOfDeletedTemplate(self.name), .lastVersionOfDeletedTemplate(self.name)]
    }

    /// What a file says: of its body and of its settings.
    package var fileDigest: String {
        let settings = JSONPrinter.print([
            .string(self.summary), .bool(self.enabled), .string(self.hook?.rawValue ?? ""),
        ])
        return ContentDigest.sha256(of: self.body) + " " + ContentDigest.sha256(of: settings)
    }
}

/// The rules of provisioning templates. Versions are immutable: a changed body becomes a new
/// version and the default, and what was registered under an old one still names that.
package enum Templates {
    /// AWS: templateDescription, at most 500 characters.
    package static let summaryCharactersMax = 500

    /// The keys of a known template: its record and the version that is its default.
    package static func keys(of template: ProvisioningTemplate) -> Set<RecordKey> {
        [.template(template.name), .templateVersion(template.name, template.defaultVersionID)]
    }

    /// Creates the template, or brings it to what is handed in. The same again changes nothing.
    package static func put(
        _ submission: TemplateSubmission, in view: RegistryView, at now: UnixTime,
        versionsMax: Int = Self.versionsMax
    ) throws(FleetError) -> ChangeSet {
        try Self.check(summary: submission.summary, of: submission.name)
        try Self.refuse(hook: submission.hook, on: submission.kind, of: submission.name)
        let digest = ContentDigest.sha256(of: submission.body)
        guard let existing = view.template(submission.name) else {
            return Self.create(submission, digest: digest, in: view, at: now)
        }
        try Self.refuse(change: submission.kind, of: existing)
        return try Self.update(
            existing, to: submission, digest: digest, in: view, at: now, versionsMax: versionsMax)
    }

    static func refuse(
        change kind: ProvisioningTemplate.Kind?, of template: ProvisioningTemplate
    ) throws(FleetError) {
        guard let kind, kind != template.kind else { return }
        throw FleetError(
            .invalidRequest,
            "template '\(template.name)' is of type \(template.kind.rawValue), which cannot change",
            resource: template.name.rawValue)
    }

    /// AWS: a template by which devices register themselves asks no hook. One that named a hook
    /// would be taken for guarded.
    static func refuse(
        hook: HookName?, on kind: ProvisioningTemplate.Kind, of name: TemplateName
    ) throws(FleetError) {
        guard kind == .jitp, hook != nil else { return }
        throw FleetError(
            .invalidRequest,
            "template '\(name)' is of type JITP, which asks no hook: a pre-provisioning hook goes "
                + "with FLEET_PROVISIONING", resource: name.rawValue)
    }

    static func check(summary: String, of name: TemplateName) throws(FleetError) {
        guard summary.count <= Self.summaryCharactersMax else {
            throw FleetError(
                .invalidRequest,
                "the description of template '\(name)' has \(summary.count) characters; at most "
                    + "\(Self.summaryCharactersMax)", resource: name.rawValue)
        }
        guard !summary.unicodeScalars.contains(where: \.breaksLines) else {
            throw FleetError(
                .invalidRequest, "the description of template '\(name)' holds a control character",
                resource: name.rawValue)
        }
    }

    private static func create(
        _ submission: TemplateSubmission, digest: String, in view: RegistryView, at now: UnixTime
    ) -> ChangeSet {
        // Certificates may name the versions of one that was deleted.
        let last = RecordKey.lastVersionOfDeletedTemplate(submission.name)
        let id = view.count(last) + 1
        let template = ProvisioningTemplate(
            name: submission.name, kind: submission.kind, summary: submission.summary,
            enabled: submission.enabled, defaultVersionID: id, latestVersionID: id,
            hook: submission.hook, createdAt: now, lastModifiedAt: now,
            labels: submission.labels)
        return ChangeSet(
            action: "CreateProvisioningTemplate",
            preconditions: [view.asSeen(.template(submission.name)), view.asSeen(last)],
            changes: [
                .putTemplate(template),
                .putTemplateVersion(
                    TemplateVersion(
                        template: submission.name, id: id, body: submission.body, digest: digest,
                        createdAt: now, author: submission.author, message: submission.message)),
            ],
            detail: ["version": .int(id), "digest": .string(digest)])
    }

    private static func update(
        _ existing: ProvisioningTemplate, to submission: TemplateSubmission, digest: String,
        in view: RegistryView, at now: UnixTime, versionsMax: Int
    ) throws(FleetError) -> ChangeSet {
        var template = existing
        template.summary = submission.summary
        template.enabled = submission.enabled
        template.hook = submission.hook
        var set = ChangeSet(
            action: "UpdateProvisioningTemplate",
            preconditions: [view.asSeen(.template(submission.name))])
        let current = view.templateVersion(existing.name, existing.defaultVersionID)
        if current?.digest != digest {
            let id = try Self.nextVersion(of: existing, versionsMax: versionsMax)
            template.defaultVersionID = id
            template.latestVersionID = id
            set.changes.append(
                .putTemplateVersion(
                    TemplateVersion(
                        template: existing.name, id: id, body: submission.body, digest: digest,
                        createdAt: now, author: submission.author,
                        message: submission.message)))
            set.detail = ["version": .int(id), "digest": .string(digest)]
        }
        guard template != existing else { return set }
        template.lastModifiedAt = now
        set.changes.insert(.putTemplate(template), at: 0)
        return set
    }
}
