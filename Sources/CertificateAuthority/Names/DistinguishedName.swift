import Fleet
import SwiftASN1

/// A name as somebody else wrote it: any attributes, any string types (RFC 5280 4.1.2.4).
struct DistinguishedName: Hashable, Sendable, CustomStringConvertible {
    /// An attribute's value, where we can read it as text.
    enum Value: Hashable, Sendable {
        case text(String)
        /// The DER of a value of another type, or of a string that breaks its type's rules.
        case other([UInt8])

        var text: String? {
            if case .text(let text) = self { text } else { nil }
        }
    }

    struct Attribute: Hashable, Sendable {
        let identifier: ASN1ObjectIdentifier
        let value: Value
    }

    /// More than any standard's profile uses; a bound on what a peer can make us keep.
    static let attributesMax = 64

    /// In the order of the encoding.
    let relativeNames: [[Attribute]]

    var attributes: [Attribute] { self.relativeNames.flatMap { $0 } }

    /// - Returns: nil unless `node` is a Name: RDNs that are sets of at least one pair.
    init?(_ node: ASN1Node) {
        guard var names = DERFields(node) else { return nil }
        var relativeNames: [[Attribute]] = []
        var count = 0
        while let set = names.next() {
            guard var members = DERFields(set, identifier: .set) else { return nil }
            var attributes: [Attribute] = []
            while let pair = members.next() {
                count += 1
                guard count <= Self.attributesMax, let attribute = Self.attribute(pair) else {
                    return nil
                }
                attributes.append(attribute)
            }
            if attributes.isEmpty { return nil }
            relativeNames.append(attributes)
        }
        self.relativeNames = relativeNames
    }

    private static func attribute(_ node: ASN1Node) -> Attribute? {
        guard var fields = DERFields(node), let identifier = fields.next()?.objectIdentifier,
            let value = fields.next(), fields.isAtEnd()
        else { return nil }
        return Attribute(
            identifier: identifier,
            value: Self.text(of: value).map { .text($0) } ?? .other(Array(value.encodedBytes)))
    }

    /// The text of a DirectoryString or IA5String; nil where the bytes break the type's rules.
    /// TeletexString is read only as far as all its dialects agree, which is ASCII.
    static func text(of node: ASN1Node) -> String? {
        guard let bytes = node.primitiveBytes else { return nil }
        switch node.identifier {
        case .utf8String:
            return String(validating: bytes, as: UTF8.self)
        case .printableString:
            return bytes.allSatisfy(isPrintableStringByte)
                ? String(decoding: bytes, as: UTF8.self) : nil
        case .ia5String, .teletexString:
            return bytes.allSatisfy { $0 < 0x80 } ? String(decoding: bytes, as: UTF8.self) : nil
        case .bmpString:
            guard bytes.count.isMultiple(of: 2) else { return nil }
            let units = stride(from: bytes.startIndex, to: bytes.endIndex, by: 2).map {
                UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1])
            }
            return String(validating: units, as: UTF16.self)
        default: return nil
        }
    }

    /// RFC 4514: the last RDN first, values escaped, unreadable ones as `#` and hex.
    var description: String {
        self.relativeNames.reversed().map { attributes in
            attributes.map { attribute in
                let name =
                    SubjectAttribute(attribute.identifier)?.shortName
                    ?? "\(attribute.identifier)"
                return switch attribute.value {
                case .text(let text): "\(name)=\(Self.escaped(text))"
                case .other(let bytes): "\(name)=#\(bytes.hex)"
                }
            }.joined(separator: "+")
        }.joined(separator: ",")
    }

    /// RFC 4514, section 2.4. Control characters go as hex pairs, which it allows and a log needs.
    static func escaped(_ value: String) -> String {
        let scalars = Array(value.unicodeScalars)
        var output = ""
        for (position, scalar) in scalars.enumerated() {
            let isEdgeSpace = scalar == " " && (position == 0 || position == scalars.count - 1)
            if isEdgeSpace || (scalar == "#" && position == 0)
                || "\"+,;<>\\=".unicodeScalars.contains(scalar)
            {
                output.unicodeScalars.append("\\")
                output.unicodeScalars.append(scalar)
            } else if scalar.breaksLines {
                for byte in String(scalar).utf8 { output += "\\" + CollectionOfOne(byte).hex }
            } else {
                output.unicodeScalars.append(scalar)
            }
        }
        return output
    }

    /// Values by the names that policy variables use (AWS: `iot:Certificate.Subject.X`), each in
    /// the order of the certificate.
    var policyAttributes: [String: [String]] {
        var found: [String: [String]] = [:]
        for attribute in self.attributes {
            guard let name = Self.policyNames[attribute.identifier],
                let value = attribute.value.text
            else { continue }
            found[name, default: []].append(value)
        }
        return found
    }

    private static let policyNames: [ASN1ObjectIdentifier: String] = [
        [2, 5, 4, 46]: "DistinguishedNameQualifier",
        [2, 5, 4, 6]: "Country",
        [2, 5, 4, 10]: "Organization",
        [2, 5, 4, 11]: "OrganizationalUnit",
        [2, 5, 4, 8]: "State",
        [2, 5, 4, 3]: "CommonName",
        [2, 5, 4, 5]: "SerialNumber",
        [2, 5, 4, 12]: "Title",
        [2, 5, 4, 4]: "Surname",
        [2, 5, 4, 42]: "GivenName",
        [2, 5, 4, 43]: "Initials",
        [2, 5, 4, 65]: "Pseudonym",
        [2, 5, 4, 44]: "GenerationQualifier",
    ]
}
