/// Whose document it is, and hence which services' actions it may name and how long it may be.
/// Everything else about the language is the same for both.
package struct PolicyDialect: Hashable, Sendable {
    /// What stands before an action's colon.
    let services: [String]
    /// White space not counted.
    let charactersMax: Int

    /// A policy of AWS IoT: what a certificate or a thing group carries.
    package static let device = PolicyDialect(
        services: ["iot", "iotjobsdata"], charactersMax: PolicyLimits.documentCharactersMax)

    /// What a person or a machine may do to the control plane: the same language as IAM's, with
    /// the operations of AWS IoT and our own. `Principal` has no place in it either: a document is
    /// attached to whoever it is about.
    package static let access = PolicyDialect(
        services: ["iot", "iotjobsdata", "slipway"],
        charactersMax: PolicyLimits.accessDocumentCharactersMax)

    /// "'iot:' or 'iotjobsdata:'".
    var servicesInWords: String {
        let quoted = self.services.map { "'\($0):'" }
        return quoted.dropLast().joined(separator: ", ") + " or " + (quoted.last ?? "")
    }
}
