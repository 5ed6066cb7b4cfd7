import Fleet
import HTTPTypes
import JSON
import Policies
import Provisioning
import Registry

/// The rows of provisioning templates.
package enum TemplateOperations {
    private static let hookDifference =
        "a hook's target ends in the name of a hook of this service; the role is a label"

    package static let all: [Operation] = [
        Operation(
            "CreateProvisioningTemplate", .post, "/provisioning-templates",
            members: [
                "templateName", "description", "templateBody", "enabled", "provisioningRoleArn",
                "preProvisioningHook", "tags", "type",
            ], summary: "A new template, its body checked whole",
            differences: "a body needs an AWS::IoT::Thing; " + Self.hookDifference,
            target: { request, realm throws(FleetError) in
                realm.template(try TemplateName(request.text("templateName")))
            }, handle: Self.create),
        Operation(
            "DescribeProvisioningTemplate", .get, "/provisioning-templates/{templateName}",
            summary: "One template with its default version", target: Self.template,
            handle: Self.describe),
        Operation(
            "UpdateProvisioningTemplate", .patch, "/provisioning-templates/{templateName}",
            members: [
                "description", "enabled", "defaultVersionId", "provisioningRoleArn",
                "preProvisioningHook", "removePreProvisioningHook",
            ], summary: "Enables, disables, and switches the default version",
            differences: Self.hookDifference,
            target: Self.template, handle: Self.update),
        Operation(
            "DeleteProvisioningTemplate", .delete, "/provisioning-templates/{templateName}",
            query: ["force"],
            summary: "Takes a template away with all its versions, unless it is in use",
            differences: "refused while a certificate that is neither revoked nor expired was "
                + "registered by it", target: Self.template, handle: Self.delete),
        Operation(
            "ListProvisioningTemplates", .get, "/provisioning-templates",
            query: Pagination.tokenQuery, summary: "Every template, in pages",
            handle: Self.list),
    ]

    static func template(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.template(try request.name("templateName"))
    }

    private static func create(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try TemplateName(request.text("templateName"))
        let body = try request.text("templateBody")
        let kind = try Self.kind(request) ?? .fleetProvisioning
        _ = try Self.admit(body, as: name, of: kind, services)
        let hook = try Self.hook(request)
        let submission = TemplateSubmission(
            name: name, kind: kind,
            summary: try request.optionalText("description") ?? "",
            // A template that nobody has enabled must not be reachable by its name alone.
            enabled: try request.optionalFlag("enabled") ?? false, hook: hook?.name, body: body,
            labels: ProvisioningTemplate.Labels(
                roleARN: try Self.role(try request.text("provisioningRoleArn")),
                hookTarget: hook?.target, hookPayloadVersion: hook?.payloadVersion),
            author: request.actor.identity)
        let tags = try TagShape.tags(request)
        var keys: Set<RecordKey> = [.template(name), .lastVersionOfDeletedTemplate(name)]
        if let hook { keys.insert(.hook(hook.name)) }
        let decided = try await services.decide(keys, by: request.actor) {
            view, now throws(FleetError) in
            var set = try Templates.createNew(submission, in: view, at: now)
            set.changes += try Tags.initial(tags, of: .template(name))
            return set
        }
        return [
            "templateArn": .arn(services.realm.template(name)), "templateName": .name(name),
            "defaultVersionId": decided.set.detail["version"] ?? 1,
        ]
    }

    /// A template that is there.
    /// - Throws: `FleetError.notFound`, which names the one that was meant, where one is spelt
    ///   nearly like it.
    static func existing(
        _ name: TemplateName, _ services: ControlPlaneServices
    ) async throws(FleetError) -> ProvisioningTemplate {
        do throws(FleetError) {
            return try Templates.existing(
                name, in: try await services.store.load([.template(name)]))
        } catch {
            guard error.code == .notFound else { throw error }
            let page = try await services.store.page(ListQuery(.templates))
            let names = page.records.compactMap { record -> String? in
                if case .template(let template) = record { template.name.rawValue } else { nil }
            }
            guard let nearest = NearestName.of(name.rawValue, among: names) else { throw error }
            throw FleetError(
                .notFound, "\(error.message); did you mean '\(nearest)'?", resource: error.resource)
        }
    }

    /// Every body that is handed in, by AWS's operations as by ours: errors of the lint refuse it.
    /// Its warnings and notes are for whoever asks; AWS's answers have no place for them.
    static func admit(
        _ body: String, as name: TemplateName, of kind: ProvisioningTemplate.Kind?,
        _ services: ControlPlaneServices
    ) throws(FleetError) -> TemplateLint.Report {
        try TemplateLint.admit(body, as: name, in: Self.context(of: kind, services))
    }

    /// The same for the body that an authority brings, which otherwise its first device would be
    /// the first to find unsound (AWS: UpdateCACertificate, "Invalid registration template").
    static func admit(
        ofAuthority body: String, _ services: ControlPlaneServices
    ) throws(FleetError) {
        try TemplateLint.admit(
            body, called: "/registrationConfig/templateBody",
            in: Self.context(of: .jitp, services))
    }

    private static func context(
        of kind: ProvisioningTemplate.Kind?, _ services: ControlPlaneServices
    ) -> TemplateLint.Context {
        var context = TemplateLint.Context()
        context.realm = services.realm
        context.kind = kind
        context.limits = services.templateLimits
        context.profiles = services.issuing?.issuer.deviceProfiles
        return context
    }

    /// A label: this service registers with rights of its own.
    private static func role(_ text: String) throws(FleetError) -> String {
        guard Self.roleBytes.contains(text.utf8.count) else {
            throw FleetError(
                .invalidRequest,
                "/provisioningRoleArn has \(text.utf8.count) bytes; "
                    + "\(Self.roleBytes.lowerBound) to \(Self.roleBytes.upperBound)")
        }
        return text
    }

    /// AWS: RoleArn.
    private static let roleBytes = 20...2048

    static func kind(
        _ request: OperationRequest
    ) throws(FleetError) -> ProvisioningTemplate.Kind? {
        guard let text = try request.optionalText("type") else { return nil }
        guard let kind = ProvisioningTemplate.Kind(rawValue: text) else {
            throw FleetError(
                .invalidRequest,
                "/type must be FLEET_PROVISIONING or JITP, not '\(text.clipped)'")
        }
        return kind
    }

    /// AWS: ProvisioningHook, whose payload version defaults to the only one there is.
    private static func hook(
        _ request: OperationRequest
    ) throws(FleetError) -> Templates.HookReference? {
        guard let members = try request.object("preProvisioningHook") else { return nil }
        try members.refuseUnknown(["payloadVersion", "targetArn"])
        let version = try members.optionalText("payloadVersion") ?? Self.payloadVersion
        guard version == Self.payloadVersion else {
            throw FleetError(
                .invalidRequest,
                "/preProvisioningHook/payloadVersion must be \(Self.payloadVersion), not "
                    + "'\(version.clipped)'")
        }
        let target = try members.text("targetArn")
        return Templates.HookReference(
            name: try HookScripts.name(calledBy: target), target: target, payloadVersion: version)
    }

    private static let payloadVersion = "2020-04-01"

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: TemplateName = try request.name("templateName")
        let template = try await Self.existing(name, services)
        let key = RecordKey.templateVersion(name, template.defaultVersionID)
        let view = try await services.store.load([key])
        return .object(
            TemplateShape.description(
                template, body: view.templateVersion(name, template.defaultVersionID)?.body,
                services.realm))
    }

    private static func update(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: TemplateName = try request.name("templateName")
        var update = Templates.Update()
        update.summary = try request.optionalText("description")
        update.enabled = try request.optionalFlag("enabled")
        update.defaultVersionID = try request.optionalInteger("defaultVersionId")
        update.roleARN = try request.optionalText("provisioningRoleArn").map {
            text throws(FleetError) in try Self.role(text)
        }
        update.hook = try Self.hook(request)
        update.removesHook = try request.optionalFlag("removePreProvisioningHook") ?? false
        guard update.hook == nil || !update.removesHook else {
            throw FleetError(
                .invalidRequest,
                "preProvisioningHook and removePreProvisioningHook exclude one another")
        }
        _ = try await Self.existing(name, services)
        let wanted = update
        _ = try await services.decide(Templates.keys(of: name, wanted), by: request.actor) {
            view, now throws(FleetError) in
            try Templates.update(name, wanted, in: view, at: now)
        }
        return .null
    }

    private static func delete(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: TemplateName = try request.name("templateName")
        let users = try await services.store.authorities()
            .filter { $0.registration.config?.templateName == name }.map(\.id)
        let force = try request.queryFlag("force")
        _ = try await services.decide(Templates.keysOfUse(name), by: request.actor) {
            view, now throws(FleetError) in
            try Templates.delete(name, usedBy: users, force: force, in: view, at: now)
        }
        return .null
    }

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let page = try await services.store.page(
            ListQuery(
                .templates, after: try request.pageToken, limit: try request.pageLimit))
        let templates = page.records.compactMap { record -> JSONValue? in
            guard case .template(let template) = record else { return nil }
            return .object(TemplateShape.summary(template, services.realm))
        }
        return .object(
            .present(
                ("templates", .array(templates)), ("nextToken", Pagination.token(page.next))))
    }
}

/// A template as AWS IoT describes it (provisioning specification, 4.1 and 4.6).
enum TemplateShape {
    static func summary(_ template: ProvisioningTemplate, _ realm: Realm) -> JSONObject {
        .present(
            ("templateArn", .arn(realm.template(template.name))),
            ("templateName", .name(template.name)),
            ("description", template.summary.isEmpty ? .none : .string(template.summary)),
            ("creationDate", .epoch(template.createdAt)),
            ("lastModifiedDate", .epoch(template.lastModifiedAt)),
            ("enabled", .bool(template.enabled)), ("type", .string(template.kind.rawValue)))
    }

    static func description(
        _ template: ProvisioningTemplate, body: String?, _ realm: Realm
    ) -> JSONObject {
        var object = Self.summary(template, realm)
        object["defaultVersionId"] = .int(template.defaultVersionID)
        object["templateBody"] = body.map { .string($0) }
        // One that came from a file was never given any.
        object["provisioningRoleArn"] = .string(
            template.labels.roleARN ?? "arn:aws:iam::\(realm.account):role/slipway-provisioning")
        if let hook = template.hook {
            object["preProvisioningHook"] = [
                "payloadVersion": .string(template.labels.hookPayloadVersion ?? "2020-04-01"),
                // One that came from a file was never called by an ARN.
                "targetArn": .string(
                    template.labels.hookTarget
                        ?? "arn:aws:lambda:\(realm.region):\(realm.account):function:\(hook)"),
            ]
        }
        return object
    }
}
