internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// Holds `<database>.lock` until it is released or goes: two processes never write one database,
/// and whoever finds it held knows that a service is running. The kernel lets go of it when the
/// process ends, however it ends.
final class LockFile: Sendable {
    /// nil once released.
    private let descriptor: Mutex<Int32?>

    init(besideDatabase path: String) throws(StorageError) {
        let lockPath = path + ".lock"
        let descriptor = open(lockPath, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw .folderNotWritable(path: path, cause: String(cString: strerror(errno)))
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let holder = Self.holder(descriptor)
            close(descriptor)
            throw .inUse(path: path, holder: holder)
        }
        self.descriptor = Mutex(descriptor)
        // Who holds it, for the message of whoever comes second; not needed for the lock itself.
        let text = "process \(getpid())\n"
        _ = ftruncate(descriptor, 0)
        _ = text.withCString { pwrite(descriptor, $0, strlen($0), 0) }
    }

    private static func holder(_ descriptor: Int32) -> String? {
        var bytes = [UInt8](repeating: 0, count: 64)
        let count = pread(descriptor, &bytes, bytes.count, 0)
        guard count > 0 else { return nil }
        let line = bytes[..<count].prefix { $0 >= 0x20 && $0 < 0x7F }
        return line.isEmpty ? nil : String(decoding: line, as: UTF8.self)
    }

    func release() {
        self.descriptor.withLock { descriptor in
            if let open = descriptor {
                // By name: a child between fork(2) and exec(2) has a copy of the descriptor, and
                // a lock goes with the last of them (flock(2)).
                _ = flock(open, LOCK_UN)
                close(open)
            }
            descriptor = nil
        }
    }

    deinit { self.release() }
}
