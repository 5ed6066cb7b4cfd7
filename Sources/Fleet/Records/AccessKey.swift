/// A secret that only the service's own key opens.
///
/// It is told by the digest of its ciphertext, and so is what it equals: the audit log keeps the
/// digest and not the ciphertext, and a change that is read back from there is still the change
/// that was committed.
package struct SealedSecret: Hashable, Sendable {
    /// SHA-256 of the ciphertext, lower-case hex.
    package let digest: String
    /// nonce ‖ ciphertext ‖ tag (AES-256-GCM, RFC 5116); nil in what the audit log gives back.
    package let ciphertext: [UInt8]?

    package init(digest: String, ciphertext: [UInt8]?) {
        self.digest = digest
        self.ciphertext = ciphertext
    }

    package static func == (left: Self, right: Self) -> Bool { left.digest == right.digest }
    package func hash(into hasher: inout Hasher) { hasher.combine(self.digest) }
}

/// What a person or a machine signs requests with (AWS: access key).
package struct AccessKey: Hashable, Sendable {
    /// AWS: the words of IAM.
    package enum Status: String, Hashable, Sendable {
        case active = "Active"
        case inactive = "Inactive"
    }

    package let id: AccessKeyID
    package let user: UserName
    package var roles: [RoleName]
    package let secret: SealedSecret
    package var status: Status
    package let createdAt: UnixTime
    /// The key that this one takes the place of.
    package let rotatedFrom: AccessKeyID?

    package init(
        id: AccessKeyID, user: UserName, roles: [RoleName], secret: SealedSecret,
        status: Status = .active, createdAt: UnixTime, rotatedFrom: AccessKeyID? = nil
    ) {
        self.id = id
        self.user = user
        self.roles = roles
        self.secret = secret
        self.status = status
        self.createdAt = createdAt
        self.rotatedFrom = rotatedFrom
    }
}

/// A set of permissions of our users' own making; those that ship are no records.
package struct AccessRole: Hashable, Sendable {
    package let name: RoleName
    /// As it was given; parsed whole before it was stored.
    package let document: String
    package let createdAt: UnixTime
    package let lastModifiedAt: UnixTime

    package init(
        name: RoleName, document: String, createdAt: UnixTime, lastModifiedAt: UnixTime
    ) {
        self.name = name
        self.document = document
        self.createdAt = createdAt
        self.lastModifiedAt = lastModifiedAt
    }
}
