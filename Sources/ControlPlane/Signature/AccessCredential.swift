package import Fleet

/// Who a verified request comes from, and the secret that proves it.
package struct AccessCredential: Sendable {
    /// What only a temporary credential has: the token that must come with each request, and the
    /// moment from which it no longer serves.
    package struct Session: Sendable {
        package let token: Secret<WipedBytes>
        package let expiresAt: UnixTime
        package init(token: Secret<WipedBytes>, expiresAt: UnixTime) {
            self.token = token
            self.expiresAt = expiresAt
        }
    }

    package let id: AccessKeyID
    package let user: UserName
    package let roles: [RoleName]
    package let secret: Secret<WipedBytes>
    package let session: Session?

    package init(
        id: AccessKeyID, user: UserName, roles: [RoleName], secret: Secret<WipedBytes>,
        session: Session? = nil
    ) {
        self.id = id
        self.user = user
        self.roles = roles
        self.secret = secret
        self.session = session
    }
}
