import Crypto
import Fleet

/// What a session token says: it is the temporary credential itself, sealed, so that the service
/// keeps nothing of it and yet knows it again.
struct SessionContents: Hashable, Sendable {
    /// The access key that the session acts for, and ends with.
    let parent: AccessKeyID
    let id: AccessKeyID
    let expiresAt: UnixTime

    static let version: UInt8 = 1

    /// `version ‖ expiresAt ‖ id ‖ NUL ‖ parent`: no id holds a NUL.
    var bytes: [UInt8] {
        var bytes: [UInt8] = [Self.version]
        let milliseconds = UInt64(bitPattern: self.expiresAt.milliseconds)
        for shift in stride(from: 56, through: 0, by: -8) {
            bytes.append(UInt8(truncatingIfNeeded: milliseconds >> UInt64(shift)))
        }
        return bytes + Array(self.id.rawValue.utf8) + [0] + Array(self.parent.rawValue.utf8)
    }

    init(parent: AccessKeyID, id: AccessKeyID, expiresAt: UnixTime) {
        self.parent = parent
        self.id = id
        self.expiresAt = expiresAt
    }

    /// nil for bytes of another shape.
    init?(_ bytes: [UInt8]) {
        guard bytes.count > 9, bytes[0] == Self.version else { return nil }
        let milliseconds = bytes[1..<9].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let names = bytes[9...].split(separator: 0, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
        guard names.count == 2, let id = try? AccessKeyID(names[0]),
            let parent = try? AccessKeyID(names[1])
        else { return nil }
        self.init(
            parent: parent, id: id,
            expiresAt: UnixTime(milliseconds: Int64(bitPattern: milliseconds)))
    }
}

extension AccessVault {
    /// A temporary credential that has just been made.
    struct MadeSession: Sendable {
        let id: AccessKeyID
        let secret: Secret<WipedBytes>
        let token: String
    }

    /// AWS: `ASIA` is how a temporary credential's id begins.
    static let sessionIDPrefix = "ASIA"

    /// A credential that acts for `parent` until `expiresAt`. Its secret follows from its sealed
    /// token and the vault's key, so that there is nothing to store.
    func makeSession(
        for parent: AccessKeyID, until expiresAt: UnixTime
    ) throws(FleetError) -> MadeSession {
        let id = self.newID(prefix: Self.sessionIDPrefix)
        let contents = SessionContents(parent: parent, id: id, expiresAt: expiresAt)
        let sealed = contents.bytes.withUnsafeBufferPointer {
            self.sealed($0, for: Self.sessionPurpose)
        }
        guard let sealed else {
            throw FleetError(.internalFailure, "a session token cannot be sealed")
        }
        let token = Base64.text(sealed)
        return MadeSession(id: id, secret: self.sessionSecret(of: token), token: token)
    }

    /// What `token` says, and the secret that goes with it; nil for one that this service did not
    /// make.
    func openSession(
        _ token: String
    ) -> (contents: SessionContents, secret: Secret<WipedBytes>)? {
        guard token.utf8.count <= Self.sessionTokenBytesMax, let sealed = Base64.bytes(token),
            let bytes = self.opened(sealed, for: Self.sessionPurpose),
            let contents = SessionContents(bytes)
        else { return nil }
        return (contents, self.sessionSecret(of: token))
    }

    private static let sessionPurpose = "session token"
    private static let sessionTokenBytesMax = 512

    private func sessionSecret(of token: String) -> Secret<WipedBytes> {
        let code = self.code(of: token)
        return Secret(
            WipedBytes(Base64.text(Array(code.prefix(Self.secretBytesCount))).utf8))
    }
}
