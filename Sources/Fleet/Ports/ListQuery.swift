/// A listing. Limits count records; `after` is the `next` of the page before.
///
/// A page costs what its records cost, however large the fleet is: every subject is read along an
/// index from where the page before ended, so records that come or go meanwhile move no other. Two
/// filters at once are one index and a look at each row; such a page may come out shorter than the
/// limit, or empty, and have a next one.
package struct ListQuery: Hashable, Sendable {
    package enum Subject: Hashable, Sendable {
        case things, thingTypes, certificates, policies, templates, hooks, claims, authorities
        case allowlists, accessKeys, roles
        case thingsWhere(ThingFilter)
        case thingGroups(ThingGroupFilter)
        /// Names of things; with `recursive` those in the groups below as well, group by group.
        case thingsInGroup(ThingGroupName, recursive: Bool)
        case groupsOfThing(ThingName)
        case billingGroups(prefix: String)
        /// Names of things.
        case thingsInBillingGroup(BillingGroupName)
        case principalsOfThing(ThingName, ThingPrincipal.Exclusivity?)
        case thingsOfCertificate(CertificateID, ThingPrincipal.Exclusivity?)

        case policiesByCreation(ListOrder)
        /// Names of policies.
        case policiesOfTarget(PolicyTarget)
        /// Certificates, then groups.
        case targetsOfPolicy(PolicyName)
        /// Only the certificates among the targets, by id.
        case principalsOfPolicy(PolicyName, ListOrder)
        case certificatesByCreation(ListOrder)
        case certificatesOfIssuer(CertificateID, ListOrder)
        /// In the order of whatever index serves the filter. A certificate that speaks for several
        /// things of a group may come as often.
        case certificatesWhere(CertificateFilter)
        /// Active certificates of devices that have never connected with them, by id; nil for
        /// every lot.
        case certificatesUnproven(lot: String?)
        /// Claims of CreateProvisioningClaim whose time ended before the moment given, oldest
        /// first, unless somebody revoked them.
        case temporaryClaimsEnded(before: UnixTime)
        /// What was seen again, oldest first; nil for every kind.
        case enrolmentFindings(EnrolmentFinding.Kind?)
        /// Of these, what was put on hold, whatever became of it since.
        case enrolmentsHeld
        /// Renewals whose old certificate has not retired yet, by its id.
        case renewalsOpen
        /// - Parameter template: only those that provision by it.
        case authoritiesByCreation(ListOrder, template: TemplateName?)
        case versionsOfTemplate(TemplateName)
        /// Oldest first.
        case versionsOfHook(HookName)

        /// Newest first; nil for every status.
        case registrationTasks(RegistrationTask.Status?)
        /// What a query finds, in the order of names: documents, or thing groups. Where the query
        /// leaves no index a choice, a page looks at so many things and no more.
        case search(FleetQuery)
        /// How often each value of the field is found, for each stretch of the fleet anew. A page
        /// is one stretch, however many values are in it.
        case values(of: QueryField, where: FleetQuery)

        /// By name.
        case claimTerms
        /// What a claim spent, hour by hour and station by station, oldest first.
        case claimHours(ClaimName)
        case allowlistEntries(AllowlistName)
        /// The same with all that is known of them.
        case allowlistUnits(AllowlistName)
        /// What became of a unit, oldest first.
        case allowlistHistory(AllowlistName, SerialNumber)
        /// The versions a list has had, oldest first: as records of the list.
        case allowlistVersions(AllowlistName)
        /// Tokens whose time ended before the moment given, redeemed or not.
        case ownershipTokensExpired(before: UnixTime)
        /// The audit log, oldest first, refusals included.
        case commits
    }
    package let subject: Subject
    package let after: String?
    package let limit: Int
    package static let limitMax = 1000

    package init(_ subject: Subject, after: String? = nil, limit: Int = ListQuery.limitMax) {
        self.subject = subject
        self.after = after
        self.limit = max(1, min(limit, Self.limitMax))
    }
}

/// AWS: isAscendingOrder.
package enum ListOrder: Hashable, Sendable {
    case ascending, descending
}

/// Which things are listed (AWS: ListThings). What is nil filters nothing.
package struct ThingFilter: Hashable, Sendable {
    package struct Attribute: Hashable, Sendable {
        package let name: String
        package let value: String
        /// AWS: usePrefixAttributeValue.
        package let isPrefix: Bool

        package init(name: String, value: String, isPrefix: Bool = false) {
            self.name = name
            self.value = value
            self.isPrefix = isPrefix
        }
    }
    package var typeName: ThingTypeName?
    package var attribute: Attribute?

    package init(typeName: ThingTypeName? = nil, attribute: Attribute? = nil) {
        self.typeName = typeName
        self.attribute = attribute
    }
}

/// Which thing groups are listed (AWS: ListThingGroups).
package struct ThingGroupFilter: Hashable, Sendable {
    package enum Scope: Hashable, Sendable {
        /// Every group there is.
        case all
        /// Those without a parent.
        case roots
        case children(of: ThingGroupName)
        /// Children and theirs, each after its parent.
        case descendants(of: ThingGroupName)
    }
    package var scope: Scope
    /// Empty for every name.
    package var prefix: String

    package init(_ scope: Scope = .all, prefix: String = "") {
        self.scope = scope
        self.prefix = prefix
    }
}

package struct ListPage: Sendable {
    package let records: [Record]
    /// nil on the last page.
    package let next: String?

    package init(records: [Record], next: String?) {
        self.records = records
        self.next = next
    }
}
