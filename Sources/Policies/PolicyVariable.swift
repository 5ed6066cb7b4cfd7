import Fleet

/// The name of a policy variable or condition key. Letter case does not count, as in IAM, save
/// for an attribute's own name.
package enum PolicyVariable: Hashable, Sendable {
    case clientID
    case sourceIP
    case domainName
    case connectAttributes
    case lastWillTopic
    case thingName
    case thingTypeName
    case thingAttribute(String)
    case isAttached
    case certificateSerialNumber
    case certificateField(CertificateField, Selection)
    case certificateAvailableKeys
    case currentTime
    case epochTime
    /// Any other name, in lower case: it has a value only where `PolicyVariables.furtherKeys` gives
    /// it one.
    case other(String)

    /// Which of a field's values: `…CommonName` is the first, `.1` the second, `.List` all.
    package enum Selection: Hashable, Sendable {
        case value(Int)
        case list
    }

    static let charactersMax = 256

    /// - Throws: `MalformedPattern` unless the name is made of what such names are made of. A
    ///   default (`${name, 'text'}`) is IAM's, not AWS IoT's.
    init(checked name: String) throws(MalformedPattern) {
        guard !name.isEmpty else { throw MalformedPattern("'${}' names no variable") }
        guard name.utf8.count <= Self.charactersMax,
            name.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F && !"${}'\"\\".utf8.contains($0) })
        else { throw MalformedPattern("'\(name.clipped)' is no variable's name") }
        self.init(name)
    }

    init(_ name: String) {
        let folded = name.lowercased()
        let attributePrefix = "iot:connection.thing.attributes["
        if folded.hasPrefix(attributePrefix), folded.hasSuffix("]") {
            let attribute = name.dropFirst(attributePrefix.count).dropLast()
            self = attribute.isEmpty ? .other(folded) : .thingAttribute(String(attribute))
            return
        }
        if folded.hasPrefix("iot:certificate.") {
            self = Self.certificate(folded.dropFirst("iot:certificate.".count)) ?? .other(folded)
            return
        }
        switch folded {
        case "iot:clientid": self = .clientID
        case "aws:sourceip": self = .sourceIP
        case "iot:domainname": self = .domainName
        case "iot:connectattributes": self = .connectAttributes
        case "iot:lastwilltopic": self = .lastWillTopic
        case "iot:connection.thing.thingname": self = .thingName
        case "iot:connection.thing.thingtypename": self = .thingTypeName
        case "iot:connection.thing.isattached": self = .isAttached
        case "aws:currenttime": self = .currentTime
        case "aws:epochtime": self = .epochTime
        default: self = .other(folded)
        }
    }

    private static func certificate(_ folded: Substring) -> PolicyVariable? {
        switch folded {
        case "serialnumber": return .certificateSerialNumber
        case "availablekeys": return .certificateAvailableKeys
        default: break
        }
        if let field = CertificateField.named[String(folded)] {
            return .certificateField(field, .value(0))
        }
        guard let dot = folded.lastIndex(of: ".") else { return nil }
        guard let field = CertificateField.named[String(folded[..<dot])] else { return nil }
        let suffix = folded[folded.index(after: dot)...]
        if suffix == "list" { return .certificateField(field, .list) }
        // `.1` is the second value: the index counts from the second on.
        guard let index = Int(suffix), (1..<CertificateField.valuesMax).contains(index),
            String(index) == suffix
        else { return nil }
        return .certificateField(field, .value(index))
    }
}

// MARK: Names

extension PolicyVariable {
    /// AWS IoT's own spelling.
    static let names = [
        "iot:ClientId", "aws:SourceIp", "iot:DomainName", "iot:ConnectAttributes",
        "iot:LastWillTopic", "iot:Connection.Thing.ThingName",
        "iot:Connection.Thing.ThingTypeName", "iot:Connection.Thing.IsAttached",
        "iot:Certificate.SerialNumber", "iot:Certificate.AvailableKeys", "aws:CurrentTime",
        "aws:EpochTime",
    ]

    private static let attributes = "iot:Connection.Thing.Attributes"

    /// As AWS IoT spells it; a name that it does not have in lower case.
    package var name: String {
        switch self {
        case .clientID: "iot:ClientId"
        case .sourceIP: "aws:SourceIp"
        case .domainName: "iot:DomainName"
        case .connectAttributes: "iot:ConnectAttributes"
        case .lastWillTopic: "iot:LastWillTopic"
        case .thingName: "iot:Connection.Thing.ThingName"
        case .thingTypeName: "iot:Connection.Thing.ThingTypeName"
        case .thingAttribute(let name): "\(Self.attributes)[\(name)]"
        case .isAttached: "iot:Connection.Thing.IsAttached"
        case .certificateSerialNumber: "iot:Certificate.SerialNumber"
        case .certificateField(let field, .value(0)): "iot:Certificate.\(field.name)"
        case .certificateField(let field, .value(let index)):
            "iot:Certificate.\(field.name).\(index)"
        case .certificateField(let field, .list): "iot:Certificate.\(field.name).List"
        case .certificateAvailableKeys: "iot:Certificate.AvailableKeys"
        case .currentTime: "aws:CurrentTime"
        case .epochTime: "aws:EpochTime"
        case .other(let name): name
        }
    }

    /// The name as `text`, which holds it in whatever letter case, has it.
    func spelling(in text: String) -> String {
        let letters = Array(text.utf8)
        let name = Array(self.name.lowercased().utf8)
        let folded = Array(text.lowercased().utf8)
        guard folded.count == letters.count, let range = folded.firstRange(of: name) else {
            return self.name
        }
        return String(decoding: letters[range], as: UTF8.self)
    }

    /// What `name`, which means nothing here, was probably meant to be. What it has in brackets,
    /// and the part of it that says which value, are kept.
    static func nearest(to name: String) -> String? {
        if let bracket = name.firstIndex(of: "["), name.hasSuffix("]") {
            let stem = String(name[..<bracket])
            guard stem != Self.attributes.lowercased(),
                NearestName.of(stem, among: [Self.attributes]) != nil
            else { return nil }
            return Self.attributes + name[bracket...]
        }
        if let nearest = NearestName.of(name, among: Self.names) { return nearest }
        var field = Substring(name)
        var selection = Substring()
        if let dot = name.lastIndex(of: "."),
            name[dot...] == ".list" || Int(name[name.index(after: dot)...]) != nil
        {
            (field, selection) = (name[..<dot], name[dot...])
        }
        // Provisioning templates call it so, where policies do not.
        if field.hasSuffix("t.statename") { field = field.dropLast("name".count) }
        let nearest = NearestName.of(
            String(field), among: CertificateField.all.map { "iot:Certificate.\($0.name)" })
        guard let nearest, nearest.lowercased() + selection != name else { return nil }
        return nearest + (selection == ".list" ? ".List" : selection)
    }
}

/// A part of a certificate that AWS IoT gives a policy variable, by the variable's own name after
/// `iot:Certificate.`.
package struct CertificateField: Hashable, Sendable, CustomStringConvertible {
    /// `Subject.CommonName`, `Issuer.AlternativeName.DNSName`.
    package let name: String

    package var description: String { self.name }

    /// AWS: values per attribute.
    package static let valuesMax = 5

    private static let attributes = [
        "DistinguishedNameQualifier", "Country", "Organization", "OrganizationalUnit", "State",
        "CommonName", "SerialNumber", "Title", "Surname", "GivenName", "Initials", "Pseudonym",
        "GenerationQualifier",
    ]
    private static let alternativeNames = [
        "RFC822Name", "DNSName", "DirectoryName", "UniformResourceIdentifier", "IPAddress",
    ]

    package static let all: [CertificateField] = ["Subject", "Issuer"].flatMap { holder in
        Self.attributes.map { CertificateField(name: "\(holder).\($0)") }
            + Self.alternativeNames.map {
                CertificateField(name: "\(holder).AlternativeName.\($0)")
            }
    }

    /// By lower-case name.
    static let named = Dictionary(
        uniqueKeysWithValues: Self.all.map { ($0.name.lowercased(), $0) })

    /// nil for a name that AWS IoT does not have, such as `Subject.StateName`.
    package init?(_ name: String) {
        guard let field = Self.named[name.lowercased()] else { return nil }
        self = field
    }

    private init(name: String) { self.name = name }
}
