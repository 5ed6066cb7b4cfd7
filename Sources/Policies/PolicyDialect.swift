/// Whose document it is, and hence which services' actions it may name and how long it may be.
/// Everything else about the language is the same for both.
package struct PolicyDialect: Hashable, Sendable {
    /// What is decided by such documents: what devices do, or what is done to the control plane.
    enum Plane: Hashable, Sendable { case device, control }

    let plane: Plane
    /// What stands before an action's colon.
    let services: [String]
    /// White space not counted.
    let charactersMax: Int
    /// Operations of the control plane, so that a misspelt one can be told from one that only a
    /// later release knows.
    private(set) var operations: [String] = []
    /// Whether a name that is almost a known one is refused.
    private var refusesMisspelt = true

    private init(_ plane: Plane, services: [String], charactersMax: Int) {
        self.plane = plane
        self.services = services
        self.charactersMax = charactersMax
    }

    /// A policy of AWS IoT: what a certificate or a thing group carries. What AWS IoT Greengrass
    /// does with a device's rights is no matter of ours; the documents that it asks for are let in.
    package static let device = PolicyDialect(
        .device, services: ["iot", "iotjobsdata", "greengrass"],
        charactersMax: PolicyLimits.documentCharactersMax)

    /// What a person or a machine may do to the control plane: the same language as IAM's, with
    /// the operations of AWS IoT and our own. `Principal` has no place in it either: a document is
    /// attached to whoever it is about.
    package static let access = PolicyDialect(
        .control, services: ["iot", "iotjobsdata", "slipway"],
        charactersMax: PolicyLimits.accessDocumentCharactersMax)

    /// The same, knowing these operations (`iot:CreateThing`) by name.
    package func knowing(_ operations: [String]) -> PolicyDialect {
        var dialect = self
        dialect.operations = operations
        return dialect
    }

    /// The same for a document that is stored already. A name that has become almost a known one
    /// since, because there is a new one, must not turn it into a document that denies everything.
    package var forStored: PolicyDialect {
        var dialect = self
        dialect.refusesMisspelt = false
        return dialect
    }

    /// "'iot:' or 'iotjobsdata:'".
    var servicesInWords: String {
        let quoted = self.services.map { "'\($0):'" }
        return quoted.dropLast().joined(separator: ", ") + " or " + (quoted.last ?? "")
    }

    // MARK: Misspelt names

    /// What an action without wildcards was meant to be, where it covers nothing and is almost a
    /// known one. A name that resembles none is let in: AWS adds actions, and a fleet's documents
    /// must not be refused for one that this release has not heard of.
    func misspelt(action pattern: ActionPattern) -> String? {
        guard self.refusesMisspelt, pattern.actions.isEmpty, !pattern.hasWildcards,
            !self.knows(pattern)
        else { return nil }
        return NearestName.of(
            pattern.text, among: PolicyAction.allCases.flatMap(\.names) + self.operations)
    }

    /// Whether the pattern covers an operation of the control plane that is known by name.
    func knows(_ pattern: ActionPattern) -> Bool {
        self.operations.contains { pattern.operations.matches(Array($0.lowercased().utf8)) }
    }

    /// The same for a condition key or a variable.
    func misspelt(key name: String) -> String? {
        guard self.refusesMisspelt else { return nil }
        return PolicyVariable.nearest(to: name)
    }
}
