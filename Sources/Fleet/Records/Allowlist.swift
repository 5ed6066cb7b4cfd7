/// A list of serial numbers that may be provisioned. Every publication raises the version, and a
/// certificate's provenance names the version that let it in.
package struct Allowlist: Hashable, Sendable {
    package let name: AllowlistName
    package var version: Int
    /// Serial numbers on the list in this version.
    package var count: Int
    package var updatedAt: UnixTime

    package init(name: AllowlistName, version: Int, count: Int, updatedAt: UnixTime) {
        self.name = name
        self.version = version
        self.count = count
        self.updatedAt = updatedAt
    }
}

/// A publication in the making: rows that nobody sees until one commit makes them the list.
package struct AllowlistDraft: Hashable, Sendable {
    package enum Mode: String, Sendable {
        /// What is on the list stays on it.
        case merge
        /// The draft becomes the whole list.
        case replace
    }
    package let list: AllowlistName
    package let mode: Mode
    /// The version the draft will become.
    package let version: Int
    /// The version it started from; nil where the list did not exist.
    package let baseVersion: Int?

    package init(list: AllowlistName, mode: Mode, version: Int, baseVersion: Int?) {
        self.list = list
        self.mode = mode
        self.version = version
        self.baseVersion = baseVersion
    }
}
