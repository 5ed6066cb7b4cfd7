package import Fleet

/// Whoever calls an operation, and what they may do.
package struct Caller: Sendable {
    /// - Throws: `FleetError` where the caller may not perform the action upon the resource.
    package typealias Authorization =
        @Sendable (_ action: String, _ resource: ARN) throws(FleetError) -> Void

    package let actor: Actor
    package let authorize: Authorization

    package init(actor: Actor, authorize: @escaping Authorization) {
        self.actor = actor
        self.authorize = authorize
    }

    /// Whoever reaches the operator's socket is the service's own user, and may do everything;
    /// the name for the audit log comes in a header.
    package static let local: CallerIdentification = { request, _ in
        let name = request.values(of: ControlServer.operatorHeader).first
        return Caller(
            actor: Actor(
                kind: .operator, identity: name ?? "unnamed", sourceAddress: "local")
        ) { _, _ in }
    }
}

/// Tells who a request comes from, by the request itself and the address it came from.
package typealias CallerIdentification =
    @Sendable (_ request: SignedRequest, _ sourceAddress: String?) async throws(FleetError)
    -> Caller
