package import Fleet
import SwiftASN1

/// Which names an authority may give (RFC 5280 4.2.1.10). A form that is named among the permitted
/// ones is held to them; what no subtree names is free.
package struct NameConstraints: Hashable, Sendable {
    package enum Subtree: Hashable, Sendable {
        /// The name, and everything below it.
        case dns(String)
        /// An address and its mask, each 4 or 16 bytes.
        case address([UInt8], mask: [UInt8])
        /// Subjects that begin with these attributes.
        case name(SubjectName)
    }

    package static let subtreesMax = 64

    package let permitted: [Subtree]
    package let excluded: [Subtree]

    /// - Parameter texts: `permit:dns:plant.example`, `exclude:ip:10.0.0.0/8`,
    ///   `permit:name:O=Acme,C=DE`.
    /// - Throws: `FleetError.invalidRequest` naming the first that is none.
    package init(parsing texts: [String]) throws(FleetError) {
        guard (1...Self.subtreesMax).contains(texts.count) else {
            throw FleetError(
                .invalidRequest, "\(texts.count) name constraints; 1 to \(Self.subtreesMax)")
        }
        var permitted: [Subtree] = []
        var excluded: [Subtree] = []
        for text in texts {
            let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
            switch parts.count == 2 ? parts[0] : "" {
            case "permit": permitted.append(try Subtree(parsing: parts[1]))
            case "exclude": excluded.append(try Subtree(parsing: parts[1]))
            default:
                throw FleetError(
                    .invalidRequest,
                    "'\(text.clipped)' is no name constraint: permit: or exclude:, then "
                        + "dns:NAME, ip:ADDRESS/BITS or name:ATTRIBUTE=VALUE,…")
            }
        }
        self.permitted = permitted
        self.excluded = excluded
    }

    /// - Returns: nil for forms that are not understood here; who holds to constraints has to
    ///   understand them all.
    init?(_ node: ASN1Node) {
        guard var fields = DERFields(node) else { return nil }
        guard let permitted = Self.subtrees(&fields, 0), let excluded = Self.subtrees(&fields, 1),
            fields.isAtEnd(), !(permitted.isEmpty && excluded.isEmpty)
        else { return nil }
        self.permitted = permitted
        self.excluded = excluded
    }

    private static func subtrees(_ fields: inout DERFields, _ tag: UInt) -> [Subtree]? {
        let identifier = ASN1Identifier(tagWithNumber: tag, tagClass: .contextSpecific)
        guard let node = fields.next(identifier) else { return [] }
        guard var list = DERFields(node, identifier: identifier) else { return nil }
        var found: [Subtree] = []
        while let item = list.next() {
            // No minimum and no maximum (RFC 5280 4.2.1.10).
            guard var parts = DERFields(item), let base = parts.next(), parts.isAtEnd(),
                let subtree = Subtree(base), found.count < Self.subtreesMax
            else { return nil }
            found.append(subtree)
        }
        return found
    }

    /// GeneralSubtrees by hand, as the linter holds the same bytes against what is encoded.
    func der() throws(FleetError) -> [UInt8] {
        var content: [UInt8] = []
        for (tag, subtrees) in [(UInt8(0xA0), self.permitted), (0xA1, self.excluded)]
        where !subtrees.isEmpty {
            var list: [UInt8] = []
            for subtree in subtrees {
                list += StatusDER.wrapped(StatusDER.sequence, try subtree.generalName())
            }
            content += StatusDER.wrapped(tag, list)
        }
        return StatusDER.wrapped(StatusDER.sequence, content)
    }

    // MARK: Judging

    /// The first name that may not be given; nil where all may.
    func complaint(
        subject: SubjectName, alternativeNames: [SubjectAlternativeName]
    ) -> String? {
        var names: [Name] = [.subject(subject)] + alternativeNames.compactMap(Name.init)
        // Where no DNS name is there, verifiers take a common name that looks like one for it.
        let hasHost = alternativeNames.contains { if case .dns = $0 { true } else { false } }
        if !hasHost {
            for part in subject.parts where part.attribute == .commonName {
                let text = part.value.lowercased()
                if text.contains("."), SubjectAlternativeName.isHostName(text) {
                    names.append(.dns(text))
                }
            }
        }
        for name in names {
            if let inside = self.excluded.first(where: { $0.contains(name) == true }) {
                return "\(name.text.clipped) lies within the excluded \(inside)"
            }
            let rules = self.permitted.compactMap { $0.contains(name) }
            guard rules.isEmpty || rules.contains(true) else {
                return "\(name.text.clipped) lies within nothing that is permitted"
            }
        }
        return nil
    }

    fileprivate enum Name {
        case subject(SubjectName)
        case dns(String)
        case address([UInt8])

        init?(_ name: SubjectAlternativeName) {
            switch name {
            case .dns(let text): self = .dns(text)
            case .address(let bytes): self = .address(bytes)
            case .uri: return nil
            }
        }

        var text: String {
            switch self {
            case .subject(let name): name.description
            case .dns(let text): text
            case .address(let bytes): SubjectAlternativeName.text(ofAddress: bytes[...])
            }
        }
    }
}

extension NameConstraints.Subtree: CustomStringConvertible {
    fileprivate init(parsing text: String) throws(FleetError) {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        guard parts.count == 2 else {
            throw FleetError(
                .invalidRequest, "'\(text.clipped)' names no form: dns:, ip: or name:")
        }
        switch parts[0] {
        case "dns":
            let name = parts[1].lowercased()
            guard SubjectAlternativeName.isHostName(name), !name.hasPrefix("*") else {
                throw FleetError(.invalidRequest, "'\(parts[1].clipped)' is no host name")
            }
            self = .dns(name)
        case "ip": self = try Self.network(parts[1])
        case "name": self = .name(try SubjectName(parsing: parts[1]))
        default:
            throw FleetError(
                .invalidRequest, "'\(parts[0].clipped)' is no form of names: dns, ip or name")
        }
    }

    private static func network(_ text: String) throws(FleetError) -> Self {
        let parts = text.split(separator: "/").map(String.init)
        if parts.count == 2, let count = Int(parts[1]),
            case .address(let address) = try SubjectAlternativeName(parts[0]),
            (0...address.count * 8).contains(count)
        {
            let mask = address.indices.map { index -> UInt8 in
                let ones = min(8, max(0, count - index * 8))
                return ones == 0 ? 0 : UInt8(truncatingIfNeeded: 0xFF << (8 - ones))
            }
            return .address(zip(address, mask).map { $0 & $1 }, mask: mask)
        }
        throw FleetError(.invalidRequest, "'\(text.clipped)' is no network: ADDRESS/BITS")
    }

    /// A GeneralName.
    fileprivate init?(_ node: ASN1Node) {
        guard node.identifier.tagClass == .contextSpecific else { return nil }
        switch node.identifier.tagNumber {
        case 2:
            guard let bytes = node.primitiveBytes,
                let text = String(validating: bytes, as: UTF8.self),
                SubjectAlternativeName.isHostName(text)
            else { return nil }
            self = .dns(text)
        case 7:
            guard let bytes = node.primitiveBytes, bytes.count == 8 || bytes.count == 32 else {
                return nil
            }
            self = .address(
                Array(bytes.prefix(bytes.count / 2)), mask: Array(bytes.suffix(bytes.count / 2)))
        case 4:
            let tag = ASN1Identifier(tagWithNumber: 4, tagClass: .contextSpecific)
            guard var inner = DERFields(node, identifier: tag), let name = inner.next(),
                inner.isAtEnd(), let distinguished = DistinguishedName(name),
                let subject = try? SubjectName(whitelisting: distinguished),
                subject.parts.count == distinguished.attributes.count
            else { return nil }
            self = .name(subject)
        default: return nil
        }
    }

    fileprivate func generalName() throws(FleetError) -> [UInt8] {
        switch self {
        case .dns(let text): StatusDER.wrapped(0x82, Array(text.utf8))
        case .address(let address, let mask): StatusDER.wrapped(0x87, address + mask)
        case .name(let name): StatusDER.wrapped(0xA4, try name.der())
        }
    }

    /// - Returns: nil where the name is of another form.
    fileprivate func contains(_ name: NameConstraints.Name) -> Bool? {
        switch (self, name) {
        case (.dns(let base), .dns(let text)): text == base || text.hasSuffix("." + base)
        case (.address(let base, let mask), .address(let bytes)) where base.count == bytes.count:
            zip(bytes, mask).map { $0 & $1 } == base
        case (.name(let base), .subject(let subject)):
            subject.parts.starts(with: base.parts)
        case (.dns, .subject), (.dns, .address), (.address, .subject), (.address, .dns),
            (.address, .address), (.name, .dns), (.name, .address):
            nil
        }
    }

    package var description: String {
        switch self {
        case .dns(let text): return "dns:\(text)"
        case .address(let address, let mask):
            let bits = mask.reduce(0) { $0 + $1.nonzeroBitCount }
            return "ip:\(SubjectAlternativeName.text(ofAddress: address[...]))/\(bits)"
        case .name(let name): return "name:\(name)"
        }
    }
}
