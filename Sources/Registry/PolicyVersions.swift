package import Fleet
package import JSON
import Policies

/// The rules of policies. A document is never overwritten: another text is another version.
package enum PolicyVersions {
    /// Makes `document` the default version of the policy. The same text again changes nothing.
    package static func put(
        _ name: PolicyName, document: String, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        try Self.check(document)
        var set = ChangeSet(
            action: view.policy(name) == nil ? "CreatePolicy" : "CreatePolicyVersion",
            preconditions: [view.asSeen(.policy(name))])
        guard var policy = view.policy(name) else {
            set.changes = [.putPolicy(Self.first(name, document: document, at: now))]
            return set
        }
        guard policy.defaultVersion?.document != document else { return set }
        let id = (policy.versions.map(\.id).max() ?? 0) + 1
        policy.versions.append(Policy.Version(id: id, document: document, createdAt: now))
        policy.defaultVersionID = id
        set.changes = [.putPolicy(policy)]
        return set
    }

    /// A policy with `document` as its only version. The caller has checked the document.
    package static func first(
        _ name: PolicyName, document: String, at now: UnixTime
    ) -> Policy {
        Policy(
            name: name, versions: [Policy.Version(id: 1, document: document, createdAt: now)],
            defaultVersionID: 1, createdAt: now)
    }

    /// - Throws: `FleetError.malformedPolicy`, naming what is wrong and where.
    package static func check(_ document: String) throws(FleetError) {
        _ = try PolicyDocument.parse(document)
    }

    /// The same for a document that is part of another; errors name places in that one.
    package static func check(
        _ document: JSONValue, at place: JSONPointer
    ) throws(FleetError) {
        _ = try PolicyDocument.parse(document, at: place)
        // What is stored is the text, and it has a bound of its own.
        try Self.check(JSONPrinter.print(document))
    }
}
