/// A group for counting costs by: flat, and a thing is in one at most (AWS: CreateBillingGroup).
package struct BillingGroup: Hashable, Sendable {
    package let name: BillingGroupName
    package let id: ResourceID
    /// AWS: billingGroupDescription.
    package var summary: String?
    /// Counts from 1; each change adds one.
    package var version: Int
    package let createdAt: UnixTime

    package init(
        name: BillingGroupName, id: ResourceID, summary: String? = nil, version: Int = 1,
        createdAt: UnixTime
    ) {
        self.name = name
        self.id = id
        self.summary = summary
        self.version = version
        self.createdAt = createdAt
    }
}
