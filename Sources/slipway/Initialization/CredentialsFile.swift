import Fleet

/// A credential as AWS's tools and SDKs read it from their shared credentials file: one section,
/// named by the profile.
struct CredentialsFile: Sendable {
    static let profile = "slipway"
    private static let idName = "aws_access_key_id"
    private static let secretName = "aws_secret_access_key"

    let id: AccessKeyID
    let secret: Secret<WipedBytes>

    init(id: AccessKeyID, secret: Secret<WipedBytes>) {
        self.id = id
        self.secret = secret
    }

    /// The id that a file of this form names; nil where it names none.
    static func id(in bytes: [UInt8]) -> AccessKeyID? {
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
            let parts = line.split(separator: "=", maxSplits: 1).map {
                $0.trimmingPrefix { $0 == " " }.prefix { $0 != " " }
            }
            guard parts.count == 2, parts[0] == Self.idName else { continue }
            return try? AccessKeyID(String(parts[1]))
        }
        return nil
    }

    /// For the one time that it is shown.
    var secretText: String {
        self.secret.expose { secret in
            secret.withBytes { String(decoding: $0, as: UTF8.self) }
        }
    }

    var bytes: [UInt8] {
        let head = "[\(Self.profile)]\n\(Self.idName) = \(self.id)\n\(Self.secretName) = "
        return self.secret.expose { secret in
            Array(head.utf8) + secret.withBytes { Array($0) } + Array("\n".utf8)
        }
    }
}
