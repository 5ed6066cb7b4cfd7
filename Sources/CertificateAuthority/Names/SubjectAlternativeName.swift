package import Fleet
import Glibc
import SwiftASN1

/// A name or address that a certificate vouches for (RFC 5280 4.2.1.6).
package enum SubjectAlternativeName: Hashable, Sendable, CustomStringConvertible {
    case dns(String)
    /// 4 or 16 bytes in network order.
    case address([UInt8])
    /// RFC 3986, in ASCII: `urn:dev:ser:…`.
    case uri(String)

    private static let uriBytesMax = 512
    private static let labelBytesMax = 63
    private static let nameBytesMax = 253

    /// An IPv4 or IPv6 address as `inet_pton` reads it, else a host name, lower-cased.
    /// - Throws: `FleetError.invalidRequest` where it is neither.
    package init(_ text: String) throws(FleetError) {
        if let bytes = Self.parse(text, family: AF_INET, count: 4)
            ?? Self.parse(text, family: AF_INET6, count: 16)
        {
            self = .address(bytes)
            return
        }
        let name = text.lowercased()
        guard Self.isHostName(name) else {
            throw FleetError(
                .invalidRequest, "'\(text.clipped)' is neither a host name nor an IP address")
        }
        self = .dns(name)
    }

    /// A URI with its scheme (RFC 5280 4.2.1.6 forbids relative ones).
    /// - Throws: `FleetError.invalidRequest` where it is none.
    package init(uri text: String) throws(FleetError) {
        let scheme = text.utf8.prefix { $0 != UInt8(ascii: ":") }
        guard (3...Self.uriBytesMax).contains(text.utf8.count), !scheme.isEmpty,
            scheme.count + 1 < text.utf8.count,
            scheme.allSatisfy({ (UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }),
            text.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "\"") })
        else {
            throw FleetError(
                .invalidRequest,
                "'\(text.clipped)' is no URI: a scheme, a colon and ASCII without "
                    + "spaces, at most \(Self.uriBytesMax) bytes")
        }
        self = .uri(text)
    }

    private static func parse(_ text: String, family: Int32, count: Int) -> [UInt8]? {
        var bytes = [UInt8](repeating: 0, count: count)
        let result = bytes.withUnsafeMutableBytes { inet_pton(family, text, $0.baseAddress) }
        return result == 1 ? bytes : nil
    }

    /// RFC 1034 3.5 as RFC 1123 2.1 relaxed it, and a `*` as the whole first label.
    static func isHostName(_ name: String) -> Bool {
        guard (1...Self.nameBytesMax).contains(name.utf8.count) else { return false }
        let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        for (position, label) in labels.enumerated() {
            if position == 0, labels.count > 2, label.elementsEqual("*".utf8) { continue }
            guard (1...Self.labelBytesMax).contains(label.count),
                label.first != UInt8(ascii: "-"), label.last != UInt8(ascii: "-"),
                label.allSatisfy({ byte in
                    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                        || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                        || byte == UInt8(ascii: "-")
                })
            else { return false }
        }
        return true
    }

    static let dnsTag = ASN1Identifier(tagWithNumber: 2, tagClass: .contextSpecific)
    static let addressTag = ASN1Identifier(tagWithNumber: 7, tagClass: .contextSpecific)

    static let uriTag = ASN1Identifier(tagWithNumber: 6, tagClass: .contextSpecific)

    func serialize(into coder: inout DER.Serializer) throws {
        switch self {
        case .dns(let name):
            coder.appendPrimitiveNode(identifier: Self.dnsTag) { $0 += name.utf8 }
        case .address(let bytes):
            coder.appendPrimitiveNode(identifier: Self.addressTag) { $0 += bytes }
        case .uri(let text):
            coder.appendPrimitiveNode(identifier: Self.uriTag) { $0 += text.utf8 }
        }
    }

    package var description: String {
        switch self {
        case .dns(let name): return name
        case .address(let bytes): return Self.text(ofAddress: bytes[...])
        case .uri(let text): return text
        }
    }

    static func text(ofAddress bytes: ArraySlice<UInt8>) -> String {
        if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
        guard bytes.count == 16 else { return "#" + bytes.hex }
        var output = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
        let copy = Array(bytes)
        let capacity = socklen_t(output.count)
        guard inet_ntop(AF_INET6, copy, &output, capacity) != nil else { return "#" + bytes.hex }
        return String(
            decoding: output.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

extension CertificateFacts {
    /// Whether `name` itself is among its names; a wildcard that covers it is another name.
    package func names(_ name: SubjectAlternativeName) -> Bool {
        let kind =
            switch name {
            case .dns: "DNSName"
            case .address: "IPAddress"
            case .uri: "UniformResourceIdentifier"
            }
        return self.subjectAlternativeNames[kind]?.contains(name.description) == true
    }
}
