import Crypto
import Fleet
import Foundation

@testable import ControlPlane

/// Signature Version 4 written down as its documentation tells it, with strings and arrays, slow
/// and plain: what the verifier is held against. It shares no code with it.
struct LiteralSigner {
    static let secretText = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

    var keyID = "AKIDEXAMPLE"
    var secret = LiteralSigner.secretText
    var timestamp = "20260115T083000Z"
    var region = "eu-west-1"
    var service = "iot"

    var scope: String { "\(self.timestamp.prefix(8))/\(self.region)/\(self.service)/aws4_request" }

    /// `request` with an Authorization header that signs `signedHeaders`.
    func signed(_ request: SignedRequest, _ signedHeaders: [String]) -> SignedRequest {
        let signature = self.signature(
            Self.canonical(request, signedHeaders, leavingOut: []))
        let authorization =
            "AWS4-HMAC-SHA256 Credential=\(self.keyID)/\(self.scope), "
            + "SignedHeaders=\(signedHeaders.joined(separator: ";")), Signature=\(signature)"
        return SignedRequest(
            method: request.method, path: request.path, query: request.query,
            headers: request.headers + [("Authorization", authorization)], body: request.body)
    }

    /// `request` with its signature in the query.
    func presigned(
        _ request: SignedRequest, _ signedHeaders: [String], expires: Int? = nil,
        unsignedToken: String? = nil
    ) -> SignedRequest {
        var query = request.query.isEmpty ? [] : [request.query]
        query.append("X-Amz-Algorithm=AWS4-HMAC-SHA256")
        let scope = self.scope.replacingOccurrences(of: "/", with: "%2F")
        query.append("X-Amz-Credential=\(self.keyID)%2F\(scope)")
        query.append("X-Amz-Date=\(self.timestamp)")
        if let expires { query.append("X-Amz-Expires=\(expires)") }
        query.append("X-Amz-SignedHeaders=\(signedHeaders.joined(separator: "%3B"))")
        func with(_ query: [String]) -> SignedRequest {
            SignedRequest(
                method: request.method, path: request.path,
                query: query.joined(separator: "&"), headers: request.headers, body: request.body)
        }
        let signature = self.signature(
            Self.canonical(with(query), signedHeaders, leavingOut: []))
        if let unsignedToken { query.append("X-Amz-Security-Token=\(unsignedToken)") }
        query.append("X-Amz-Signature=\(signature)")
        return with(query)
    }

    func signature(_ canonical: String) -> String {
        let text = [
            "AWS4-HMAC-SHA256", self.timestamp, self.scope,
            Self.hex(SHA256.hash(data: Data(canonical.utf8))),
        ].joined(separator: "\n")
        var key = Data("AWS4\(self.secret)".utf8)
        for part in [String(self.timestamp.prefix(8)), self.region, self.service, "aws4_request"] {
            key = Self.code(part, key)
        }
        return Self.hex(Self.code(text, key))
    }

    static func canonical(
        _ request: SignedRequest, _ signedHeaders: [String], leavingOut: [String]
    ) -> String {
        var lines = [request.method, Self.path(request.path)]
        lines.append(Self.query(request.query, leavingOut))
        for name in signedHeaders {
            let values = request.headers.filter { $0.name.lowercased() == name }.map { header in
                header.value.components(separatedBy: .whitespaces).filter { !$0.isEmpty }
                    .joined(separator: " ")
            }
            lines.append("\(name):\(values.joined(separator: ","))")
        }
        lines.append("")
        lines.append(signedHeaders.joined(separator: ";"))
        let declared = request.headers.first { $0.name.lowercased() == "x-amz-content-sha256" }
        switch request.body {
        case .bytes(let bytes):
            lines.append(declared?.value ?? Self.hex(SHA256.hash(data: Data(bytes))))
        case .sha256(let digest): lines.append(declared?.value ?? digest)
        case .streamed: lines.append(declared?.value ?? "")
        }
        return lines.joined(separator: "\n")
    }

    private static func path(_ path: String) -> String {
        var kept: [String] = []
        for segment in path.components(separatedBy: "/") where !["", "."].contains(segment) {
            if segment == ".." { _ = kept.popLast() } else { kept.append(segment) }
        }
        let text = "/" + kept.map { Self.encoded(Array($0.utf8)) }.joined(separator: "/")
        return path.hasSuffix("/") && !kept.isEmpty ? text + "/" : text
    }

    private static func query(_ query: String, _ leavingOut: [String]) -> String {
        guard !query.isEmpty else { return "" }
        var pairs: [(name: String, value: String)] = []
        for pair in query.components(separatedBy: "&") {
            let parts = pair.components(separatedBy: "=")
            let name = Self.encoded(Self.decoded(parts[0]))
            let value = Self.encoded(Self.decoded(parts.dropFirst().joined(separator: "=")))
            if !leavingOut.contains(name) { pairs.append((name, value)) }
        }
        // All ASCII by now, where String's order is that of the bytes.
        pairs.sort { $0.name == $1.name ? $0.value < $1.value : $0.name < $1.name }
        return pairs.map { "\($0.name)=\($0.value)" }.joined(separator: "&")
    }

    private static func decoded(_ text: String) -> [UInt8] {
        let bytes = Array(text.replacingOccurrences(of: "+", with: " ").utf8)
        var output: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == 0x25, index + 2 < bytes.count,
                bytes[index + 1...index + 2].allSatisfy({
                    "0123456789abcdefABCDEF".utf8.contains($0)
                }),
                let value = UInt8(
                    String(decoding: bytes[index + 1...index + 2], as: UTF8.self), radix: 16)
            {
                output.append(value)
                index += 3
            } else {
                output.append(bytes[index])
                index += 1
            }
        }
        return output
    }

    private static func encoded(_ bytes: [UInt8]) -> String {
        let plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~"
        return bytes.map { byte in
            plain.utf8.contains(byte)
                ? String(decoding: [byte], as: UTF8.self) : String(format: "%%%02X", byte)
        }.joined()
    }

    private static func hex(_ bytes: some Sequence<UInt8>) -> String {
        bytes.map { String(format: "%02x", $0) }.joined()
    }

    private static func code(_ text: String, _ key: Data) -> Data {
        Data(
            HMAC<SHA256>.authenticationCode(
                for: Data(text.utf8), using: SymmetricKey(data: key)))
    }
}
