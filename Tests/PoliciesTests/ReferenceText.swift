import Fleet

@testable import Policies

/// Variables and wildcards, read literally.
struct ReferenceText {
    enum Symbol: Equatable { case plain(Unicode.Scalar), run, one }

    let context: PolicyVariables

    init(_ context: PolicyVariables) { self.context = context }

    // MARK: Wildcards

    static func plainSymbols(_ text: String) -> [Symbol] {
        text.unicodeScalars.map { $0 == "*" ? .run : $0 == "?" ? .one : .plain($0) }
    }

    static func glob(
        _ pattern: [Symbol], _ text: [Unicode.Scalar], _ index: Int = 0, _ position: Int = 0
    ) -> Bool {
        var index = index
        var position = position
        while index < pattern.count {
            switch pattern[index] {
            case .run:
                return (position...text.count).contains {
                    Self.glob(pattern, text, index + 1, $0)
                }
            case .one: guard position < text.count else { return false }
            case .plain(let scalar):
                guard position < text.count, text[position] == scalar else { return false }
            }
            index += 1
            position += 1
        }
        return position == text.count
    }

    // MARK: Variables

    /// nil where a variable has no usable value and `unknown` says nothing about it.
    func symbols(
        _ text: String, wild: Bool, inTopic: Bool, unknown: [Symbol]? = nil
    ) -> [Symbol]? {
        var output: [Symbol] = []
        let all = Array(text.unicodeScalars)
        var index = 0
        while index < all.count {
            guard all[index] == "$", index + 1 < all.count, all[index + 1] == "{",
                let end = all[index...].firstIndex(of: "}")
            else {
                output += wild ? Self.plainSymbols(String(all[index])) : [.plain(all[index])]
                index += 1
                continue
            }
            let name = String(String.UnicodeScalarView(all[(index + 2)..<end]))
            index = end + 1
            if ["*", "?", "$"].contains(name) {
                output += name.unicodeScalars.map { .plain($0) }
            } else if let value = self.usable(name, inTopic: inTopic) {
                output += value.unicodeScalars.map { .plain($0) }
            } else if let unknown {
                output += unknown
            } else {
                return nil
            }
        }
        return output
    }

    /// The text without wildcards.
    func plain(_ text: String) -> String? {
        guard let symbols = self.symbols(text, wild: false, inTopic: false) else { return nil }
        var output = ""
        for case .plain(let scalar) in symbols { output.unicodeScalars.append(scalar) }
        return output
    }

    private func usable(_ name: String, inTopic: Bool) -> String? {
        let folded = name.lowercased()
        let isSet =
            folded == "iot:connectattributes" || folded == "iot:certificate.availablekeys"
            || folded.hasSuffix(".list")
        guard !isSet, let values = self.values(name), values.count == 1, let value = values.first,
            !value.isEmpty,
            !value.unicodeScalars.contains(where: { $0.value < 32 || $0 == "\u{7F}" })
        else { return nil }
        let fromCertificate =
            folded.hasPrefix("iot:certificate.") && folded != "iot:certificate.serialnumber"
        if fromCertificate {
            guard let raw = self.raw(folded)?.first, raw.unicodeScalars.count <= 1024,
                !raw.contains(where: { "*$+?#".contains($0) })
            else { return nil }
        }
        guard inTopic else { return value }
        let chosenByDevice =
            fromCertificate || folded == "iot:clientid" || folded == "iot:domainname"
        return value.contains(where: { "+#$".contains($0) || (chosenByDevice && $0 == "/") })
            ? nil : value
    }

    /// Every value of a key; nil for a key that means nothing here.
    func values(_ name: String) -> [String]? {
        let folded = name.lowercased()
        let context = self.context
        func one(_ value: String?) -> [String] { value.map { [$0] } ?? [] }
        switch folded {
        case "iot:clientid": return one(context.clientID)
        case "aws:sourceip": return one(context.sourceIP)
        case "iot:domainname": return one(context.domainName)
        case "iot:connectattributes": return context.connectAttributes.map(\.rawValue)
        case "iot:lastwilltopic": return one(context.lastWillTopic?.rawValue)
        case "iot:connection.thing.thingname": return one(context.thing?.name.rawValue)
        case "iot:connection.thing.thingtypename": return one(context.thing?.typeName?.rawValue)
        case "iot:connection.thing.isattached": return [context.thing == nil ? "false" : "true"]
        case "iot:certificate.serialnumber": return one(context.certificateSerialNumber)
        case "iot:certificate.availablekeys":
            let fields = context.certificateFields.filter { !$0.value.isEmpty }
            let names = fields.map { "iot:Certificate.\($0.key.name)" }
            return context.certificateSerialNumber == nil
                ? names : names + ["iot:Certificate.SerialNumber"]
        case "aws:currenttime": return one(context.now?.description)
        case "aws:epochtime":
            return one(
                context.now.map { time in
                    // Whole seconds, rounded down, before 1970 as well.
                    "\((time.milliseconds - (time.milliseconds % 1000 + 1000) % 1000) / 1000)"
                })
        default: break
        }
        let attributes = "iot:connection.thing.attributes["
        if folded.hasPrefix(attributes), folded.hasSuffix("]") {
            let attribute = name.dropFirst(attributes.count).dropLast()
            if !attribute.isEmpty { return one(context.thing?.attributes[String(attribute)]) }
        }
        if let raw = self.raw(folded) { return raw.map(Self.escaped) }
        return context.furtherKeys[folded]
    }

    /// What a certificate's field holds, as it stands there; nil for a name that is no field.
    private func raw(_ folded: String) -> [String]? {
        guard folded.hasPrefix("iot:certificate.") else { return nil }
        var name = folded.dropFirst("iot:certificate.".count)
        var selection = Substring()
        if let dot = name.lastIndex(of: "."), CertificateField(String(name)) == nil {
            selection = name[name.index(after: dot)...]
            name = name[..<dot]
        }
        guard let field = CertificateField(String(name)) else { return nil }
        let values = self.context.certificateFields[field] ?? []
        switch selection {
        case "": return Array(values.prefix(1))
        case "list": return Array(values.prefix(5))
        case "1", "2", "3", "4":
            return Array(values.prefix(5).dropFirst(Int(selection) ?? 0).prefix(1))
        default: return nil
        }
    }

    private static func escaped(_ value: String) -> String {
        var output = ""
        for character in value.unicodeScalars {
            switch character {
            case ",", "\"", "\\", "+", "=", "<", ">", ";":
                output += "\\"
                output.unicodeScalars.append(character)
            default: output.unicodeScalars.append(character)
            }
        }
        return output
    }
}
