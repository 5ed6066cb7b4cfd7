import Fleet
import HTTPTypes
import HummingbirdCore
import JSON
import NIOCore

/// A refusal as AWS IoT's REST interface says it: status, `x-amzn-ErrorType`, `{"message":…}`
/// (provisioning specification, 0.2).
enum ErrorResponse {
    /// - Parameter resource: what the operation was about, once that is known.
    static func response(
        to error: FleetError, resource: ARN?, _ requestID: String
    ) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "application/json"
        headers[.requestID] = requestID
        headers[.errorType] = Self.exception(of: error.code)
        headers[.errorMessage] = Self.headerText(error.message)
        var body: JSONObject = ["message": .string(error.message)]
        if error.code == .alreadyExists || error.code == .conflict {
            body["resourceId"] = error.resource.map { .string($0) }
        }
        if error.code == .alreadyExists, let resource, resource != .everything {
            body["resourceArn"] = .arn(resource)
        }
        return Response(
            status: Self.status(of: error.code), headers: headers,
            body: .init(byteBuffer: ByteBuffer(bytes: JSONPrinter.bytes(.object(body)))))
    }

    private static let headerBytesMax = 1024

    /// The message again, where the first SDK for Go, and so older tools of Terraform's, look for
    /// that of an exception which AWS's model does not have. nil for what no field may hold (RFC
    /// 9110 5.5) or what is long: the body says it all.
    private static func headerText(_ message: String) -> String? {
        message.utf8.count <= Self.headerBytesMax
            && message.utf8.allSatisfy({ (0x20...0x7E).contains($0) }) ? message : nil
    }

    /// What a REST client knows the refusal by.
    static func exception(of code: FleetError.Code) -> String {
        (Self.dialogueCodes[code] ?? code).rawValue
    }

    /// The dialogue's own codes (provisioning specification, 1.7) have no exception here.
    private static let dialogueCodes: [FleetError.Code: FleetError.Code] = [
        .invalidPayload: .invalidRequest, .invalidCSR: .invalidRequest,
        .invalidParameters: .invalidRequest, .invalidOwnershipToken: .invalidRequest,
        .resourceConflict: .invalidRequest, .accessDenied: .unauthorized,
        .templateDisabled: .unauthorized, .hookTimeout: .unauthorized,
        .templateNotFound: .notFound, .tooManyRequests: .throttled,
        .claimRefused: .unauthorized, .claimBusy: .throttled,
    ]

    /// The one table from code to status. No `default`: a new code must choose.
    static func status(of code: FleetError.Code) -> HTTPResponse.Status {
        switch code {
        case .invalidRequest, .throttled, .malformedPolicy, .certificateValidation,
            .registrationCodeValidation, .resourceRegistrationFailure, .invalidQuery,
            .invalidAggregation, .indexNotReady, .notConfigured, .unsupportedOperation,
            .invalidPayload, .invalidCSR, .invalidParameters, .invalidOwnershipToken,
            .resourceConflict, .tooManyRequests, .claimBusy, .incompleteSignature:
            .badRequest
        case .unauthorized, .accessDenied, .templateDisabled, .hookTimeout, .claimRefused:
            .unauthorized
        case .missingAuthenticationToken, .invalidSignature, .unrecognizedClient, .expiredToken,
            .notAllowed:
            .forbidden
        case .notFound, .templateNotFound, .unknownOperation: .notFound
        case .certificateState: .notAcceptable
        case .alreadyExists, .deleteConflict, .versionConflict, .versionsLimitExceeded, .conflict,
            .certificateConflict, .transferConflict:
            .conflict
        case .limitExceeded, .transferAlreadyCompleted: .gone
        case .serviceUnavailable: .serviceUnavailable
        case .internalFailure: .internalServerError
        }
    }
}

extension HTTPField.Name {
    /// AWS: the exception's name.
    static let errorType = Self("x-amzn-ErrorType") ?? .eTag
    /// AWS: what its SDKs may read in place of the body's message.
    static let errorMessage = Self("x-amzn-ErrorMessage") ?? .eTag
}
