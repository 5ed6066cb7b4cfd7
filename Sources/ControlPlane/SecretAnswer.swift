package import Fleet
import Foundation
import HummingbirdCore
package import JSON
import NIOCore

/// An answer that hands out a secret: its bytes as they go out, wiped with the last reference. Made
/// into a String or a tree on the way, the secret would leave copies that nobody wipes.
package struct SecretAnswer: Sendable {
    package let body: Secret<WipedBytes>

    /// - Parameters:
    ///   - object: the answer without its `keyPair`; it is not empty.
    ///   - pair: what becomes AWS's `keyPair`, which has capital letters here, unlike in the
    ///     dialogue's reply.
    package init(_ object: JSONObject, keyPair pair: KeyPair) {
        let publicKey = JSONPrinter.bytes(.string(Self.publicKeyPEM(pair.publicKey)))
        self.init(
            object,
            head: Array(",\"keyPair\":{\"PublicKey\":".utf8) + publicKey
                + Array(",\"PrivateKey\":".utf8),
            secret: pair.privateKeyPEM, tail: "}}")
    }

    /// - Parameters:
    ///   - object: the answer without the secret; it is not empty.
    ///   - member: what the secret is called.
    ///   - secret: printable ASCII without quotes and backslashes, as base64 is.
    package init(_ object: JSONObject, _ member: String, _ secret: Secret<WipedBytes>) {
        let name = JSONPrinter.bytes(.string(member))
        self.init(object, head: Array(",".utf8) + name + Array(":".utf8), secret: secret, tail: "}")
    }

    private init(
        _ object: JSONObject, head: [UInt8], secret: Secret<WipedBytes>, tail: StaticString
    ) {
        precondition(!object.isEmpty, "An answer tells what its secret is for.")
        let before = Array(JSONPrinter.bytes(.object(object)).dropLast()) + head + [Self.quote]
        let after = [Self.quote] + Array("\(tail)".utf8)
        self.body = Secret(
            secret.expose { held in
                // Line ends take two bytes in JSON.
                WipedBytes(capacity: before.count + held.count * 2 + after.count) { buffer in
                    var count = 0
                    func write(_ byte: UInt8) {
                        buffer[count] = byte
                        count += 1
                    }
                    before.forEach(write)
                    held.withBytes { bytes in
                        for byte in bytes {
                            switch byte {
                            case 0x0A: "\\n".utf8.forEach(write)
                            case 0x0D: "\\r".utf8.forEach(write)
                            default: write(byte)
                            }
                        }
                    }
                    after.forEach(write)
                    return count
                }
            })
    }

    private static let quote = UInt8(ascii: "\"")

    /// As a tree, for a caller in this very process.
    package var json: JSONValue {
        get throws(FleetError) {
            let parsed = self.body.expose { bytes in
                bytes.withBytes { try? JSONParser.parse(Array($0)) }
            }
            guard let parsed else {
                throw FleetError(.internalFailure, "an answer with a key is no JSON")
            }
            return parsed
        }
    }

    /// RFC 7468 13: SubjectPublicKeyInfo, in lines of 64.
    private static func publicKeyPEM(_ der: [UInt8]) -> String {
        var lines = ["-----BEGIN PUBLIC KEY-----"]
        var rest = Data(der).base64EncodedString()[...]
        while !rest.isEmpty {
            lines.append(String(rest.prefix(64)))
            rest = rest.dropFirst(64)
        }
        lines.append("-----END PUBLIC KEY-----")
        return lines.joined(separator: "\n") + "\n"
    }
}

extension SecretAnswer {
    /// How often a connection is asked whether it has sent what it was given.
    private static let sentAskedMilliseconds: Int64 = 20

    /// The answer as a response's body, which is overwritten once it has gone out.
    ///
    /// A `ByteBuffer` copies itself when it is written to while somebody else holds it, so it is
    /// overwritten when the connection holds nothing that is not sent yet.
    func responseBody(over channel: any Channel) -> ResponseBody {
        let count = self.body.expose { $0.count }
        return ResponseBody(contentLength: count) { writer in
            var buffer = self.body.expose { bytes in
                bytes.withBytes { ByteBuffer(bytes: $0) }
            }
            defer { buffer.overwrite() }
            try await writer.write(buffer)
            try await writer.finish(nil)
            await Self.sent(by: channel)
        }
    }

    /// Returns when the connection has sent all that it was given, or is closed.
    private static func sent(by channel: any Channel) async {
        // A turn later: TLS may take what it was given while it still holds the bytes.
        try? await channel.eventLoop.submit {}.get()
        while channel.isActive,
            let waiting = try? await channel.getOption(.bufferedWritableBytes).get(), waiting > 0
        {
            let asked = channel.eventLoop.scheduleTask(
                in: .milliseconds(Self.sentAskedMilliseconds)
            ) {}
            try? await asked.futureResult.get()
        }
    }
}

extension ByteBuffer {
    /// Zeroes what there is to read; in place if this is the only reference.
    fileprivate mutating func overwrite() {
        self.withUnsafeMutableReadableBytes { bytes in
            for index in bytes.indices { Self.store(0, into: bytes, at: index) }
        }
    }

    /// Not inlined and not optimized: nobody reads what is stored, so it would be left out.
    @inline(never) @_optimize(none)
    private static func store(
        _ byte: UInt8, into bytes: UnsafeMutableRawBufferPointer, at index: Int
    ) {
        bytes[index] = byte
    }
}
