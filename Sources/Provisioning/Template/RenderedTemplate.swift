package import Fleet
package import JSON

/// A template after its parameters went in: plain values, each name checked. Nothing of the
/// registry has been looked at yet; `keys` says what has to be.
package struct RenderedTemplate: Hashable, Sendable {
    package enum PolicyChoice: Hashable, Sendable {
        case existing(PolicyName)
        /// Called by its digest, as AWS calls it: 40 upper-case hex digits.
        case inline(PolicyName, document: String, pointer: JSONPointer)

        package var name: PolicyName {
            switch self {
            case .existing(let name), .inline(let name, _, _): name
            }
        }
    }

    package struct PackageVersion: Hashable, Sendable {
        package let name: PackageName
        package let version: PackageVersionName
    }

    package struct LogicalPolicy: Hashable, Sendable {
        package let logicalName: String
        package let name: PolicyName
    }

    package let thing: ThingName
    package let typeName: ThingTypeName?
    package let attributes: [String: String]
    package let groups: [ThingGroupName]
    package let billingGroup: BillingGroupName?
    package let packageVersions: [PackageVersion]
    package let policies: [PolicyChoice]
    /// What the template's own names for its policies came to be, in the template's order.
    package let policyNames: [LogicalPolicy]
    package let deviceConfiguration: JSONObject
    /// What the certificate has to be; nil where the template does not say.
    package let certificateDemands: RenderedDemands?

    /// Everything in the registry that the outcome depends on.
    package var keys: Set<RecordKey> {
        var keys: Set<RecordKey> = [.thing(self.thing), .groupRecordsOfThing(self.thing)]
        if let type = self.typeName { keys.insert(.thingType(type)) }
        if let group = self.billingGroup { keys.insert(.billingGroup(group)) }
        for group in self.groups { keys.insert(.thingGroup(group)) }
        for policy in self.policies { keys.insert(.policy(policy.name)) }
        return keys
    }
}

/// The certificate resource of an operator's template after its parameters went in.
package enum RenderedCertificate: Hashable, Sendable {
    case existing(CertificateID)
    case request(String)
    case foreign(pem: String, authorityPEM: String?)
}
