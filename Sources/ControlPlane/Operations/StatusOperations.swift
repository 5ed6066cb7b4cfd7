import Fleet
import HTTPTypes
import JSON

/// How the running service is.
package enum StatusOperations {
    package static let all: [Operation] = [
        Operation(
            "DescribeService", .get, "/slipway/status",
            summary: "Where it listens, what it counts, how long it runs"
        ) { _, services async throws(FleetError) in
            .object(await services.status())
        },
        Operation(
            "ListOwnAuthorities", .get, "/slipway/authorities",
            summary: "The authorities that are this service's own, and that nobody registered"
        ) { _, services async throws(FleetError) in
            let own = try await services.store.authorities().filter { $0.role != .registered }
            return [
                "authorities": .array(
                    own.map {
                        [
                            "certificateId": .string($0.id.rawValue),
                            "role": .string($0.role.rawValue),
                        ]
                    })
            ]
        },
        Operation(
            "ReloadAuthorities", .post, "/slipway/authorities/reload",
            summary: "Reads pki/ anew: authorities, profiles, the gateway's own certificate"
        ) { request, services async throws(FleetError) in
            guard let reload = services.reloadAuthorities else {
                throw FleetError(
                    .serviceUnavailable,
                    "no service runs that could read its authorities anew: it does when it starts")
            }
            return try await reload(request.actor)
        },
    ]
}
