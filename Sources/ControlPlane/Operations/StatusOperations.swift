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
        }
    ]
}
