import Fleet
import HTTPTypes
import JSON
import Provisioning
import Registry

/// A template's life beyond AWS's operations: versions with author, digest and message, what uses
/// it, and pruning.
package enum TemplateHistoryOperations {
    package static let all: [Operation] = [
        Operation(
            "PutProvisioningTemplate", .put, "/slipway/templates/{templateName}",
            members: [
                "templateBody", "type", "message", "description", "enabled", "hookName",
                "setAsDefault",
            ],
            summary: "A body as a new version with its author and message; a new template is "
                + "made", target: TemplateOperations.template, handle: Self.put),
        Operation(
            "ListTemplateHistory", .get, "/slipway/templates/{templateName}/versions",
            query: ["after"], summary: "Every version with digest, author and message",
            target: TemplateOperations.template, handle: Self.history),
        Operation(
            "DescribeTemplateUse", .get, "/slipway/templates/{templateName}/use",
            query: ["registrations"],
            summary: "Who would miss it: authorities, claims, and the latest registrations by it",
            target: TemplateOperations.template, handle: Self.use),
        Operation(
            "PruneTemplateVersions", .post, "/slipway/templates/{templateName}/prune",
            members: ["keep", "force"],
            summary: "Takes away all but the newest versions, the default and those in use",
            target: TemplateOperations.template, handle: Self.prune),
    ]

    private static func put(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: TemplateName = try request.name("templateName")
        let body = try request.text("templateBody")
        let known = try await services.store.load([.template(name)]).template(name)
        let kind = try TemplateOperations.kind(request)
        let lint = try TemplateOperations.admit(body, as: name, of: known?.kind ?? kind, services)
        var revision = Templates.Revision(
            name: name, body: body, author: request.actor.identity)
        revision.message = try request.optionalText("message")
        revision.kind = kind
        revision.isDefault = try request.optionalFlag("setAsDefault") ?? true
        revision.summary = try request.optionalText("description")
        revision.enabled = try request.optionalFlag("enabled")
        revision.hook = try request.optionalText("hookName").map { text throws(FleetError) in
            try HookName(text)
        }
        let submitted = revision
        let decided = try await services.decide(
            by: request.actor,
            load: { store async throws(FleetError) in
                try await store.load(submitted.keys) { view in
                    view.template(name).map(Templates.keys) ?? []
                }
            }
        ) { view, now throws(FleetError) in
            try Templates.submit(
                submitted, in: view, at: now, versionsMax: services.templateLimits.versionsMax)
        }
        let after = try Templates.existing(
            name, in: try await services.store.load([.template(name)]))
        let version = decided.set.changes.lazy.compactMap { change -> TemplateVersion? in
            if case .putTemplateVersion(let version) = change { version } else { nil }
        }.first
        return .object(
            .present(
                ("templateName", .name(name)), ("versionId", version.map { .int($0.id) }),
                ("created", .bool(version != nil)),
                ("digest", .string(ContentDigest.sha256(of: body))),
                ("defaultVersionId", .int(after.defaultVersionID)),
                ("enabled", .bool(after.enabled)),
                (
                    "claims",
                    after.kind == .jitp
                        ? nil
                        : .array(try await TemplateClaims.of(name, services).map(\.checked))
                ),
                ("findings", .array(lint.findings.map { .object($0.json) }))))
    }

    private static func history(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: TemplateName = try request.name("templateName")
        let template = try await TemplateOperations.existing(name, services)
        let page = try await services.store.page(
            ListQuery(.versionsOfTemplate(name), after: request.query["after"]))
        let versions = page.records.compactMap { record -> JSONValue? in
            guard case .templateVersion(let version) = record else { return nil }
            return .object(
                .present(
                    ("versionId", .int(version.id)),
                    ("isDefaultVersion", .bool(version.id == template.defaultVersionID)),
                    ("digest", .string(version.digest)),
                    ("bytes", .int(version.body.utf8.count)),
                    ("createdAt", .string(version.createdAt.description)),
                    ("author", version.author.map { .string($0) }),
                    ("message", version.message.map { .string($0) })))
        }
        return .object(
            .present(
                ("templateName", .name(name)), ("versions", .array(versions)),
                ("next", page.next.map { .string($0) })))
    }

    private static func prune(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: TemplateName = try request.name("templateName")
        guard let keep = try request.optionalInteger("keep") else {
            throw FleetError(.invalidRequest, "/keep is missing: how many versions to keep")
        }
        let force = try request.optionalFlag("force") ?? false
        let decided = try await services.decide(
            [.template(name), .versionsOfTemplate(name), .versionsInUse(name)],
            by: request.actor
        ) { view, now throws(FleetError) in
            try Templates.prune(name, keep: keep, force: force, in: view, at: now)
        }
        return [
            "templateName": .name(name), "deleted": .int(decided.set.changes.count),
            "keptInUse": decided.set.detail["keptInUse"] ?? [],
        ]
    }

    // MARK: Use

    /// Certificates that are looked through for registrations by one template, the newest first.
    private static let certificatesReadMax = 10_000
    private static let registrationsMax = 1000
    private static let registrationsStandard = 10

    private static func use(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: TemplateName = try request.name("templateName")
        _ = try Templates.existing(name, in: try await services.store.load([.template(name)]))
        let wanted = try request.queryInteger("registrations") ?? Self.registrationsStandard
        guard (0...Self.registrationsMax).contains(wanted) else {
            throw FleetError(
                .invalidRequest, "registrations is a number from 0 to \(Self.registrationsMax)")
        }
        let authorities = try await services.store.authorities()
            .filter { $0.registration.config?.templateName == name }
            .map { JSONValue.string($0.id.rawValue) }
        let (registrations, isWhole) = try await Self.registrations(
            by: name, max: wanted, services)
        return [
            "templateName": .name(name), "authorities": .array(authorities),
            "claims": .array(
                try await TemplateClaims.of(name, services).filter(\.isOpen).map(\.json)),
            "registrations": .array(registrations), "searchedAll": .bool(isWhole),
        ]
    }

    private static func registrations(
        by name: TemplateName, max wanted: Int, _ services: ControlPlaneServices
    ) async throws(FleetError) -> (found: [JSONValue], isWhole: Bool) {
        var found: [JSONValue] = []
        var read = 0
        var after: String?
        repeat {
            let page = try await services.store.page(
                ListQuery(.certificatesByCreation(.descending), after: after))
            for case .certificate(let certificate) in page.records {
                read += 1
                guard found.count < wanted, let registration = certificate.provenance?.registration,
                    registration.template == name
                else { continue }
                found.append(Self.json(certificate.id, registration))
            }
            after = page.next
        } while after != nil && found.count < wanted && read < Self.certificatesReadMax
        return (found, after == nil)
    }

    private static func json(
        _ certificate: CertificateID, _ registration: Provenance.Registration
    ) -> JSONValue {
        .object(
            .present(
                ("certificateId", .string(certificate.rawValue)),
                ("versionId", registration.templateVersion.map { .int($0) }),
                ("registeredAt", .string(registration.registeredAt.description)),
                (
                    "parameters",
                    .object(
                        JSONObject(
                            registration.parameters.sorted { $0.key < $1.key }
                                .map { ($0.key, .string($0.value)) }))
                )))
    }
}
