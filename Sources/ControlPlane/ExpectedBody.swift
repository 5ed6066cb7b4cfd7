import HTTPTypes
import Hummingbird
import HummingbirdCore

/// The answer to clients that ask before they send a body (RFC 9110 10.1.1). Some wait for it for
/// seconds: the AWS SDK for Java asks before every PUT.
enum ExpectedBody {
    /// `responder`, which invites the body first where its client waits for that. One that says to
    /// be longer than a collected body may be is not invited; whoever refuses it needs none of it.
    static func inviting(
        _ responder: @escaping HTTPChannelHandler.Responder
    ) -> HTTPChannelHandler.Responder {
        { (request, writer: consuming ResponseWriter, channel) in
            if Self.isAwaited(request.headers) {
                try await writer.writeInformationalHead(HTTPResponse(status: .continue))
            }
            try await responder(request, writer, channel)
        }
    }

    static func isAwaited(_ headers: HTTPFields) -> Bool {
        guard headers[.expect]?.lowercased() == "100-continue" else { return false }
        let length = headers[.contentLength].flatMap { Int($0) } ?? 0
        return length <= OperationResponder.bodyBytesMax
    }
}
