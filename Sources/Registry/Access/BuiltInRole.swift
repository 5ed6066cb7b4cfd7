package import Fleet

/// The roles that are always there. Each is a document like any other, evaluated like any other;
/// what it does not allow, it denies.
package enum BuiltInRole: String, CaseIterable, Sendable {
    case administrator
    case securityOfficer = "security-officer"
    case templateAuthor = "template-author"
    case factoryOperator = "factory-operator"
    case auditor
    case deviceOperator = "device-operator"

    package init?(name: RoleName) { self.init(rawValue: name.rawValue) }

    package var name: RoleName { RoleName(checked: self.rawValue) }

    package var summary: String {
        switch self {
        case .administrator: "everything, credentials and roles included"
        case .securityOfficer:
            "certificates, authorities, policies and claims; disables credentials; approves "
                + "and stops hooks; holds, blocks and releases units; reads everything"
        case .templateAuthor:
            "provisioning templates and hooks; reads what they name"
        case .factoryOperator:
            "allowlists, claims and registration of devices; reads what came of it"
        case .auditor: "reads everything, the audit log included; changes nothing"
        case .deviceOperator:
            "things, types, groups and their certificates' status; reads the registry"
        }
    }

    /// In the language of IAM, of which only `Action` differs from role to role: what is a matter
    /// of single resources is for roles of our users' own.
    package var document: String {
        let actions = self.actions.map { "      \"\($0)\"" }.joined(separator: ",\n")
        return """
            {
              "Version": "2012-10-17",
              "Statement": [{
                "Effect": "Allow",
                "Action": [
            \(actions)
                ],
                "Resource": "*"
              }]
            }
            """
    }

    private var actions: [String] {
        switch self {
        case .administrator: ["*"]
        case .securityOfficer: Self.reading + Self.securing
        case .templateAuthor: Self.authoring
        case .factoryOperator: Self.manufacturing
        case .auditor: Self.reading
        case .deviceOperator: Self.operating
        }
    }

    /// `iot:GetRegistrationCode` is not among them: the first call makes the code.
    private static let reading = [
        "iot:Describe*", "iot:List*", "iot:Search*", "iot:GetPolicy*", "iot:GetEffectivePolicies",
        "iot:GetThing*", "iot:GetStatistics", "iot:GetCardinality", "iot:GetPercentiles",
        "iot:GetBucketsAggregation",
        "iot:GetIndexingConfiguration", "iot:GetLoggingOptions", "iot:GetV2LoggingOptions",
        "iot:GetRetainedMessage", "iot:GetConnection", "iot:TestAuthorization",
        "slipway:Describe*", "slipway:List*", "slipway:Search*", "slipway:Get*",
        "slipway:DryRun*", "slipway:Explain*", "slipway:Verify*",
    ]

    /// Of credentials only what takes away: whoever may make one, give it roles or let it serve
    /// again may make himself an administrator's. `SetAccessKeyStatus` asks for more where it is
    /// to serve.
    private static let securing = [
        "iot:*Certificate*", "iot:*Policy", "iot:*PolicyVersion", "iot:*RegistrationCode",
        "iot:*ThingPrincipal", "iot:*Authorizer", "iot:*RoleAlias", "iot:CreateProvisioningClaim",
        "iot:DeleteConnection", "slipway:*Certificate*", "slipway:*Revocation*",
        "slipway:*Claim*", "slipway:SetAccessKeyStatus", "slipway:DeleteAccessKey",
        "slipway:ApproveHook", "slipway:DisableHook", "slipway:DecideEnrolment",
        "slipway:SetAllowlistState", "slipway:ReloadAuthorities",
    ]

    private static let authoring = [
        "iot:*ProvisioningTemplate*", "iot:DescribeEndpoint", "iot:GetPolicy*", "iot:ListPolicies",
        "iot:ListPolicyVersions", "iot:DescribeThing*", "iot:ListThing*", "iot:ListTagsForResource",
        "iot:TestAuthorization", "slipway:*Template*", "slipway:*Hook*",
        "slipway:DescribeService", "slipway:DescribeAllowlist", "slipway:ListAllowlist*",
    ]

    /// Of claims all but to take in one from elsewhere, with whatever policies it says.
    private static let manufacturing = [
        "slipway:*Allowlist*", "slipway:CreateClaim", "slipway:ListClaim*",
        "slipway:DescribeClaim", "slipway:LimitClaim", "slipway:SetClaimStatus",
        "slipway:RotateClaim", "slipway:DescribeService",
        "slipway:DescribeCertificate*", "slipway:ListCertificate*", "slipway:SearchCertificates*",
        "slipway:ListEnrolments", "slipway:DescribeEnrolment",
        "slipway:DescribeRegistrationProgress", "slipway:GetRegistrationReport",
        "iot:CreateProvisioningClaim", "iot:RegisterThing", "iot:*ThingRegistrationTask*",
        "iot:DescribeEndpoint", "iot:DescribeThing", "iot:ListThings", "iot:ListThingPrincipals*",
        "iot:ListPrincipalThings*", "iot:DescribeCertificate", "iot:ListCertificates*",
        "iot:DescribeProvisioningTemplate*", "iot:ListProvisioningTemplate*",
    ]

    private static let operating = [
        "iot:Describe*", "iot:List*", "iot:Search*", "iot:GetPolicy*", "iot:GetEffectivePolicies",
        "iot:GetConnection", "iot:GetRetainedMessage", "iot:TestAuthorization",
        "iot:GetThing*", "iot:GetStatistics", "iot:GetCardinality", "iot:GetPercentiles",
        "iot:GetBucketsAggregation", "iot:GetIndexingConfiguration",
        "iot:CreateThing*", "iot:UpdateThing*", "iot:DeleteThing*", "iot:DeprecateThingType",
        "iot:CreateDynamicThingGroup", "iot:UpdateDynamicThingGroup",
        "iot:DeleteDynamicThingGroup", "iot:*BillingGroup*", "iot:AddThingTo*",
        "iot:RemoveThingFrom*", "iot:AttachThingPrincipal", "iot:DetachThingPrincipal",
        "iot:UpdateCertificate", "iot:TagResource", "iot:UntagResource", "iot:*ThingShadow",
        "iot:DeleteConnection", "slipway:DescribeService", "slipway:DescribeCertificate*",
        "slipway:ListCertificate*", "slipway:SearchCertificates*", "slipway:SetCertificateStatus",
    ]
}
