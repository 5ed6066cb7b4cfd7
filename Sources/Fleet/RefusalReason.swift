/// Why a device was refused, as a number that stays: what a line's operator looks up, what a
/// script branches on, and what the log and the wire have in common. A number is never given to
/// another meaning.
///
/// The hundreds say the step: 10 payload, 11 handshake and CONNECT, 12 the broker's policies,
/// 20 certificate, 21 its renewal, 30 token, 40 template, 50 parameters, 60 hook, 62 allowlist, 70
/// registry, 71 a serial, a key or a certificate seen again, 80 claim, 90 the service itself.
package enum RefusalReason: Int, Hashable, Sendable, CaseIterable {
    case payloadUnreadable = 1001
    case fieldOfWrongKind = 1002
    case fieldMissing = 1003
    case parametersTooLarge = 1004

    case handshakeFailed = 1101
    case principalRefused = 1102
    case connectRefused = 1103
    case replyTooLarge = 1104

    case connectDenied = 1201
    case publishDenied = 1202
    case subscribeDenied = 1203
    case topicRefused = 1204

    case csrRefused = 2001
    case csrTooLong = 2002
    case keyNotFree = 2003
    case signerTimedOut = 2004
    case signerBusy = 2005
    case signerFailed = 2006
    case noIssuingAuthority = 2007
    case renewalNotOffered = 2101
    case renewalTooEarly = 2102
    case renewalTooOften = 2103
    case renewalTooLate = 2104
    case renewalOfAnotherSubject = 2105

    case tokenEmpty = 3001
    case tokenUnknown = 3002
    case tokenOfAnotherClaim = 3003
    case tokenExpired = 3004
    case tokenUsed = 3005
    case certificateNotPending = 3007
    case certificateSuperseded = 3008

    case templateUnknown = 4001
    case templateDisabled = 4002
    case templateOfAnotherType = 4003
    case certificateProfileMissing = 4004

    case parameterMissing = 5001
    case parameterRefused = 5002
    case parameterMisspelt = 5003
    case resourceMissing = 5004

    case hookDenied = 6001
    case hookTimedOut = 6002
    case hookBusy = 6003
    case hookFailed = 6004

    case unitNotExpected = 6201
    case unitHeld = 6202
    case unitBlocked = 6203
    case unitLeased = 6204
    case unitOfAnotherKey = 6205
    case unitOfAnotherAddress = 6206

    case thingConflict = 7001
    case policyConflict = 7002
    case keyOfRevokedCertificate = 7003

    case retryRefused = 7101
    case reworkRefused = 7102
    case serialElsewhere = 7103
    case copiedImage = 7104
    case enrolmentHeld = 7105
    case enrolmentRefused = 7106
    case certificateInTwoPlaces = 7107

    case claimNotActive = 8001
    case accessDenied = 8002
    case claimRateExceeded = 8003
    case claimPendingExceeded = 8004

    case tooManyAtOnce = 9001
    case storeBusy = 9002
    case keyPairsExhausted = 9003
    case clockWentBack = 9004
    case internalFailure = 9005
    case raceLost = 9006
    case authorityKeyUnavailable = 9007
}

/// What a step of the dialogue is called where a refusal names the one it happened at.
package enum DialogueStep: String, Sendable, CaseIterable {
    case tls, policy, payload, claim, certificate, token, template, parameters, hook
    case allowlist, registry, enrolment, commit, service
}

extension RefusalReason {
    /// What there is to say about a reason, for whoever reads the number.
    package struct Explanation: Sendable {
        package let step: DialogueStep
        /// Whether the very same request may be accepted later.
        package let isRetryable: Bool
        /// How long to wait before the next try; nil where a retry is pointless.
        package let retryAfterSeconds: Int?
        /// What is wrong, for a person.
        package let meaning: String
        /// What the person does about it.
        package let action: String

        init(
            _ step: DialogueStep, retryAfter seconds: Int? = nil, _ meaning: String,
            do action: String
        ) {
            self.step = step
            self.isRetryable = seconds != nil
            self.retryAfterSeconds = seconds
            self.meaning = meaning
            self.action = action
        }
    }

    /// Whether it is the gateway that refuses, which tells a device what MQTT has a word for; the
    /// rest is in `slipway trace`.
    package var isTheGateways: Bool {
        self == .certificateInTwoPlaces || [11, 12].contains(self.rawValue / 100)
    }

    /// The word for the number, as replies and logs write it.
    package var name: String { String(describing: self) }

    /// The reason of a refusal that was not given one where it arose.
    package init(standardFor code: FleetError.Code) {
        switch code {
        case .invalidPayload: self = .payloadUnreadable
        case .invalidCSR: self = .csrRefused
        case .invalidParameters: self = .parameterRefused
        case .invalidOwnershipToken: self = .tokenUnknown
        // A suspect claim learns no more than that; the log says why.
        case .accessDenied, .claimRefused: self = .accessDenied
        case .templateNotFound: self = .templateUnknown
        case .templateDisabled: self = .templateDisabled
        case .resourceConflict: self = .thingConflict
        case .hookTimeout: self = .hookTimedOut
        case .tooManyRequests: self = .tooManyAtOnce
        case .claimBusy: self = .claimRateExceeded
        case .throttled, .limitExceeded, .serviceUnavailable: self = .storeBusy
        case .conflict: self = .raceLost
        case .invalidRequest, .unauthorized, .notFound, .alreadyExists, .deleteConflict,
            .versionConflict, .versionsLimitExceeded, .certificateState, .certificateValidation,
            .certificateConflict, .registrationCodeValidation, .transferConflict,
            .transferAlreadyCompleted, .malformedPolicy, .resourceRegistrationFailure,
            .invalidQuery, .invalidAggregation, .indexNotReady, .notConfigured,
            .unknownOperation, .unsupportedOperation, .internalFailure,
            .missingAuthenticationToken, .incompleteSignature, .invalidSignature,
            .unrecognizedClient, .expiredToken, .notAllowed:
            self = .internalFailure
        }
    }
}

extension FleetError {
    /// Why, as a number: what was said where the refusal arose, or else what its code implies.
    package var explainedReason: RefusalReason {
        self.reason ?? RefusalReason(standardFor: self.code)
    }

    /// The same refusal with the reason where it arose.
    /// - Parameter parameter: the name of the parameter or field at fault, never its value.
    package func because(_ reason: RefusalReason, parameter: String? = nil) -> FleetError {
        var error = self
        error.reason = reason
        if let parameter { error.parameter = parameter.clipped }
        return error
    }

    /// The same refusal with a reason, unless it has one already.
    package func explained(by reason: RefusalReason) -> FleetError {
        self.reason == nil ? self.because(reason) : self
    }
}
