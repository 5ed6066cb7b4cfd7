/// The bounds of templates beyond those that the whole fleet shares.
package enum TemplateLimits {
    /// AWS: thing groups of one thing.
    package static let groupsMax = 10
    /// What one rendered value may hold: AWS's bound for a parameter, with room to join a few.
    package static let renderedBytesMax = 16 * 1024
    /// AWS: policy document, without white space. Joined parameters must stay inside as well.
    package static let policyDocumentBytesMax = 8 * 1024
    /// Nesting of arrays and objects in a template: functions sixty deep within each other.
    package static let depthMax = 192
}
