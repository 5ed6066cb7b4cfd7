#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// A folder that receives what devices were issued, as NAME.pem and NAME.key.
///
/// The files are made with mode 0600, not narrowed afterwards: there is no moment at which another
/// user could open a key. NAME is a thing name, whose alphabet holds no path separator.
struct CredentialFolder: Sendable {
    private static let folderMode: mode_t = 0o700
    private static let fileMode: mode_t = 0o600

    let path: String

    /// Makes the folder where it is missing.
    init(path: String) throws(SimulationError) {
        self.path = path
        guard mkdir(path, Self.folderMode) == 0 || errno == EEXIST else {
            throw SimulationError("cannot make the folder \(path): \(Self.reason(errno))")
        }
    }

    func store(_ identity: DeviceIdentity) throws(DeviceFailure) {
        let stem = self.path + "/" + identity.thingName
        try Self.replace(stem + ".key", with: identity.credentials.privateKeyPEM)
        try Self.replace(stem + ".pem", with: identity.credentials.certificatePEM)
    }

    /// Replaces the file as a whole: a reader sees the old bytes or the new ones, never a part.
    private static func replace(_ path: String, with bytes: [UInt8]) throws(DeviceFailure) {
        let draft = path + ".new"
        let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, Self.fileMode)
        guard descriptor >= 0 else { throw Self.failure(draft) }
        var written = 0
        while written < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Self.writeOnce(descriptor, UnsafeRawBufferPointer(rebasing: buffer[written...]))
            }
            guard count > 0 else {
                let failure = Self.failure(draft)
                _ = close(descriptor)
                throw failure
            }
            written += count
        }
        guard close(descriptor) == 0, rename(draft, path) == 0 else { throw Self.failure(path) }
    }

    private static func writeOnce(_ descriptor: Int32, _ bytes: UnsafeRawBufferPointer) -> Int {
        while true {
            let count = write(descriptor, bytes.baseAddress, bytes.count)
            if count >= 0 || errno != EINTR { return count }
        }
    }

    private static func failure(_ path: String) -> DeviceFailure {
        DeviceFailure(.register, .notStored, "cannot write \(path): \(Self.reason(errno))")
    }

    private static func reason(_ code: Int32) -> String {
        strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
