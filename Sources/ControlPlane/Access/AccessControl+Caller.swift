import Fleet
import HTTPTypes

extension SignedRequest {
    /// - Parameter request: a body that is nil is still arriving.
    package init(_ request: ReceivedRequest) {
        var headers: [(name: String, value: String)] = []
        headers.reserveCapacity(request.headers.count + 1)
        if let authority = request.authority { headers.append(("host", authority)) }
        for field in request.headers where field.name.canonicalName != "host" {
            headers.append((field.name.canonicalName, field.value))
        }
        self.init(
            method: request.method.rawValue, path: request.path, query: request.query,
            headers: headers, body: request.body.map { .bytes($0) } ?? .streamed)
    }
}

extension AccessControl {
    /// Whoever reaches the port is who signed the request, and may do what that credential's roles
    /// allow.
    package var identify: CallerIdentification {
        { request throws(FleetError) in
            try Self.refuseDotSegments(request.path)
            let caller = try await self.authenticate(
                SignedRequest(request), from: request.sourceAddress)
            return Caller(actor: caller.actor) { action, resource throws(FleetError) in
                try self.authorize(caller, action, on: resource)
            }
        }
    }

    /// A signature is over the path without its dot segments (RFC 3986 5.2.4), and a row is found
    /// by the path with them: a request that was signed as one must not be done as another.
    private static func refuseDotSegments(_ path: String) throws(FleetError) {
        for segment in path.split(separator: "/") where segment == "." || segment == ".." {
            throw FleetError(
                .invalidRequest, "the path '\(path.clipped)' has a segment '\(segment)'")
        }
    }
}
