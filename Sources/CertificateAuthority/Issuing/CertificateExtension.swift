package import Fleet
import SwiftASN1

/// An extension that a profile adds to what the role demands. Never critical: who does not know it
/// loses nothing.
package struct CertificateExtension: Hashable, Sendable {
    let identifier: ASN1ObjectIdentifier
    /// DER inside the OCTET STRING.
    let value: [UInt8]

    /// Certificate policies, and whatever lies outside the arcs that RFC 5280 itself fills: those
    /// are the role's to set.
    static func mayBeAdded(_ identifier: ASN1ObjectIdentifier) -> Bool {
        let arcs = Array(identifier.oidComponents)
        return identifier == OID.certificatePolicies
            || !(arcs.starts(with: [2, 5, 29]) || arcs.starts(with: [1, 3, 6, 1, 5, 5, 7, 1])
                || arcs.starts(with: [1, 3, 6, 1, 5, 5, 7, 48]))
    }
}

/// What a profile adds to each certificate, with the subject's attributes put in.
package enum ExtensionTemplate: Hashable, Sendable {
    /// CertificatePolicies (RFC 5280 4.2.1.4), each by its OID and without qualifiers.
    case policies([String])
    /// A UTF8String under an OID of the operator's own.
    case text(identifier: String, String)

    func made(for subject: SubjectName, in profile: String) throws(FleetError)
        -> CertificateExtension
    {
        switch self {
        case .policies(let texts):
            var list: [UInt8] = []
            for text in texts {
                let identifier = try Self.identifier(text)
                let policy = try encodeDER("certificate policy") { coder in
                    try coder.appendConstructedNode(identifier: .sequence) {
                        try $0.serialize(identifier)
                    }
                }
                list += policy
            }
            return CertificateExtension(
                identifier: OID.certificatePolicies,
                value: StatusDER.wrapped(StatusDER.sequence, list))
        case .text(let identifier, let template):
            let text = try SubjectTemplate(template).text(of: subject, in: profile)
            return CertificateExtension(
                identifier: try Self.identifier(identifier),
                value: StatusDER.wrapped(0x0C, Array(text.utf8)))
        }
    }

    static func identifier(_ text: String) throws(FleetError) -> ASN1ObjectIdentifier {
        guard text.utf8.count <= 128, let found = try? ASN1ObjectIdentifier(dotRepresentation: text)
        else {
            throw FleetError(.invalidRequest, "'\(text.clipped)' is no object identifier")
        }
        return found
    }
}

/// A text with `${CN}`, `${serialNumber}` and the like in it.
package struct SubjectTemplate: Hashable, Sendable {
    private enum Piece: Hashable { case text(String), attribute(SubjectAttribute) }
    private let pieces: [Piece]

    /// - Throws: `FleetError.invalidRequest` where a variable is no attribute of subjects.
    package init(_ text: String) throws(FleetError) {
        var pieces: [Piece] = []
        var rest = text[...]
        while let start = rest.firstRange(of: "${") {
            pieces.append(.text(String(rest[..<start.lowerBound])))
            let after = rest[start.upperBound...]
            guard let end = after.firstIndex(of: "}"),
                let attribute = SubjectAttribute.allCases.first(where: {
                    $0.shortName == after[..<end]
                })
            else {
                throw FleetError(
                    .invalidRequest,
                    "'\(text.clipped)': ${…} names one of "
                        + SubjectAttribute.allCases.map(\.shortName).joined(separator: ", "))
            }
            pieces.append(.attribute(attribute))
            rest = after[after.index(after: end)...]
        }
        pieces.append(.text(String(rest)))
        self.pieces = pieces
    }

    /// - Throws: `FleetError.invalidCSR` where the subject lacks what the text takes from it.
    func text(of subject: SubjectName, in profile: String) throws(FleetError) -> String {
        var output = ""
        for piece in self.pieces {
            switch piece {
            case .text(let text): output += text
            case .attribute(let attribute):
                guard let part = subject.parts.first(where: { $0.attribute == attribute }) else {
                    throw FleetError(
                        .invalidCSR,
                        "subject: profile '\(profile)' takes \(attribute.shortName) from it, and "
                            + "there is none")
                }
                output += part.value
            }
        }
        return output
    }
}
