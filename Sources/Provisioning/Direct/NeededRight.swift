package import Fleet

/// A right that an order takes of whoever gives it.
package struct NeededRight: Hashable, Sendable {
    /// `iot:CreatePolicy` and its like.
    package let action: String
    package let resource: ARN

    /// The row of the operation table that starts a task. A task has no name before it is there.
    static let startingTask = NeededRight(
        action: "iot:StartThingRegistrationTask", resource: ARN(rawValue: "*"))
}

extension RegistrationOrder.Template {
    /// What comes to be because the template says so, and would need a right of its own were it
    /// asked for by itself. A template may write policies: whoever orders it decides by that what a
    /// device may do. One that names policies needs none.
    ///
    /// - Parameter createsMissing: whether types and groups that it names come to be. Their names
    ///   may be in the file only, so the right is one to any name.
    package func neededRights(createsMissing: Bool, in realm: Realm) -> [NeededRight] {
        var rights: [NeededRight] = []
        func need(_ action: String, _ resource: ARN) {
            rights.append(NeededRight(action: action, resource: resource))
        }
        if self.writesPolicies { need("iot:CreatePolicy", realm.policies) }
        guard createsMissing else { return rights }
        let thing = self.document.thing
        if thing.typeName != nil { need("iot:CreateThingType", realm.thingTypes) }
        if !thing.groups.isEmpty || thing.groupList != nil {
            need("iot:CreateThingGroup", realm.thingGroups)
        }
        if thing.billingGroup != nil { need("iot:CreateBillingGroup", realm.billingGroups) }
        return rights
    }
}
