import Fleet
import JSON

/// One request of a command: a row of the operation table, and what it is filled with.
struct ControlCall: Hashable, Sendable {
    var operation: String
    var path: [String: String]
    var query: [String: String]
    /// Principals and policies, which AWS IoT takes in headers, by their names in lower case.
    var headers: [String: String]
    var body: JSONValue

    init(
        _ operation: String, path: [String: String] = [:], query: [String: String?] = [:],
        headers: [String: String] = [:], body: JSONObject = [:]
    ) {
        self.operation = operation
        self.path = path
        self.query = query.compactMapValues { $0 }
        self.headers = headers
        self.body = body.isEmpty ? .null : .object(body)
    }
}

extension ControlAccess {
    func perform(_ call: ControlCall) async throws(FleetError) -> JSONValue {
        try await self.perform(
            call.operation, path: call.path, query: call.query, headers: call.headers,
            body: call.body)
    }
}
