import Fleet
import HTTPTypes
import JSON
import Provisioning
import Registry

/// The rows of a template's versions.
package enum TemplateVersionOperations {
    package static let all: [Operation] = [
        Operation(
            "CreateProvisioningTemplateVersion", .post,
            "/provisioning-templates/{templateName}/versions", members: ["templateBody"],
            query: ["setAsDefault"], summary: "Another body, its own version from then on",
            differences: "as many versions as templates.versionsMax allows, where AWS allows 5; "
                + "a body needs an AWS::IoT::Thing",
            target: TemplateOperations.template, handle: Self.create),
        Operation(
            "DescribeProvisioningTemplateVersion", .get,
            "/provisioning-templates/{templateName}/versions/{versionId}",
            summary: "One version with its body", target: TemplateOperations.template,
            handle: Self.describe),
        Operation(
            "ListProvisioningTemplateVersions", .get,
            "/provisioning-templates/{templateName}/versions", query: Pagination.tokenQuery,
            summary: "Every version of a template, in pages",
            target: TemplateOperations.template, handle: Self.list),
        Operation(
            "DeleteProvisioningTemplateVersion", .delete,
            "/provisioning-templates/{templateName}/versions/{versionId}", query: ["force"],
            summary: "Takes away a version that is not the default, unless it is in use",
            differences: "refused while a certificate that is neither revoked nor expired was "
                + "registered by it",
            target: TemplateOperations.template, handle: Self.delete),
    ]

    private static func versionID(_ request: OperationRequest) throws(FleetError) -> Int {
        let text = request.label("versionId")
        guard let id = Int(text), id > 0 else {
            throw FleetError(
                .invalidRequest, "versionId must be a number from 1, not '\(text.clipped)'")
        }
        return id
    }

    private static func create(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: TemplateName = try request.name("templateName")
        let body = try request.text("templateBody")
        let isDefault = try request.queryFlag("setAsDefault")
        let template = try Templates.existing(
            name, in: try await services.store.load([.template(name)]))
        _ = try TemplateOperations.admit(body, as: name, of: template.kind, services)
        let decided = try await services.decide([.template(name)], by: request.actor) {
            view, now throws(FleetError) in
            try Templates.createVersion(
                of: name, body: body, isDefault: isDefault, author: request.actor.identity,
                in: view, at: now, versionsMax: services.templateLimits.versionsMax)
        }
        let id = try Templates.existing(name, in: decided.view).latestVersionID + 1
        return [
            "templateArn": .arn(services.realm.template(name)), "templateName": .name(name),
            "versionId": .int(id), "isDefaultVersion": .bool(isDefault),
        ]
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: TemplateName = try request.name("templateName")
        let id = try Self.versionID(request)
        let view = try await services.store.load([.template(name), .templateVersion(name, id)])
        let template = try Templates.existing(name, in: view)
        guard let version = view.templateVersion(name, id) else {
            throw Templates.missing(name, id)
        }
        var answer = Self.summary(version, of: template)
        answer["templateBody"] = .string(version.body)
        return .object(answer)
    }

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: TemplateName = try request.name("templateName")
        let template = try Templates.existing(
            name, in: try await services.store.load([.template(name)]))
        let page = try await services.store.page(
            ListQuery(
                .versionsOfTemplate(name), after: try request.pageToken,
                limit: try request.pageLimit))
        let versions = page.records.compactMap { record -> JSONValue? in
            guard case .templateVersion(let version) = record else { return nil }
            return .object(Self.summary(version, of: template))
        }
        return .object(
            .present(
                ("versions", .array(versions)), ("nextToken", Pagination.token(page.next))))
    }

    private static func delete(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: TemplateName = try request.name("templateName")
        let id = try Self.versionID(request)
        let force = try request.queryFlag("force")
        let keys = Templates.keysOfUse(name).union([.templateVersion(name, id)])
        _ = try await services.decide(keys, by: request.actor) { view, now throws(FleetError) in
            try Templates.deleteVersion(id, of: name, force: force, in: view, at: now)
        }
        return .null
    }

    private static func summary(
        _ version: TemplateVersion, of template: ProvisioningTemplate
    ) -> JSONObject {
        [
            "versionId": .int(version.id), "creationDate": .epoch(version.createdAt),
            "isDefaultVersion": .bool(version.id == template.defaultVersionID),
        ]
    }
}
