import Crypto
package import Fleet

/// Links to the reports of registration tasks, that whoever has one may follow.
///
/// AWS answers ListThingRegistrationTaskReports with signed links, and its clients fetch them
/// without credentials; so a link here is a right of its own, to one file, for an hour.
package struct ReportLinks: Sendable {
    /// How long a link may be followed.
    package static let validSeconds: Int64 = 3600
    static let query = ["expires", "signature"]
    private static let purpose = "slipway: links to registration reports"

    private let key: SymmetricKey
    private let clock: any WallClock

    /// - Parameter secret: any secret of this service; the links' key is derived from it and for
    ///   them alone.
    package init(secret: Secret<WipedBytes>, clock: any WallClock) {
        self.key = secret.expose { bytes in
            bytes.withBytes { buffer in
                HKDF<SHA256>.deriveKey(
                    inputKeyMaterial: SymmetricKey(data: buffer),
                    info: Array(Self.purpose.utf8), outputByteCount: 32)
            }
        }
        self.clock = clock
    }

    /// `path` with what lets it be fetched from now on for an hour.
    func signed(_ path: String) -> String {
        let expires = self.clock.now.advanced(bySeconds: Self.validSeconds).seconds
        return "\(path)?expires=\(expires)&signature=\(self.signature(path, expires))"
    }

    private func signature(_ path: String, _ expires: Int64) -> String {
        let code = HMAC<SHA256>.authenticationCode(
            for: Array("\(path)\n\(expires)".utf8), using: self.key)
        return Array(code).hex
    }

    /// Lets the holder of a link follow it, and asks `others` about every other request.
    package func orElse(_ others: @escaping CallerIdentification) -> CallerIdentification {
        { request, sourceAddress async throws(FleetError) in
            let path = request.normalizedPath
            guard request.method == "GET", path.hasPrefix(RegistrationOperations.ownPath),
                let link = try Link(request.query)
            else { return try await others(request, sourceAddress) }
            try self.verify(link, of: path)
            return Caller(
                actor: Actor(
                    kind: .service, identity: "report link", sourceAddress: sourceAddress)
            ) { action, _ throws(FleetError) in
                guard action == RegistrationOperations.downloadAction else {
                    throw FleetError(.notAllowed, "a link to a report allows nothing else")
                }
            }
        }
    }

    private func verify(_ link: Link, of path: String) throws(FleetError) {
        // The time is judged after the signature: nobody learns what a forged one would have to be.
        let code = HMAC<SHA256>.authenticationCode(
            for: Array("\(path)\n\(link.expires)".utf8), using: self.key)
        // Not compared as texts: that would take as long as the texts agree.
        var difference: UInt8 = 0
        let expected = Array(Array(code).hex.utf8)
        let given = Array(link.signature.utf8)
        guard given.count == expected.count else { throw Self.refused }
        for (left, right) in zip(expected, given) { difference |= left ^ right }
        guard difference == 0 else { throw Self.refused }
        guard self.clock.now.seconds < link.expires else {
            throw FleetError(
                .expiredToken,
                "the link has expired: ask ListThingRegistrationTaskReports for another")
        }
    }

    private static let refused = FleetError(
        .invalidSignature, "the link's signature is not this service's")

    /// What a signed link says; nil for a query without a signature of this kind.
    private struct Link {
        let expires: Int64
        let signature: String

        init?(_ query: String) throws(FleetError) {
            let parameters = try QueryText.parameters(of: query)
            guard let signature = parameters["signature"],
                let expires = parameters["expires"].flatMap({ Int64($0) })
            else { return nil }
            self.expires = expires
            self.signature = signature
        }
    }
}
