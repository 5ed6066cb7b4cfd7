/// What may carry tags (AWS: TagResource). Things and certificates carry none.
package enum TaggedResource: Hashable, Sendable, CustomStringConvertible {
    case thingType(ThingTypeName)
    case thingGroup(ThingGroupName)
    case billingGroup(BillingGroupName)
    case policy(PolicyName)
    case template(TemplateName)
    case authority(CertificateID)
    case certificateProvider(CertificateProviderName)

    /// The resource part of its ARN: `thinggroup/NAME`. Tags are stored under it, so that they
    /// survive a change of region or account.
    package var path: String {
        switch self {
        case .thingType(let name): "thingtype/\(name)"
        case .thingGroup(let name): "thinggroup/\(name)"
        case .billingGroup(let name): "billinggroup/\(name)"
        case .policy(let name): "policy/\(name)"
        case .template(let name): "provisioningtemplate/\(name)"
        case .authority(let id): "cacert/\(id)"
        // AWS writes this one with a colon.
        case .certificateProvider(let name): "certificateprovider:\(name)"
        }
    }

    package var description: String { self.path }

    /// - Throws: `FleetError.invalidRequest` where `path` names nothing that carries tags.
    package init(path: String) throws(FleetError) {
        let parts = path.split(separator: "/", maxSplits: 1).map(String.init)
        switch (parts.first, parts.count) {
        case ("thingtype", 2): self = .thingType(try ThingTypeName(parts[1]))
        case ("thinggroup", 2): self = .thingGroup(try ThingGroupName(parts[1]))
        case ("billinggroup", 2): self = .billingGroup(try BillingGroupName(parts[1]))
        case ("policy", 2): self = .policy(try PolicyName(parts[1]))
        case ("provisioningtemplate", 2): self = .template(try TemplateName(parts[1]))
        case ("cacert", 2): self = .authority(try CertificateID(parts[1]))
        // AWS documents both forms.
        case ("certificateprovider", 2):
            self = .certificateProvider(try CertificateProviderName(parts[1]))
        case (_, _):
            let colon = path.split(separator: ":", maxSplits: 1).map(String.init)
            guard colon.count == 2, colon[0] == "certificateprovider" else {
                throw FleetError(
                    .invalidRequest, "'\(path.clipped)' is no resource that carries tags",
                    resource: path.clipped)
            }
            self = .certificateProvider(try CertificateProviderName(colon[1]))
        }
    }

    /// The record that must be there for it to be tagged.
    package var key: RecordKey {
        switch self {
        case .thingType(let name): .thingType(name)
        case .thingGroup(let name): .thingGroup(name)
        case .billingGroup(let name): .billingGroup(name)
        case .policy(let name): .policy(name)
        case .template(let name): .template(name)
        case .authority(let id): .authority(id)
        case .certificateProvider(let name): .certificateProvider(name)
        }
    }
}
