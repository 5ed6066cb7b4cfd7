import Fleet
import HTTPTypes
import JSON
import Provisioning

/// The row of dry runs: what a registration would do to the fleet as it is.
package enum DryRunOperations {
    package static let all: [Operation] = [
        Operation(
            "DryRunProvisioningTemplate", .post, "/slipway/template-dry-run",
            members: DryRunRequest.members,
            summary: "What a registration would come to, by the very code that registers; "
                + "writes nothing",
            target: { request, realm throws(FleetError) in
                guard let name = try request.optionalText("templateName") else {
                    return .everything
                }
                return realm.template(try TemplateName(name))
            }, handle: Self.run)
    ]

    private static func run(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let trial = try DryRunRequest(json: request.body)
        if case .stored(let name) = trial.hook {
            try await Self.requireRights(toAsk: name, request, services)
        }
        return try await services.trial.answer(trial)
    }

    /// A webhook that is named is asked in earnest, and somebody else's service may count what it
    /// is asked: that is for whoever may write the hook, and not for all who may read.
    private static func requireRights(
        toAsk name: HookName, _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) {
        let hook = try await services.store.load([.hook(name)]).hook(name)
        guard let hook, hook.isWebhook else { return }
        try request.authorize("slipway:PutHook", services.realm.hook(name))
    }
}
