package import Fleet
import SwiftASN1

/// The subject of a certificate of ours: one whitelisted attribute per RDN, each within its bounds
/// (RFC 5280 4.1.2.4, 4.1.2.6). The type is the proof.
package struct SubjectName: Hashable, Sendable, CustomStringConvertible {
    /// One attribute and its value.
    package struct Part: Hashable, Sendable {
        package let attribute: SubjectAttribute
        package let value: String

        package init(_ attribute: SubjectAttribute, _ value: String) {
            self.attribute = attribute
            self.value = value
        }
    }

    /// A name longer than this serves nobody and grows every handshake.
    package static let partsMax = 16

    package let parts: [Part]

    /// - Throws: `FleetError.invalidRequest`, naming the attribute that breaks its rule.
    package init(_ parts: [Part]) throws(FleetError) {
        if let complaint = Self.complaint(about: parts) {
            throw FleetError(.invalidRequest, "subject: \(complaint)")
        }
        self.parts = parts
    }

    /// `CN=Acme Device CA,O=Acme,C=DE`: attributes by their short names, in the order of the
    /// certificate. A comma or backslash within a value is written with a backslash before it.
    /// - Throws: `FleetError.invalidRequest` saying which part is none.
    package init(parsing text: String) throws(FleetError) {
        var parts: [Part] = []
        for piece in Self.pieces(of: text) {
            let pair = piece.split(separator: "=", maxSplits: 1).map(String.init)
            let name = pair[0].trimmedOfSpaces
            guard pair.count == 2,
                let attribute = SubjectAttribute.allCases.first(where: { $0.shortName == name })
            else {
                throw FleetError(
                    .invalidRequest,
                    "subject: '\(piece.clipped)' is no ATTRIBUTE=VALUE; attributes are "
                        + SubjectAttribute.allCases.map(\.shortName).joined(separator: ", "))
            }
            parts.append(Part(attribute, pair[1].trimmedOfSpaces))
        }
        try self.init(parts)
    }

    private static func pieces(of text: String) -> [String] {
        var pieces = [""]
        var isEscaped = false
        for character in text {
            switch character {
            case "\\" where !isEscaped: isEscaped = true
            case "," where !isEscaped: pieces.append("")
            default:
                pieces[pieces.count - 1].append(character)
                isEscaped = false
            }
        }
        return pieces
    }

    private init(checked parts: [Part]) { self.parts = parts }

    /// `CN=...` alone, for names that are literals of this module.
    init(commonName: StaticString) {
        self.init(checked: [Part(.commonName, "\(commonName)")])
    }

    /// What the whitelist leaves of `name`; nil where it leaves nothing.
    /// - Throws: `FleetError.invalidCSR` where a whitelisted attribute cannot be kept as it is:
    ///   cutting or guessing would give a device another name than it asked for.
    init?(whitelisting name: DistinguishedName) throws(FleetError) {
        var parts: [Part] = []
        for attribute in name.attributes {
            guard let known = SubjectAttribute(attribute.identifier) else { continue }
            guard let value = attribute.value.text else {
                throw FleetError(
                    .invalidCSR,
                    "subject: \(known.shortName) is not a valid UTF8String, PrintableString, "
                        + "IA5String or BMPString")
            }
            parts.append(Part(known, value))
        }
        if parts.isEmpty { return nil }
        if let complaint = Self.complaint(about: parts) {
            throw FleetError(.invalidCSR, "subject: \(complaint)")
        }
        self.init(checked: parts)
    }

    static func complaint(about parts: [Part]) -> String? {
        if parts.isEmpty { return "it has no attribute" }
        if parts.count > Self.partsMax {
            return "it has \(parts.count) attributes, more than \(Self.partsMax)"
        }
        for part in parts {
            if let complaint = part.attribute.complaint(about: part.value) { return complaint }
        }
        return nil
    }

    func der() throws(FleetError) -> [UInt8] {
        try encodeDER("subject") { coder in
            try coder.appendConstructedNode(identifier: .sequence) { name in
                for part in self.parts {
                    try name.appendConstructedNode(identifier: .set) { set in
                        try set.appendConstructedNode(identifier: .sequence) { pair in
                            try pair.serialize(part.attribute.identifier)
                            if part.attribute.isPrintable {
                                try pair.serialize(ASN1PrintableString(part.value))
                            } else {
                                try pair.serialize(ASN1UTF8String(part.value))
                            }
                        }
                    }
                }
            }
        }
    }

    /// RFC 4514, section 2.1: the last RDN first.
    package var description: String {
        self.parts.reversed()
            .map { "\($0.attribute.shortName)=\(DistinguishedName.escaped($0.value))" }
            .joined(separator: ",")
    }
}

extension String {
    fileprivate var trimmedOfSpaces: String {
        let start = self.drop { $0 == " " }
        return String(start.reversed().drop { $0 == " " }.reversed())
    }
}
