package import Fleet
import JSON

/// The life of a template beyond what AWS's operations say of it: files that are loaded once,
/// versions with an author and a message, and pruning.
extension Templates {
    /// Characters that a version's message may have.
    package static let messageCharactersMax = 500

    // MARK: Files

    /// Brings in what a file says, once: a file that is as it was when it was last loaded changes
    /// nothing, whatever became of the template since. A changed body becomes a new version and the
    /// default; changed settings become the template's. That holds of a template that was deleted
    /// too: its file brings it back when it says something new.
    ///
    /// - Parameter view: holds `submission.fileKeys`, and `Templates.keys(of:)` of a template that
    ///   is there.
    /// - Throws: as `put`.
    package static func load(
        _ submission: TemplateSubmission, in view: RegistryView, at now: UnixTime,
        versionsMax: Int = Self.versionsMax
    ) throws(FleetError) -> ChangeSet {
        let loaded = submission.fileDigest
        let last = Self.lastLoaded(submission.name, in: view)
        guard last != loaded else { return ChangeSet(action: "UpdateProvisioningTemplate") }
        guard let existing = view.template(submission.name) else {
            return Self.marked(try Self.put(submission, in: view, at: now), loaded)
        }
        // What the file says anew; the rest stays as it was made since.
        let before = last?.split(separator: " ")
        let said = loaded.split(separator: " ")
        let hasNewBody = before?.first != said.first
        let hasNewSettings = before?.last != said.last
        let current = view.templateVersion(existing.name, existing.defaultVersionID)
        let wanted = TemplateSubmission(
            name: submission.name, kind: submission.kind,
            summary: hasNewSettings ? submission.summary : existing.summary,
            enabled: hasNewSettings ? submission.enabled : existing.enabled,
            hook: hasNewSettings ? submission.hook : existing.hook,
            body: hasNewBody ? submission.body : current?.body ?? submission.body,
            labels: submission.labels, author: submission.author, message: submission.message)
        var set = try Self.put(wanted, in: view, at: now, versionsMax: versionsMax)
        if !set.changes.contains(where: \.isTemplate) {
            set.changes.insert(.putTemplate(existing), at: 0)
        }
        return Self.marked(set, loaded)
    }

    /// Whether the template is deleted, and its file as it was then.
    package static func isLeftDeleted(
        _ submission: TemplateSubmission, in view: RegistryView
    ) -> Bool {
        view.template(submission.name) == nil
            && view.fileOfDeletedTemplate(submission.name) == submission.fileDigest
    }

    /// Also of one that was deleted, and of one that was put again since.
    private static func lastLoaded(_ name: TemplateName, in view: RegistryView) -> String? {
        view.template(name)?.loadedDigest ?? view.fileOfDeletedTemplate(name)
    }

    /// `set` with the template's record saying which file it comes from.
    private static func marked(_ set: ChangeSet, _ loaded: String) -> ChangeSet {
        var set = set
        set.changes = set.changes.map { change in
            guard case .putTemplate(var template) = change else { return change }
            template.loadedDigest = loaded
            return .putTemplate(template)
        }
        return set
    }

    // MARK: Versions

    /// Of a version of a template or a hook. It stands on one line of a list, and what breaks lines
    /// could forge another.
    static func check(message: String?) throws(FleetError) {
        let message = message ?? ""
        guard message.count <= Self.messageCharactersMax else {
            throw FleetError(
                .invalidRequest,
                "the message has \(message.count) characters; at most "
                    + "\(Self.messageCharactersMax)")
        }
        guard !message.unicodeScalars.contains(where: \.breaksLines) else {
            throw FleetError(
                .invalidRequest, "the message holds a control character or the end of a line")
        }
    }

    /// A body as an author hands it in, already checked by whoever understands bodies.
    package struct Revision: Hashable, Sendable {
        package let name: TemplateName
        package let body: String
        package let author: String
        package var message: String?
        package var isDefault = true
        /// nil for that of a template that is there, and for FLEET_PROVISIONING else.
        package var kind: ProvisioningTemplate.Kind?
        /// nil leaves these as they are; a new template is not enabled until somebody says so.
        package var summary: String?
        package var enabled: Bool?
        package var hook: HookName?

        package init(name: TemplateName, body: String, author: String) {
            self.name = name
            self.body = body
            self.author = author
        }

        /// What `submit` has to see besides the template's versions.
        package var keys: Set<RecordKey> {
            var keys: Set<RecordKey> = [
                .template(self.name), .lastVersionOfDeletedTemplate(self.name),
            ]
            if let hook = self.hook { keys.insert(.hook(hook)) }
            return keys
        }
    }

    /// Stores the body as a new immutable version. The body that the default version has already
    /// makes none.
    ///
    /// - Parameter view: holds `revision.keys`; `Templates.keys(of:)` too if there is a template.
    /// - Throws: `FleetError.invalidRequest` for a message that is too long or a hook that is not
    ///   there; `.versionsLimitExceeded` for one version too many.
    package static func submit(
        _ revision: Revision, in view: RegistryView, at now: UnixTime,
        versionsMax: Int = Self.versionsMax
    ) throws(FleetError) -> ChangeSet {
        try Self.check(message: revision.message)
        if let hook = revision.hook, view.hook(hook) == nil {
            throw FleetError(
                .invalidRequest, "there is no hook '\(hook)'", resource: hook.rawValue)
        }
        guard let existing = view.template(revision.name) else {
            return try Self.createNew(
                TemplateSubmission(
                    name: revision.name, kind: revision.kind ?? .fleetProvisioning,
                    summary: revision.summary ?? "",
                    enabled: revision.enabled ?? false, hook: revision.hook, body: revision.body,
                    author: revision.author, message: revision.message), in: view, at: now)
        }
        try Self.refuse(change: revision.kind, of: existing)
        var set = ChangeSet(
            action: "PutProvisioningTemplate",
            preconditions: [view.asSeen(.template(existing.name))])
        let digest = ContentDigest.sha256(of: revision.body)
        let current = view.templateVersion(existing.name, existing.defaultVersionID)
        if current?.digest != digest {
            set = try Self.createVersion(
                of: existing.name, body: revision.body, isDefault: revision.isDefault,
                author: revision.author, message: revision.message, in: view, at: now,
                versionsMax: versionsMax)
        }
        var template = set.changes.lazy.compactMap(\.template).first ?? existing
        template.summary = revision.summary ?? template.summary
        template.enabled = revision.enabled ?? template.enabled
        template.hook = revision.hook ?? template.hook
        try Self.refuse(hook: template.hook, on: template.kind, of: template.name)
        try Self.check(summary: template.summary, of: template.name)
        guard template != existing else { return set }
        template.lastModifiedAt = now
        set.changes.removeAll(where: \.isTemplate)
        set.changes.insert(.putTemplate(template), at: 0)
        return set
    }

    /// Takes away all but the newest `keep` versions. The default stays, however old it is, and so
    /// does what the provenance of a certificate names that is neither revoked nor expired: nobody
    /// could say any more what that device was registered by.
    ///
    /// - Parameters:
    ///   - force: takes the latter too; the audit record names them.
    ///   - view: holds the template, its versions' numbers, and those in use.
    /// - Throws: `FleetError.invalidRequest` for less than one to keep; `.notFound`.
    package static func prune(
        _ name: TemplateName, keep: Int, force: Bool = false, in view: RegistryView,
        at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        let template = try Self.existing(name, in: view)
        guard keep >= 1 else {
            throw FleetError(.invalidRequest, "/keep is a number from 1, not \(keep)")
        }
        let numbers = view.versionsOfTemplate(name).sorted()
        let uses = view.versionsInUse(name)
        let old = numbers.dropLast(keep).filter { $0 != template.defaultVersionID }
        let used = old.filter { version in uses[version].map { $0 > now } ?? false }
        let gone = force ? old : old.filter { !used.contains($0) }
        var set = ChangeSet(
            action: "PruneProvisioningTemplateVersions",
            preconditions: [view.asSeen(.template(name))],
            changes: gone.map { .deleteTemplateVersion(name, $0) },
            detail: ["kept": .int(numbers.count - gone.count), "deleted": .int(gone.count)])
        if !used.isEmpty {
            set.detail[force ? "deletedInUse" : "keptInUse"] = .array(used.map { .int($0) })
        }
        return set
    }
}

extension Change {
    fileprivate var template: ProvisioningTemplate? {
        if case .putTemplate(let template) = self { template } else { nil }
    }

    fileprivate var isTemplate: Bool { self.template != nil }
}
