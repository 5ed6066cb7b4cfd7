/// Whom a credential belongs to: a person or a machine. IAM: user name, `[\w+=,.@-]+`, 1 to 64.
package struct UserName: CheckedName {
    package typealias Alphabet = PolicyAlphabet
    package static let noun = "user name"
    package static let charactersMax = 64
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}

/// What a user may do, under one name. IAM: role name, `[\w+=,.@-]+`, 1 to 64.
package struct RoleName: CheckedName {
    package typealias Alphabet = PolicyAlphabet
    package static let noun = "role name"
    package static let charactersMax = 64
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}

package enum AccessKeyAlphabet: NameAlphabet {
    package static let allowedDescription = "A-Z 0-9"
    package static func allows(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte)
            || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
    }
}

/// The public half of a credential, as a signature names it. The ids made here are those of AWS in
/// form: `AKIA` and 16 of A-Z 2-7.
package struct AccessKeyID: CheckedName {
    package typealias Alphabet = AccessKeyAlphabet
    package static let noun = "access key id"
    package static let charactersMax = 32
    package let rawValue: String
    package init(checked rawValue: String) { self.rawValue = rawValue }
}

// AWS: credentials and roles are IAM's, whose ARNs name no region.
extension Realm {
    private func iam(_ resource: String) -> ARN {
        ARN(rawValue: "arn:aws:iam::\(self.account):\(resource)")
    }

    package func user(_ name: UserName) -> ARN { self.iam("user/\(name)") }
    package func role(_ name: RoleName) -> ARN { self.iam("role/\(name)") }
    package func accessKey(_ id: AccessKeyID) -> ARN { self.iam("access-key/\(id)") }
}

// Ours: what AWS has no name for, or has in another service.
extension Realm {
    private func own(_ resource: String) -> ARN { ARN(rawValue: self.arnPrefix + resource) }

    package func hook(_ name: HookName) -> ARN { self.own("hook/\(name)") }
    package func allowlist(_ name: AllowlistName) -> ARN { self.own("allowlist/\(name)") }
    package func claim(_ name: ClaimName) -> ARN { self.own("claim/\(name)") }
    package func registrationTask(_ id: RegistrationTaskID) -> ARN {
        self.own("registrationtask/\(id)")
    }
    /// Every policy, whatever it will be called: for those whose names are yet to be made.
    package var policies: ARN { self.own("policy/*") }
    package var thingTypes: ARN { self.own("thingtype/*") }
    package var thingGroups: ARN { self.own("thinggroup/*") }
    package var billingGroups: ARN { self.own("billinggroup/*") }
}
