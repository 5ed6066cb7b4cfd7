import Crypto
package import Fleet

/// Tells whether a request was signed by who it says it was (AWS: Signature Version 4).
///
/// It does no I/O of its own and has no clock: where a credential is found, and what time it is,
/// comes from outside. Its refusals are AWS's own, with AWS's codes.
package struct SignatureV4: Sendable {
    /// How far the time of a request may be from ours, either way. AWS allows 15 minutes at most;
    /// five is what it says in its messages.
    package static let clockSkewSecondsMax: Int64 = 300

    /// What a request presents itself with.
    package struct Presented: Hashable, Sendable {
        package let id: AccessKeyID
        /// `X-Amz-Security-Token`, where there was one.
        package let sessionToken: String?
    }

    private let services: [SigningService]
    private let region: String?
    private let acceptsUnsignedBody: Bool
    private let keys: SigningKeys

    /// - Parameters:
    ///   - services: the service names that a credential scope may name.
    ///   - region: the only region it may name. nil takes any: people's clients carry the region
    ///     of their own configuration, and there is one region here.
    ///   - acceptsUnsignedBody: whether `UNSIGNED-PAYLOAD` may stand in place of the body's hash.
    package init(
        services: [SigningService], region: String? = nil, acceptsUnsignedBody: Bool = true,
        keys: SigningKeys = SigningKeys()
    ) {
        self.services = services
        self.region = region
        self.acceptsUnsignedBody = acceptsUnsignedBody
        self.keys = keys
    }

    /// The key id that `request` claims to be signed with, without looking at anything else; nil
    /// where it names none.
    package static func presentedKeyID(_ request: SignedRequest) -> AccessKeyID? {
        let parameters = try? SignatureParameters(request, CanonicalQuery(request.query))
        return parameters.flatMap { try? AccessKeyID($0.keyID) }
    }

    /// - Parameter credential: finds the credential that is presented; nil for one that is not
    ///   known, disabled, or not this service's.
    /// - Returns: the credential that signed the request.
    /// - Throws: `FleetError` with the code AWS has for it. `.invalidSignature` is thrown only of
    ///   a request that names a key which is known.
    package func verify(
        _ request: SignedRequest, at now: UnixTime,
        credential: (Presented) async throws(FleetError) -> AccessCredential?
    ) async throws(FleetError) -> AccessCredential {
        let query = CanonicalQuery(request.query)
        let parameters = try SignatureParameters(request, query)
        let found = try await self.find(parameters, credential)
        try Self.checkSession(found, parameters, at: now)
        let service = try self.checkScope(parameters)
        try Self.checkTime(parameters, at: now)
        try Self.checkHeaders(request, parameters)
        let canonical = CanonicalRequest(
            request: request, query: query, signedHeaders: parameters.signedHeaders,
            leavingOut: service.signsTokenInQuery
                ? ["X-Amz-Signature"] : ["X-Amz-Signature", "X-Amz-Security-Token"],
            bodyHash: try self.bodyHash(request))
        try self.checkSignature(canonical, parameters, found)
        return found
    }

    private func find(
        _ parameters: SignatureParameters,
        _ credential: (Presented) async throws(FleetError) -> AccessCredential?
    ) async throws(FleetError) -> AccessCredential {
        guard let id = try? AccessKeyID(parameters.keyID),
            let found = try await credential(
                Presented(id: id, sessionToken: parameters.sessionToken))
        else { throw Self.unrecognized }
        return found
    }

    private static let unrecognized = FleetError(
        .unrecognizedClient, "The security token included in the request is invalid.")

    private static func checkSession(
        _ credential: AccessCredential, _ parameters: SignatureParameters, at now: UnixTime
    ) throws(FleetError) {
        switch (credential.session, parameters.sessionToken) {
        case (nil, nil): return
        case (let session?, let token?):
            let isSame = session.token.expose { held in
                held.withBytes { Self.areEqual($0, Array(token.utf8)) }
            }
            guard isSame else { throw Self.unrecognized }
            guard now < session.expiresAt else {
                throw FleetError(
                    .expiredToken, "The security token included in the request is expired")
            }
        case (nil, .some), (.some, nil): throw Self.unrecognized
        }
    }

    /// In a time that depends on the lengths alone.
    private static func areEqual(_ left: UnsafeBufferPointer<UInt8>, _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        return zip(left, right).reduce(UInt8(0)) { $0 | $1.0 ^ $1.1 } == 0
    }

    private func checkScope(
        _ parameters: SignatureParameters
    ) throws(FleetError) -> SigningService {
        let scope = parameters.scope
        guard let service = self.services.first(where: { $0.name == scope.service }) else {
            let names = self.services.map { "'\($0.name)'" }.joined(separator: " or ")
            throw FleetError(
                .invalidSignature, "Credential should be scoped to correct service: \(names).")
        }
        guard scope.terminator == SignatureParameters.terminator else {
            throw FleetError(
                .invalidSignature,
                "Credential should be scoped with a valid terminator: "
                    + "'\(SignatureParameters.terminator)', not '\(scope.terminator.clipped)'.")
        }
        guard !scope.region.isEmpty, self.region == nil || self.region == scope.region else {
            throw FleetError(
                .invalidSignature,
                "Credential should be scoped to a valid region, not '\(scope.region.clipped)'.")
        }
        guard scope.day == parameters.time.day else {
            throw FleetError(
                .invalidSignature,
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                    + "from HTTP: '\(scope.day.clipped)' != '\(parameters.time.day)', from "
                    + "'\(parameters.time.text)'.")
        }
        return service
    }

    private static func checkTime(
        _ parameters: SignatureParameters, at now: UnixTime
    ) throws(FleetError) {
        let signed = parameters.time
        let skew = Self.clockSkewSecondsMax
        guard signed.time <= now.advanced(bySeconds: skew) else {
            throw FleetError(
                .invalidSignature,
                "Signature not yet current: \(signed.text) is still later than "
                    + "\(SignatureTime(now.advanced(bySeconds: skew)).text) "
                    + "(\(SignatureTime(now).text) + \(skew / 60) min.)")
        }
        switch parameters.form {
        case .query(let expires?):
            let end = signed.time.advanced(bySeconds: expires)
            guard now < end else {
                throw FleetError(
                    .invalidSignature,
                    "Signature expired: \(SignatureTime(end).text) is now earlier than "
                        + SignatureTime(now).text)
            }
        case .header, .query(nil):
            guard now <= signed.time.advanced(bySeconds: skew) else {
                throw FleetError(
                    .invalidSignature,
                    "Signature expired: \(signed.text) is now earlier than "
                        + "\(SignatureTime(now.advanced(bySeconds: -skew)).text) "
                        + "(\(SignatureTime(now).text) - \(skew / 60) min.)")
            }
        }
    }

    /// `host` must be signed, since a request is for one service; and so must every header that
    /// says what is asked for. A header that is signed and did not arrive is not an empty one.
    private static func checkHeaders(
        _ request: SignedRequest, _ parameters: SignatureParameters
    ) throws(FleetError) {
        // A handful of short names: looking through them costs less than a set of them.
        let signed = parameters.signedHeaders
        guard signed.contains("host") else {
            throw FleetError(
                .invalidSignature,
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
        }
        if let absent = signed.first(where: { name in
            !request.headers.contains { $0.name == name }
        }) {
            throw FleetError(
                .invalidSignature,
                "The header '\(absent.clipped)' is signed, and is not in the request.")
        }
        func isAmiss(_ name: String) -> Bool {
            Self.mustBeSigned(name) && !signed.contains(name)
        }
        guard !request.headers.contains(where: { isAmiss($0.name) }) else {
            let unsigned = request.headers.map(\.name).filter(isAmiss)
            throw FleetError(
                .invalidSignature,
                "There were headers present in the request which were not signed: "
                    + Set(unsigned).sorted().joined(separator: ", ").clipped)
        }
    }

    /// Both of AWS's prefixes: `x-amz-` of the protocol, and `x-amzn-` of AWS IoT, whose headers
    /// name principals and policies. The trace id is put there by whoever passes a request on, and
    /// no SDK signs it. The body's hash has a line of its own in what is signed, and some clients
    /// (aws-requests-auth for Python) leave it at that.
    private static func mustBeSigned(_ name: String) -> Bool {
        (name.hasPrefix("x-amz-") || name.hasPrefix("x-amzn-"))
            && name != "x-amzn-trace-id" && name != "x-amz-content-sha256"
    }

    /// What is signed of the body: the last line of the canonical request. So the header is
    /// covered by the signature, whether `SignedHeaders` names it or not.
    private func bodyHash(_ request: SignedRequest) throws(FleetError) -> String {
        let declared = request.values(of: "x-amz-content-sha256")
        guard let first = declared.first else {
            guard let hash = request.bodySHA256 else {
                throw FleetError(
                    .incompleteSignature,
                    "a body that is streamed needs the header 'x-amz-content-sha256'")
            }
            return hash
        }
        guard declared.count == 1 else {
            throw FleetError(.incompleteSignature, "'x-amz-content-sha256' is there twice")
        }
        if first == SignedRequest.unsignedBody {
            guard self.acceptsUnsignedBody else {
                throw FleetError(
                    .invalidSignature, "\(SignedRequest.unsignedBody) is not accepted here")
            }
            return first
        }
        // Streamed: whoever reads the body compares it.
        guard request.bodySHA256 == nil || request.bodySHA256 == first else {
            throw FleetError(
                .invalidSignature,
                "The provided 'x-amz-content-sha256' header does not match what was computed.")
        }
        return first
    }

    private func checkSignature(
        _ canonical: CanonicalRequest, _ parameters: SignatureParameters,
        _ credential: AccessCredential
    ) throws(FleetError) {
        let name = SigningKeys.Name(keyID: credential.id, scope: parameters.scope)
        let kept = self.keys.code(name)
        let begun =
            kept
            ?? SigningKeys.Code(key: SigningKeys.derive(credential.secret, parameters.scope))
        var code = begun
        code.update(data: canonical.stringToSign(at: parameters.time, parameters.scope))
        // Compares in constant time.
        guard code.finalize() == parameters.signature else {
            throw FleetError(
                .invalidSignature,
                "The request signature we calculated does not match the signature you provided. "
                    + "Check your AWS Secret Access Key and signing method. Consult the service "
                    + "documentation for details.")
        }
        if kept == nil { self.keys.keep(begun, name) }
    }
}
