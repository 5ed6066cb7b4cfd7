import Fleet
import Foundation
import HTTPTypes
import HummingbirdCore
import NIOCore
import Provisioning

/// Answers as RFC 7030 has them: base64 with its transfer encoding named (sections 4.1.3, 4.2.3,
/// 4.4.2, 4.5.2), refusals as text (3.2.3).
enum ESTResponse {
    private static let certificatesOnly = "application/pkcs7-mime; smime-type=certs-only"
    /// No base64 holds a hyphen, so that no part can hold this.
    private static let boundary = "slipway-est-boundary"

    static func authorities(_ der: [UInt8]) -> Response {
        Self.base64(der, type: "application/pkcs7-mime")
    }

    static func certificate(_ der: [UInt8]) -> Response {
        Self.base64(der, type: Self.certificatesOnly)
    }

    static func attributes(_ der: [UInt8]) -> Response {
        Self.base64(der, type: "application/csrattrs")
    }

    /// RFC 7030 4.4.2: the key first, then its certificate.
    static func pair(key: Secret<WipedBytes>, certificate: [UInt8]) -> Response {
        var body = ByteBuffer()
        body.writeString(
            "--\(Self.boundary)\r\nContent-Type: application/pkcs8\r\n"
                + "Content-Transfer-Encoding: base64\r\n\r\n")
        key.expose { bytes in bytes.withBytes { _ = body.writeBytes($0) } }
        body.writeString(
            "\r\n--\(Self.boundary)\r\nContent-Type: \(Self.certificatesOnly)\r\n"
                + "Content-Transfer-Encoding: base64\r\n\r\n\(Self.text(certificate))\r\n"
                + "--\(Self.boundary)--\r\n")
        return Response(
            status: .ok,
            headers: [
                .contentType: "multipart/mixed; boundary=\(Self.boundary)",
                .cacheControl: "no-store",
            ], body: ResponseBody(byteBuffer: body))
    }

    private static func base64(_ der: [UInt8], type: String) -> Response {
        var headers: HTTPFields = [.contentType: type]
        headers[.contentTransferEncoding] = "base64"
        return Response(
            status: .ok, headers: headers,
            body: ResponseBody(byteBuffer: ByteBuffer(string: Self.text(der) + "\n")))
    }

    /// RFC 8951 3.1 has the base64 of RFC 4648, with no line of MIME's around it; `base64 -d` of
    /// coreutils takes a line feed between lines and calls a carriage return invalid.
    private static func text(_ der: [UInt8]) -> String {
        Data(der).base64EncodedString(options: [.lineLength64Characters, .endLineWithLineFeed])
    }

    // MARK: Refusals

    static func plain(_ status: HTTPResponse.Status, _ message: String) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: message + "\n")))
    }

    /// RFC 9110 15.5.6 wants those named that are allowed.
    static func wrongMethod(for operation: ESTPath.Operation) -> Response {
        let methods = operation.methods.map(\.rawValue)
        var response = Self.plain(
            .methodNotAllowed,
            "\(operation.rawValue) is asked with \(methods.joined(separator: " or "))")
        response.headers[.allow] = methods.joined(separator: ", ")
        return response
    }

    /// RFC 7030 3.2.3 leaves it to the client's certificate; RFC 9110 15.5.2 wants a challenge.
    static func unknownClient() -> Response {
        var response = Self.plain(
            .unauthorized,
            "show a client certificate in TLS: a claim's to enrol, a device's own to enrol again")
        response.headers[.wwwAuthenticate] = "TLS-Client-Certificate"
        return response
    }

    /// The status that the dialogue tells over MQTT, but for a device that waits for a person: it
    /// is told to ask again (RFC 7030 4.2.3: 202 and Retry-After).
    static func refusal(
        _ error: FleetError, correlationID: String?, mayAskAgain: Bool = true
    ) -> Response {
        let rejection = Rejection(error)
        let told = rejection.reason.explanation
        let isHeld = rejection.reason == .enrolmentHeld && mayAskAgain
        let status = HTTPResponse.Status(code: isHeld ? 202 : rejection.statusCode)
        var lines = [
            rejection.errorMessage,
            "\(rejection.errorCode), reason \(rejection.reason.rawValue) "
                + "\(rejection.reason.name) at step \(told.step.rawValue)",
        ]
        if let correlationID { lines.append("correlation id \(correlationID)") }
        var response = Self.plain(status, lines.joined(separator: "\n"))
        if let seconds = told.retryAfterSeconds, isHeld || rejection.statusCode >= 429 {
            response.headers[.retryAfter] = String(seconds)
        }
        return response
    }
}

extension HTTPField.Name {
    fileprivate static let contentTransferEncoding =
        Self("Content-Transfer-Encoding") ?? .contentEncoding
}
