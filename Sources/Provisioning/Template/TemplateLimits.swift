import Fleet
import Registry

/// The bounds of templates beyond those that the whole fleet shares. Those that an operator may
/// move are settings (`templates.…`); the others protect the service itself.
package struct TemplateLimits: Hashable, Sendable {
    /// Of a template's text in UTF-8 (AWS: templateBody). Setting `templates.bodyBytesMax`.
    package var bodyBytesMax: Int
    /// Texts, references and functions of one template, and steps of rendering one value. Setting
    /// `templates.valuesMax`.
    package var valuesMax: Int
    /// Versions that a template can have in its life. Setting `templates.versionsMax`.
    package var versionsMax: Int

    package init(
        bodyBytesMax: Int = Limits.templateBodyBytesMax, valuesMax: Int = 4096,
        versionsMax: Int = Templates.versionsMax
    ) {
        self.bodyBytesMax = bodyBytesMax
        self.valuesMax = valuesMax
        self.versionsMax = versionsMax
    }

    package static let standard = TemplateLimits()
    /// As far as the settings go. What was let in under other settings stays readable. At both of
    /// the first two, the worst file takes less than 50 MB to be read and linted.
    package static let largest = TemplateLimits(
        bodyBytesMax: 1 << 20, valuesMax: 32_768, versionsMax: 1_000_000)
    /// Values of a template's text as JSON, names aside. A text that is a reference in a list is
    /// three of them, and each may take some eighty bytes of memory. No setting: it bounds what a
    /// file of the largest size costs before anything is known of it.
    package static let jsonValuesMax = 4 * Self.largest.valuesMax

    /// AWS: thing groups of one thing.
    package static let groupsMax = 10
    /// What one rendered value may hold: AWS's bound for a parameter, with room to join a few.
    package static let renderedBytesMax = 16 * 1024
    /// AWS: policy document, without white space. Joined parameters must stay inside as well.
    package static let policyDocumentBytesMax = 8 * 1024
    /// Nesting of arrays and objects in a template: functions sixty deep within each other. Bounds
    /// the stack, and so is no setting.
    package static let depthMax = 192
    /// Findings that are told of one template; its author has enough to do with these.
    package static let findingsMax = 1000
}
