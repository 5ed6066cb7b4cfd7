package import Policies

/// What can be said against a template. Ids are stable: files and build servers name them.
package struct TemplateRule: Hashable, Sendable {
    package let id: String
    /// An error keeps a template out; a warning is about something that it does and should not.
    package let severity: PolicyFinding.Severity
    package let summary: String

    private init(_ id: String, _ severity: PolicyFinding.Severity, _ summary: String) {
        self.id = id
        self.severity = severity
        self.summary = summary
    }

    package static let unreadable = Self(
        "unreadable", .error, "The file is no JSON, no UTF-8, too long or nested too deeply")
    package static let grammar = Self(
        "grammar", .error, "Something that the grammar has no place for")
    package static let undeclaredParameter = Self(
        "undeclared-parameter", .error, "A reference to what Parameters does not declare")
    package static let unknownMapEntry = Self(
        "unknown-map-entry", .error, "A lookup that no parameter can make succeed")
    package static let unusableName = Self(
        "unusable-name", .error, "A name that the template's own texts make invalid")
    package static let unfillableParameter = Self(
        "unfillable-parameter", .error,
        "A parameter that nothing fills: no subject of a certificate has it")
    package static let subjectLacksAttribute = Self(
        "subject-lacks-attribute", .error, "The sample subject does not fill a parameter")
    package static let claimCannotReach = Self(
        "claim-cannot-reach", .error, "The claim policy does not let a device use the template")

    package static let unusedParameter = Self(
        "unused-parameter", .warning, "A declared parameter that changes nothing")
    package static let defaultAlways = Self(
        "default-always", .warning, "A parameter that can never be anything but its default")
    package static let unreachableMapping = Self(
        "unreachable-mapping", .warning, "A map, row or cell that no lookup reaches")
    package static let mappingGap = Self(
        "mapping-gap", .warning, "A row without a cell that a lookup asks of it")
    package static let constantThingName = Self(
        "constant-thing-name", .warning, "Every device gets the same name")
    package static let invalidName = Self(
        "invalid-name", .warning, "A text of the template that makes a name invalid")
    package static let takesOverThing = Self(
        "takes-over-thing", .warning, "A device can register as a thing that exists")
    package static let packageVersions = Self(
        "package-versions", .error, "A software package, of which this service keeps none")
    package static let reachesOtherThings = Self(
        "reaches-other-things", .warning,
        "A policy that reaches other things' topics or shadows")
    package static let wildcardBesideValue = Self(
        "wildcard-beside-value", .warning,
        "A wildcard right beside the device's own value, which reaches longer values of others")
    package static let unreadableChoice = Self(
        "unreadable-choice", .warning,
        "A list's item or a map's entry that makes a policy which cannot be read")
    package static let sharedClientID = Self(
        "shared-client-id", .warning, "Every device connects under the same client id")

    package static let unknownProfile = Self(
        "unknown-profile", .warning, "A certificate profile that the service has not")

    package static let nameFromParameter = Self(
        "name-from-parameter", .note, "A value that a device may send makes the name invalid")
    package static let requiredSubject = Self(
        "required-subject", .note, "A certificate without this attribute is not registered")
    package static let noPolicy = Self(
        "no-policy", .note, "A template that gives its devices no policy")
    package static let claimWithoutRequests = Self(
        "claim-without-csr", .note, "The claim policy lets no device bring its own key")
    package static let unusedException = Self(
        "unused-exception", .note, "An exception that nothing needs")

    /// A finding of the policy lint in a document of the template.
    package static func policy(_ rule: PolicyRule) -> TemplateRule {
        Self(
            "policy-\(rule.rawValue)", rule.severity,
            "A policy document: \(rule.rawValue) (slipway policy lint)")
    }

    package static let all: [TemplateRule] =
        [
            unreadable, grammar, undeclaredParameter, unknownMapEntry, unusableName,
            unfillableParameter, subjectLacksAttribute, claimCannotReach, unusedParameter,
            defaultAlways, unreachableMapping, mappingGap, constantThingName, invalidName,
            takesOverThing, packageVersions, reachesOtherThings, wildcardBesideValue,
            unreadableChoice, sharedClientID, unknownProfile, nameFromParameter, requiredSubject,
            noPolicy, claimWithoutRequests, unusedException,
        ] + PolicyRule.allCases.map(Self.policy)

    package static let ids = Self.all.map(\.id)
}
