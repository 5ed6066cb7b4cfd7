package import Fleet
package import HTTPTypes
package import JSON

/// One operation of the control plane: a row of the table, and the decision it leads to.
///
/// A new operation is one more row; the router, the documentation and the tests read the table.
package struct Operation: Sendable {
    /// Where the body goes: collected up to the request's limit, or streamed as it arrives.
    package enum Body: Sendable {
        case none, collected, streamed
    }

    package let name: String
    package let method: HTTPRequest.Method
    /// Hummingbird's form: `/slipway/allowlists/:list`.
    package let path: String
    package let body: Body
    package let summary: String
    package let handle:
        @Sendable (OperationRequest, ControlPlaneServices) async throws(FleetError) -> JSONValue

    package init(
        _ name: String, _ method: HTTPRequest.Method, _ path: String, body: Body = .none,
        summary: String,
        handle:
            @escaping @Sendable (OperationRequest, ControlPlaneServices) async throws(FleetError)
            -> JSONValue
    ) {
        self.name = name
        self.method = method
        self.path = path
        self.body = body
        self.summary = summary
        self.handle = handle
    }
}

/// What every operation may use.
package struct ControlPlaneServices: Sendable {
    package let store: any FleetStore
    package let drafts: any AllowlistDrafts
    package let clock: any WallClock
    /// The running service in a few facts, for `slipway status`.
    package let status: @Sendable () async -> JSONObject

    package init(
        store: any FleetStore, drafts: any AllowlistDrafts, clock: any WallClock,
        status: @escaping @Sendable () async -> JSONObject
    ) {
        self.store = store
        self.drafts = drafts
        self.clock = clock
        self.status = status
    }
}

/// A request with everything HTTP taken off it.
package struct OperationRequest: Sendable {
    package let actor: Actor
    package let pathParameters: [String: String]
    package let query: [String: String]
    /// `.null` unless the operation collects its body.
    package let body: JSONValue
    /// The body as it arrives, pulled chunk by chunk so that a slow reader slows the sender down;
    /// empty unless the operation streams it.
    package let stream: Stream

    package typealias Stream = any AsyncSequence<[UInt8], any Error> & Sendable
    package static var emptyStream: Stream {
        AsyncThrowingStream<[UInt8], any Error> { $0.finish() }
    }

    package init(
        actor: Actor, pathParameters: [String: String] = [:], query: [String: String] = [:],
        body: JSONValue = .null, stream: Stream = OperationRequest.emptyStream
    ) {
        self.actor = actor
        self.pathParameters = pathParameters
        self.query = query
        self.body = body
        self.stream = stream
    }

    /// The path parameter `name`, which the row's path must declare.
    package func parameter(_ name: String) throws(FleetError) -> String {
        guard let value = self.pathParameters[name] else {
            throw FleetError(.invalidRequest, "the path holds no \(name)")
        }
        return value
    }

    /// The query parameter `name` as a whole number; `fallback` where it is absent.
    package func integer(_ name: String, default fallback: Int) throws(FleetError) -> Int {
        guard let text = self.query[name] else { return fallback }
        guard let value = Int(text) else {
            throw FleetError(
                .invalidRequest, "\(name) must be a whole number, not '\(text.clipped)'")
        }
        return value
    }
}
