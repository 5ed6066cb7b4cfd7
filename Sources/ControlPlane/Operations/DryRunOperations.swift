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
        try await services.trial.answer(DryRunRequest(json: request.body))
    }
}
