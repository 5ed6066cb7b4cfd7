package import Fleet

/// AWS: AttributePayload. Names are 1 to 128 of `[a-zA-Z0-9_.,@/:#-]`, values up to 800 of
/// `[a-zA-Z0-9_.,@/:#=\[\]-]`.
package enum ThingAttributes {
    /// What an update says of attributes (AWS: `attributes` and `merge`).
    package struct Update: Hashable, Sendable {
        package let attributes: [String: String]
        /// Whether attributes that are not named stay as they are.
        package let merges: Bool

        package init(_ attributes: [String: String], merges: Bool = false) {
            self.attributes = attributes
            self.merges = merges
        }
    }

    /// The attributes after an update. An empty value takes its attribute away.
    package static func updated(
        _ before: [String: String], by update: Update?
    ) throws(FleetError) -> [String: String] {
        guard let update else { return before }
        try Self.check(update.attributes)
        let given = update.attributes.filter { !$0.value.isEmpty }
        guard update.merges else { return given }
        let after = before.filter { update.attributes[$0.key] == nil }.merging(given) { $1 }
        try Self.check(count: after.count)
        return after
    }

    package static func check(_ attributes: [String: String]) throws(FleetError) {
        try Self.check(count: attributes.count)
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) {
            try Self.check(name: name)
            try Self.check(value: value, of: name)
        }
    }

    private static func check(count: Int) throws(FleetError) {
        guard count <= RegistryLimits.attributesMax else {
            throw FleetError(
                .invalidRequest,
                "there are at most \(RegistryLimits.attributesMax) attributes, not \(count)")
        }
    }

    package static func check(name: String) throws(FleetError) {
        guard (1...RegistryLimits.attributeNameCharactersMax).contains(name.utf8.count),
            name.utf8.allSatisfy(Self.allowsInName)
        else {
            throw FleetError(
                .invalidRequest,
                "'\(name.clipped)' is no attribute name: 1 to "
                    + "\(RegistryLimits.attributeNameCharactersMax) of "
                    + "a-z A-Z 0-9 _ . , @ / : # -")
        }
    }

    /// Names the attribute and not the value: things' attributes are what devices send.
    package static func check(value: String, of name: String) throws(FleetError) {
        guard value.utf8.count <= RegistryLimits.attributeValueCharactersMax,
            value.utf8.allSatisfy({ Self.allowsInName($0) || "=[]".utf8.contains($0) })
        else {
            throw FleetError(
                .invalidRequest,
                "what is given is no value for attribute '\(name.clipped)': up to "
                    + "\(RegistryLimits.attributeValueCharactersMax) of "
                    + "a-z A-Z 0-9 _ . , @ / : # = [ ] -")
        }
    }

    private static func allowsInName(_ byte: UInt8) -> Bool {
        ThingName.allows(byte) || ".,@/#".utf8.contains(byte)
    }
}

/// AWS: the descriptions of types, groups and billing groups, `[\p{Graph}\x20]*`.
enum Summary {
    static func check(_ text: String?, of subject: String) throws(FleetError) {
        guard let text else { return }
        guard text.unicodeScalars.count <= RegistryLimits.summaryCharactersMax,
            !text.unicodeScalars.contains(where: \.breaksLines)
        else {
            throw FleetError(
                .invalidRequest,
                "the description of \(subject) has at most "
                    + "\(RegistryLimits.summaryCharactersMax) characters, none of which is a "
                    + "control character")
        }
    }
}

/// AWS: expectedVersion, which guards against a change that the caller has not seen.
enum ExpectedVersion {
    static func check(
        _ expected: Int?, is version: Int, of subject: String
    ) throws(FleetError) {
        guard let expected, expected != version else { return }
        throw FleetError(
            .versionConflict, "\(subject) has version \(version), not \(expected)",
            resource: subject)
    }
}
