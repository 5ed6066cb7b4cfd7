/// A policy document that has been read and found whole: what may be evaluated. There is no way
/// to make one but by parsing, and parsing refuses whatever it does not understand.
package struct PolicyDocument: Hashable, Sendable {
    package let statements: [PolicyStatement]
}

package struct PolicyStatement: Hashable, Sendable {
    package enum Effect: String, Hashable, Sendable {
        case allow = "Allow"
        case deny = "Deny"
    }

    /// `Action` or `NotAction`, never both, never neither. `NotAction` is IAM's: every action of
    /// either plane but those named.
    package enum Actions: Hashable, Sendable {
        case only([ActionPattern])
        case allExcept([ActionPattern])

        /// What they come to on the data plane.
        var bits: PolicyActionSet {
            switch self {
            case .only(let patterns): patterns.reduce(into: []) { $0.formUnion($1.actions) }
            case .allExcept(let patterns):
                patterns.reduce(into: .all) { $0.subtract($1.actions) }
            }
        }
    }

    /// AWS: `Resource` or `NotResource`, never both, never neither.
    package enum Resources: Hashable, Sendable {
        case only([TextPattern])
        case allExcept([TextPattern])
    }

    package let sid: String?
    package let effect: Effect
    package let actions: Actions
    package let resources: Resources
    /// All must hold.
    package let conditions: [PolicyCondition]
}

/// What a policy document may cost.
package enum PolicyLimits {
    /// AWS: policy document size, white space not counted.
    package static let documentCharactersMax = 2048
    /// IAM: managed policy size, white space not counted.
    package static let accessDocumentCharactersMax = 6144
    /// With white space: what is looked at before anything is read.
    package static let documentBytesMax = 64 * 1024
    package static let documentDepthMax = 16
    package static let sidCharactersMax = 128
}
