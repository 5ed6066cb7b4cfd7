import Fleet
import JSON

/// Whether an ownership token pays for the request that carries it.
enum TokenJudgement {
    /// The token is good and the certificate still waits.
    struct Pending {
        let token: OwnershipToken
        let certificate: Certificate
    }

    case pending(Pending)
    /// The very same request has been answered before.
    case answered(OwnershipToken.Redemption)

    /// What the token says, once it is known to be this service's and this claim's.
    static func contents(
        of token: Secret<String>, from publisher: Publisher, mint: OwnershipTokenMint
    ) throws(FleetError) -> OwnershipTokenMint.Contents {
        let isEmpty = token.expose { $0.isEmpty }
        guard !isEmpty else {
            throw Self.refused("Certificate ownership token cannot be empty.", .tokenEmpty)
        }
        guard let contents = token.expose({ mint.contents(of: $0) }) else {
            throw Self.refused("the certificate ownership token is unknown", .tokenUnknown)
        }
        guard contents.claim == publisher.principal else {
            throw Self.refused(
                "the certificate ownership token was given to another claim", .tokenOfAnotherClaim)
        }
        return contents
    }

    static func judge(
        _ contents: OwnershipTokenMint.Contents, for request: RegisterThingRequest,
        in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> TokenJudgement {
        let endsAt = contents.issuedAt.advanced(bySeconds: Limits.ownershipTokenSeconds)
        guard now < endsAt else { throw Self.expired }
        guard let token = view.ownershipToken(contents.hash) else {
            throw Self.refused("the certificate ownership token is unknown", .tokenUnknown)
        }
        guard token.claim == contents.claim, token.certificate == contents.certificate else {
            throw Self.refused(
                "the certificate ownership token was given to another claim", .tokenOfAnotherClaim)
        }
        guard now < token.expiresAt else { throw Self.expired }
        if let redemption = token.redemption {
            guard redemption.template.rawValue == request.template,
                redemption.parametersDigest == request.parametersDigest
            else {
                throw Self.refused(
                    "the certificate ownership token is already used, with another template or "
                        + "other parameters", .tokenUsed)
            }
            return .answered(redemption)
        }
        guard let certificate = view.certificate(contents.certificate) else {
            throw Self.refused(
                "the certificate of this ownership token is gone", .tokenUnknown)
        }
        try Self.checkNotRefused(certificate)
        guard certificate.status == .pendingActivation else {
            throw Self.refused(
                "the certificate of this ownership token is \(certificate.status.rawValue) and "
                    + "no longer waits for a thing", .certificateNotPending)
        }
        return .pending(Pending(token: token, certificate: certificate))
    }

    private static func checkNotRefused(_ certificate: Certificate) throws(FleetError) {
        guard EnrolmentMark.state(of: certificate) == .refused else { return }
        throw FleetError(
            .resourceConflict, "somebody decided that this device is not to be enrolled"
        ).because(.enrolmentRefused)
    }

    /// An answer that was given before stands as long as its certificate does: a device that
    /// enrolled again meanwhile must not go on with the pair that was superseded, nor believe that
    /// it belongs to the fleet with one that was revoked. One that is merely inactive may be active
    /// again tomorrow.
    static func checkStands(_ certificate: Certificate?) throws(FleetError) {
        guard let certificate else {
            throw Self.refused("the certificate of this ownership token is gone", .tokenUnknown)
        }
        guard !EnrolmentMark.isSuperseded(certificate) else {
            throw Self.refused(
                "a newer certificate of this device has superseded the one of this ownership "
                    + "token", .certificateSuperseded)
        }
        try Self.checkNotRefused(certificate)
        guard certificate.status != .revoked else {
            throw Self.refused(
                "the certificate of this ownership token has been revoked",
                .certificateNotPending)
        }
    }

    private static let expired = Self.refused(
        "the certificate ownership token is expired; create another certificate", .tokenExpired)

    private static func refused(_ message: String, _ reason: RefusalReason) -> FleetError {
        FleetError(.invalidOwnershipToken, message)
            .because(reason, parameter: ProvisioningPayload.tokenField)
    }
}
