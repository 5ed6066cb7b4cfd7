/// The name of a claim: what a line, a contract maker or a lot is called. Its certificates come
/// and go by rotation; the name, and what was spent under it, stay.
package struct ClaimName: CheckedName {
    package static let noun = "claim name"
    package static let charactersMax = 64
    package static let allowedDescription = "a-z A-Z 0-9 _ -"
    package static func allows(_ byte: UInt8) -> Bool { TemplateName.allows(byte) }
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}
