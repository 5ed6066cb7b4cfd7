import Fleet
import HTTPTypes
import JSON
import Registry

/// The rows that concern the account as a whole.
package enum AccountOperations {
    package static let all: [Operation] = [
        Operation(
            "DescribeEndpoint", .get, "/endpoint", query: ["endpointType"],
            summary: "Where devices connect",
            differences: "with a port, and the same for iot:Data and iot:Data-ATS; "
                + "iot:CredentialProvider and iot:Jobs are refused",
            handle: Self.describeEndpoint),
        Operation(
            "GetRegistrationCode", .get, "/registrationcode",
            summary: "What a CA certificate is registered with; made on first use",
            handle: Self.registrationCode),
        Operation(
            "DeleteRegistrationCode", .delete, "/registrationcode",
            summary: "The next code is another one", handle: Self.deleteRegistrationCode),
    ]

    private static let endpointTypes = [
        "iot:Data", "iot:Data-ATS", "iot:CredentialProvider", "iot:Jobs",
    ]

    /// Host and port: AWS's clients take the name alone and add 8883 themselves, and a name with
    /// a port goes through them unharmed wherever the gateway has another port.
    private static func describeEndpoint(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let type = request.queryText("endpointType") ?? "iot:Data"
        guard Self.endpointTypes.contains(type) else {
            throw FleetError(
                .invalidRequest,
                "endpointType must be one of \(Self.endpointTypes.joined(separator: ", ")), not "
                    + "'\(type.clipped)'")
        }
        guard type.hasPrefix("iot:Data") else {
            throw FleetError(
                .invalidRequest, "this service has no endpoint of type \(type)", resource: type)
        }
        guard let endpoint = services.endpoint else {
            throw FleetError(.serviceUnavailable, "no gateway runs beside this command")
        }
        return ["endpointAddress": .string(endpoint)]
    }

    private static func registrationCode(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let fresh = RegistrationCodes.text(from: services.entropy.bytes(count: 32))
        let decided = try await services.decide([.registrationCode], by: request.actor) {
            view, now throws(FleetError) in
            RegistrationCodes.get(orMake: fresh, in: view, at: now)
        }
        return [
            "registrationCode": .string(decided.view.registrationCode?.text ?? fresh)
        ]
    }

    private static func deleteRegistrationCode(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        _ = try await services.decide([.registrationCode], by: request.actor) {
            view, _ throws(FleetError) in
            try RegistrationCodes.delete(in: view)
        }
        return .null
    }
}
