package import Fleet
package import HTTPTypes

/// Whoever calls an operation, and what they may do.
package struct Caller: Sendable {
    package let actor: Actor
    /// - Throws: `FleetError` where the caller may not perform the action upon the resource.
    package let authorize: @Sendable (_ action: String, _ resource: ARN) throws(FleetError) -> Void

    package init(
        actor: Actor,
        authorize:
            @escaping @Sendable (_ action: String, _ resource: ARN) throws(FleetError) -> Void
    ) {
        self.actor = actor
        self.authorize = authorize
    }
}

/// Tells who a request comes from, by its head and its body.
package typealias CallerIdentification =
    @Sendable (ReceivedRequest) async throws(FleetError) -> Caller

/// A request as it came: what a signature is computed over.
package struct ReceivedRequest: Sendable {
    package let method: HTTPRequest.Method
    /// As on the request line, percent-encoded.
    package let path: String
    /// What follows the `?`, percent-encoded; empty where there is none.
    package let query: String
    package let authority: String?
    package let headers: HTTPFields
    /// nil where the body is a file that has not been read yet.
    package let body: [UInt8]?
    package let sourceAddress: String?

    package init(
        method: HTTPRequest.Method, path: String, query: String, authority: String?,
        headers: HTTPFields, body: [UInt8]?, sourceAddress: String?
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.authority = authority
        self.headers = headers
        self.body = body
        self.sourceAddress = sourceAddress
    }
}

extension Caller {
    /// Whoever reaches the operator's socket is the service's own user, and may do everything;
    /// the name for the audit log comes in a header.
    package static let local: CallerIdentification = { request in
        let name =
            HTTPField.Name(ControlServer.operatorHeader)
            .flatMap { request.headers[$0] } ?? "unnamed"
        return Caller(
            actor: Actor(kind: .operator, identity: name, sourceAddress: "local")
        ) { _, _ in }
    }
}
