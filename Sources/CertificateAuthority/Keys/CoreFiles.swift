import COpenSSLShims

/// The image of a process that holds keys is itself a secret.
package enum CoreFiles {
    /// Keeps this process from ever leaving a core file, and other processes of the same user
    /// from reading its memory. Called before the first key is read.
    /// - Returns: whether the system granted it.
    @discardableResult
    package static func forbid() -> Bool { slipway_forbid_core_files() != 0 }
}
