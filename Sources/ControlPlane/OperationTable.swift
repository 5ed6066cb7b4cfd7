/// Every operation there is.
package enum OperationTable {
    private static let areas: [[Operation]] = [
        AccessKeyOperations.all,
        AccountOperations.all,
        AggregationOperations.all,
        AllowlistOperations.all,
        AllowlistUnitOperations.all,
        AuditOperations.all,
        AuthorityOperations.all,
        AuthorizationOperations.all,
        BillingGroupOperations.all,
        CertificateOperations.all,
        CertificateProviderOperations.all,
        CertificateRecordOperations.all,
        ClaimOperations.all,
        ClaimRecordOperations.all,
        DryRunOperations.all,
        DynamicGroupOperations.all,
        EnrolmentOperations.all,
        EventOperations.all,
        GroupMembershipOperations.all,
        HookOperations.all,
        IndexingOperations.all,
        IssuanceOperations.all,
        PolicyAttachmentOperations.all,
        PolicyOperations.all,
        RegistrationOperations.all,
        RevocationOperations.all,
        RoleOperations.all,
        SearchOperations.all,
        StatusOperations.all,
        TagOperations.all,
        TemplateHistoryOperations.all,
        TemplateOperations.all,
        TemplateVersionOperations.all,
        ThingGroupOperations.all,
        ThingOperations.all,
        ThingPrincipalOperations.all,
        ThingTypeOperations.all,
    ]

    package static let all: [Operation] = Self.areas.flatMap { $0 }

    private static let byName = Dictionary(
        Self.all.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })

    /// The row called `name`.
    package static func operation(_ name: String) -> Operation? { Self.byName[name] }
}
