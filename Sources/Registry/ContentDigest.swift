import Crypto
package import Fleet

/// What a text is known by: templates, hooks and parameters are compared and remembered by it.
package enum ContentDigest {
    /// The SHA-256 of the text's UTF-8, as 64 lower-case hex digits.
    package static func sha256(of text: String) -> String { self.bytes(of: text).hex }

    /// The SHA-256 of the text's UTF-8.
    static func bytes(of text: String) -> [UInt8] {
        Array(SHA256.hash(data: Array(text.utf8)))
    }
}

extension ChangeSet {
    /// Whether all of it is true already, so that there is nothing to commit. Puts are idempotent
    /// by this: the same file again decides an empty set.
    package var changesNothing: Bool { self.changes.isEmpty }
}
