import Fleet
import HTTPTypes
import Hummingbird
import JSON

/// A refusal as AWS IoT's REST interface says it: status, `x-amzn-ErrorType`, `{"message":…}`
/// (provisioning specification, 0.2).
enum ErrorResponse {
    static func response(to error: FleetError) -> Response {
        var headers = HTTPFields()
        headers[.contentType] = "application/json"
        if let name = HTTPField.Name("x-amzn-ErrorType") {
            headers[name] = error.code.rawValue
        }
        var body: JSONObject = ["message": .string(error.message)]
        if let resource = error.resource { body["resource"] = .string(resource) }
        return Response(
            status: Self.status(of: error.code), headers: headers,
            body: .init(byteBuffer: .init(bytes: JSONPrinter.bytes(.object(body)))))
    }

    /// The one table from code to status. No `default`: a new code must choose.
    static func status(of code: FleetError.Code) -> HTTPResponse.Status {
        switch code {
        case .invalidRequest, .throttled, .malformedPolicy, .certificateValidation,
            .resourceRegistrationFailure, .invalidPayload, .invalidCSR, .invalidParameters,
            .invalidOwnershipToken, .incompleteSignature:
            .badRequest
        case .unauthorized: .unauthorized
        case .accessDenied, .templateDisabled, .hookTimeout, .missingAuthenticationToken,
            .invalidSignature, .unrecognizedClient, .expiredToken, .notAllowed:
            .forbidden
        case .notFound, .templateNotFound: .notFound
        case .certificateState: .notAcceptable
        case .alreadyExists, .deleteConflict, .versionConflict, .versionsLimitExceeded, .conflict,
            .resourceConflict:
            .conflict
        case .limitExceeded: .gone
        case .tooManyRequests: .tooManyRequests
        case .serviceUnavailable: .serviceUnavailable
        case .internalFailure: .internalServerError
        }
    }
}
