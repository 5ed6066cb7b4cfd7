import Fleet

extension AccessControl {
    /// Whoever reaches the port is who signed the request, and may do what that credential's roles
    /// allow.
    package var identify: CallerIdentification {
        { request, sourceAddress throws(FleetError) in
            let caller = try await self.authenticate(request, from: sourceAddress)
            return Caller(actor: caller.actor) { action, resource throws(FleetError) in
                try self.authorize(caller, action, on: resource)
            }
        }
    }
}
