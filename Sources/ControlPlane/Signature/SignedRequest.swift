import Crypto
import Fleet
package import HTTPTypes

/// A request as Signature Version 4 sees it: every part exactly as it stood on the wire, since a
/// decoded and encoded again path is another text, and has another signature.
package struct SignedRequest: Sendable {
    package enum Body: Sendable {
        /// Hashed when a signature asks for it.
        case bytes([UInt8])
        /// Its SHA-256 in lower-case hex.
        case sha256(String)
        /// Still arriving. The signature then vouches for the `x-amz-content-sha256` that was
        /// sent, and whoever reads the stream holds it against `declaredBodySHA256`.
        case streamed
    }

    /// What a client sends in place of a hash when it does not sign the body.
    package static let unsignedBody = "UNSIGNED-PAYLOAD"

    package let method: String
    /// From the request line, encoded as it came, without the query.
    package let path: String
    /// What follows the first `?`, encoded as it came; empty where there is none.
    package let query: String
    /// In order of arrival, `host` among them, the names in lower case.
    package let headers: [(name: String, value: String)]
    package let body: Body

    package init(
        method: String, path: String, query: String, headers: [(name: String, value: String)],
        body: Body
    ) {
        // Letter case of names does not count; folded once, they are compared as they are.
        self.init(
            method: method, path: path, query: query,
            folded: headers.map { ($0.name.lowercased(), $0.value) }, body: body)
    }

    /// - Parameter head: as the server received it; the authority is HTTP/1.1's `Host` field.
    package init(_ head: HTTPRequest, body: Body) {
        let target = head.path ?? ""
        let mark = target.utf8.firstIndex(of: UInt8(ascii: "?")) ?? target.endIndex
        var headers: [(name: String, value: String)] = []
        headers.reserveCapacity(head.headerFields.count + 1)
        if let authority = head.authority { headers.append(("host", authority)) }
        for field in head.headerFields where field.name.canonicalName != "host" {
            headers.append((field.name.canonicalName, field.value))
        }
        self.init(
            method: head.method.rawValue, path: String(target[..<mark]),
            query: String(target[mark...].dropFirst()), folded: headers, body: body)
    }

    /// The same request once its body has arrived.
    package func carrying(_ body: Body) -> SignedRequest {
        SignedRequest(
            method: self.method, path: self.path, query: self.query, folded: self.headers,
            body: body)
    }

    /// - Parameter headers: their names in lower case.
    private init(
        method: String, path: String, query: String,
        folded headers: [(name: String, value: String)], body: Body
    ) {
        self.method = method
        self.path = path
        self.query = query
        self.headers = headers
        self.body = body
    }

    /// The path that is signed, and so the one to route by: a request for `/a/../b` bears the very
    /// signature of one for `/b`.
    package var normalizedPath: String {
        String(decoding: CanonicalPath.normalized(self.path), as: UTF8.self)
    }

    /// The `x-amz-content-sha256` that came with the request; nil where none did, or where the
    /// body is declared unsigned.
    package var declaredBodySHA256: String? {
        let declared = self.values(of: "x-amz-content-sha256")
        return declared.count == 1 && declared[0] != Self.unsignedBody ? declared[0] : nil
    }

    /// The values of the header `name`, which is given in lower case, in order of arrival.
    package func values(of name: String) -> [String] {
        self.headers.compactMap { $0.name == name ? $0.value : nil }
    }

    /// nil for a body that is still arriving.
    var bodySHA256: String? {
        switch self.body {
        case .bytes(let bytes): bytes.isEmpty ? Self.emptyBodySHA256 : SHA256.hash(data: bytes).hex
        case .sha256(let digest): digest
        case .streamed: nil
        }
    }

    private static let emptyBodySHA256 =
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
}
