/// Every refusal of the fleet, in one type. The code is the stable part, named as AWS IoT names
/// the exception; the message says what is wrong and where, for the person who reads it.
///
/// What a code means on a wire (an HTTP status, an MQTT reply's `statusCode`) is decided by one
/// table at that edge.
package struct FleetError: Error, Hashable, Sendable, CustomStringConvertible {
    package enum Code: String, Sendable, CaseIterable {
        // The registry's and the control plane's.
        case invalidRequest = "InvalidRequestException"
        case unauthorized = "UnauthorizedException"
        case notFound = "ResourceNotFoundException"
        case alreadyExists = "ResourceAlreadyExistsException"
        case deleteConflict = "DeleteConflictException"
        case versionConflict = "VersionConflictException"
        case versionsLimitExceeded = "VersionsLimitExceededException"
        case limitExceeded = "LimitExceededException"
        case certificateState = "CertificateStateException"
        case certificateValidation = "CertificateValidationException"
        case certificateConflict = "CertificateConflictException"
        case registrationCodeValidation = "RegistrationCodeValidationException"
        case transferConflict = "TransferConflictException"
        case transferAlreadyCompleted = "TransferAlreadyCompletedException"
        case malformedPolicy = "MalformedPolicyException"
        case resourceRegistrationFailure = "ResourceRegistrationFailureException"
        /// A precondition of a ChangeSet no longer held. Use cases retry it.
        case conflict = "ConflictingResourceUpdateException"
        case invalidQuery = "InvalidQueryException"
        case invalidAggregation = "InvalidAggregationException"
        case indexNotReady = "IndexNotReadyException"
        case notConfigured = "NotConfiguredException"
        /// Nothing lies at that method and path.
        case unknownOperation = "UnknownOperationException"
        /// AWS IoT has it and this service has not.
        case unsupportedOperation = "UnsupportedOperationException"
        case throttled = "ThrottlingException"
        case serviceUnavailable = "ServiceUnavailableException"
        case internalFailure = "InternalFailureException"

        // What every AWS service answers whom it does not know (Signature Version 4).
        case missingAuthenticationToken = "MissingAuthenticationTokenException"
        case incompleteSignature = "IncompleteSignatureException"
        case invalidSignature = "InvalidSignatureException"
        /// Also a credential that is disabled or deleted: a stranger learns no more than that.
        case unrecognizedClient = "UnrecognizedClientException"
        case expiredToken = "ExpiredTokenException"
        /// Known, and not allowed to.
        case notAllowed = "AccessDeniedException"

        // The fleet provisioning dialogue's canonical set (provisioning specification, 1.7).
        case invalidPayload = "InvalidPayload"
        case invalidCSR = "InvalidCSR"
        case invalidParameters = "InvalidParameters"
        case invalidOwnershipToken = "InvalidCertificateOwnershipToken"
        case accessDenied = "AccessDenied"
        case templateNotFound = "TemplateNotFound"
        case templateDisabled = "TemplateDisabled"
        case resourceConflict = "ResourceConflict"
        case tooManyRequests = "TooManyRequests"
        case hookTimeout = "HookTimeout"
        /// A claim that may not do this. Its holder learns no more than that access is denied;
        /// the message is for the log.
        case claimRefused = "ClaimRefused"
        /// A claim that has asked for too much at once; told like any other shortage.
        case claimBusy = "ClaimBusy"
    }

    package let code: Code
    package let message: String
    /// The name or ARN of what the refusal is about, where there is one.
    package let resource: String?
    /// Why, as a number that devices and operators share; nil where the code says it all.
    package var reason: RefusalReason?
    /// The name of the parameter or field at fault, never its value.
    package var parameter: String?
    /// The word of a pre-provisioning hook for why it refused, where it gave one.
    package var hookReasonCode: String?
    /// What went wrong where the message tells a device nothing of it, as with a hook that failed:
    /// for the log, the trace and the audit log.
    package var cause: String?

    package init(_ code: Code, _ message: String, resource: String? = nil) {
        self.code = code
        self.message = message
        self.resource = resource
    }

    package var description: String { "\(self.code.rawValue): \(self.message)" }
}
