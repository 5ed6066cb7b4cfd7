/// The name of a claim: what a line, a contract maker or a lot is called. Its certificates come
/// and go by rotation; the name, and what was spent under it, stay.
package struct ClaimName: CheckedName {
    package typealias Alphabet = TemplateAlphabet
    package static let noun = "claim name"
    package static let charactersMax = 64
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}
