import HTTPTypes
import NIOHTTP1
import NIOHTTPTypesHTTP1

extension HTTPRequest {
    /// - Returns: nil for a head that is none of HTTP's: its method is no token.
    init?(_ head: HTTPRequestHead) {
        guard let method = try? HTTPRequest.Method(head.method) else { return nil }
        self.init(
            method: method, scheme: nil, authority: head.headers.first(name: "host"),
            path: Self.origin(of: head.uri),
            headerFields: HTTPFields(head.headers, splitCookie: false))
    }

    /// The path and query of a request's target. Proxies are sent the absolute form, and every
    /// server has to take it (RFC 9112 3.2.2).
    private static func origin(of target: String) -> String {
        guard target.utf8.first != UInt8(ascii: "/"), let colon = target.firstRange(of: "://")
        else { return target }
        let rest = target[colon.upperBound...]
        let path = rest.drop { $0 != "/" && $0 != "?" }
        return path.first == "/" ? String(path) : "/" + path
    }
}

extension HTTPRequestHead {
    /// Of a client that does not expect its connection to stay (RFC 9112 9.3).
    var isOfHTTP10: Bool { self.version.major == 1 && self.version.minor == 0 }
}
