/// The subject's and the issuer's alternative names of a certificate (RFC 5280, 4.2.1.6 and
/// 4.2.1.7), as policy variables see them. What cannot be read is left out: a variable without a
/// value lets no `Allow` apply.
enum AlternativeNames {
    /// In the certificate's order.
    static func fields(ofCertificate pem: String) -> [(field: String, value: String)] {
        PEMText.certificate(pem).map { self.fields(of: $0) } ?? []
    }

    /// - Parameter bytes: the certificate in DER.
    static func fields(of bytes: [UInt8]) -> [(field: String, value: String)] {
        var fields: [(field: String, value: String)] = []
        for (holder, names) in self.extensions(bytes[...]) {
            var reader = names
            while let name = reader.next() {
                if let (kind, value) = self.name(name) {
                    fields.append(("\(holder).AlternativeName.\(kind)", value))
                }
            }
        }
        return fields
    }

    /// OIDs 2.5.29.17 and 2.5.29.18.
    private static let holders: [[UInt8]: String] = [
        [0x55, 0x1D, 0x11]: "Subject", [0x55, 0x1D, 0x12]: "Issuer",
    ]

    /// The general names of each of the two extensions that the certificate has.
    private static func extensions(
        _ bytes: ArraySlice<UInt8>
    ) -> [(holder: String, names: DERReader)] {
        var outer = DERReader(bytes)
        guard var certificate = outer.next(DERReader.sequence)?.elements,
            var body = certificate.next(DERReader.sequence)?.elements
        else { return [] }
        var found: [(holder: String, names: DERReader)] = []
        while let element = body.next() {
            // `extensions [3] EXPLICIT`
            guard element.tag == 0xA3 else { continue }
            var wrapper = element.elements
            guard var extensions = wrapper.next(DERReader.sequence)?.elements else { return [] }
            while var parts = extensions.next(DERReader.sequence)?.elements {
                guard let oid = parts.next(DERReader.objectIdentifier),
                    let holder = self.holders[Array(oid.contents)]
                else { continue }
                // `critical` may stand in between.
                while let part = parts.next() {
                    guard part.tag == DERReader.octetString else { continue }
                    var value = part.elements
                    if let names = value.next(DERReader.sequence) {
                        found.append((holder, names.elements))
                    }
                }
            }
        }
        return found
    }

    private static func name(_ name: DERReader.Element) -> (kind: String, value: String)? {
        switch name.tag {
        case 0x81: name.text.map { ("RFC822Name", $0) }
        case 0x82: name.text.map { ("DNSName", $0) }
        case 0xA4: self.directoryName(name).map { ("DirectoryName", $0) }
        case 0x86: name.text.map { ("UniformResourceIdentifier", $0) }
        case 0x87: self.address(Array(name.contents)).map { ("IPAddress", $0) }
        default: nil
        }
    }

    // MARK: Addresses

    /// Dotted decimal, or RFC 5952.
    static func address(_ bytes: [UInt8]) -> String? {
        if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
        guard bytes.count == 16 else { return nil }
        let groups = stride(from: 0, to: 16, by: 2).map {
            UInt16(bytes[$0]) << 8 | UInt16(bytes[$0 + 1])
        }
        // The longest run of two or more zeros, the first of equals, is "::".
        var gap = 0..<0
        var start = 0
        for (index, group) in groups.enumerated() {
            if group != 0 { start = index + 1 }
            if index + 1 - start > max(1, gap.count) { gap = start..<(index + 1) }
        }
        func text(_ groups: ArraySlice<UInt16>) -> String {
            groups.map { String($0, radix: 16) }.joined(separator: ":")
        }
        guard !gap.isEmpty else { return text(groups[...]) }
        return text(groups[..<gap.lowerBound]) + "::" + text(groups[gap.upperBound...])
    }

    // MARK: Directory names

    private static let attributeNames: [[UInt8]: String] = [
        [0x55, 0x04, 0x03]: "CN", [0x55, 0x04, 0x05]: "serialNumber", [0x55, 0x04, 0x06]: "C",
        [0x55, 0x04, 0x07]: "L", [0x55, 0x04, 0x08]: "ST", [0x55, 0x04, 0x0A]: "O",
        [0x55, 0x04, 0x0B]: "OU", [0x55, 0x04, 0x0C]: "title",
    ]

    /// RFC 4514: the last of its parts comes first. nil where it has an attribute without a name
    /// here.
    private static func directoryName(_ name: DERReader.Element) -> String? {
        var explicit = name.elements
        guard var parts = explicit.next(DERReader.sequence)?.elements else { return nil }
        var texts: [String] = []
        while let part = parts.next() {
            var attributes = part.elements
            var words: [String] = []
            while var attribute = attributes.next(DERReader.sequence)?.elements {
                guard let oid = attribute.next(DERReader.objectIdentifier),
                    let type = self.attributeNames[Array(oid.contents)],
                    let value = attribute.next()?.text
                else { return nil }
                words.append("\(type)=\(self.escaped(value))")
            }
            texts.append(words.joined(separator: "+"))
        }
        return texts.isEmpty ? nil : texts.reversed().joined(separator: ",")
    }

    /// RFC 4514, 2.4.
    private static func escaped(_ value: String) -> String {
        var output = ""
        for (index, character) in value.unicodeScalars.enumerated() {
            let isAtEnd = index == value.unicodeScalars.count - 1
            if ",+\"\\<>;".unicodeScalars.contains(character)
                || character == " " && (index == 0 || isAtEnd) || character == "#" && index == 0
            {
                output += "\\"
            }
            output.unicodeScalars.append(character)
        }
        return output
    }
}
