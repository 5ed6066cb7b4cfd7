import CertificateAuthority
import Fleet
import Foundation

/// Files that only their owner may read, written whole or not at all.
enum PrivateFile {
    static let fileMode: mode_t = 0o600
    static let folderMode: mode_t = 0o700

    /// Makes `path` and what leads to it, for its owner alone; what is there stays as it is.
    static func makeFolder(_ path: String) throws(FleetError) {
        do {
            try FileManager.default.createDirectory(
                atPath: path, withIntermediateDirectories: true,
                attributes: [.posixPermissions: Int(Self.folderMode)])
        } catch {
            throw FleetError(
                .invalidRequest,
                "the folder '\(path)' cannot be made: \(Self.cause()); make it, or name another")
        }
    }

    /// Holds `folder` against every other caller until the descriptor is closed, or the process
    /// ends, however it ends (flock(2)).
    /// - Throws: `FleetError.conflict` where another holds it.
    static func lock(_ folder: String) throws(FleetError) -> Int32 {
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { throw Self.failure(folder) }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            close(descriptor)
            throw FleetError(
                .conflict,
                "another 'slipway init' is at work in '\(folder)': wait until it is done")
        }
        return descriptor
    }

    /// Removes what `create` left beside `path` when its process was killed: a copy under a name
    /// with that process's number. The caller holds the lock under which `path` is made.
    static func sweepUnfinished(_ path: String) {
        let folder = (path as NSString).deletingLastPathComponent
        let start = (path as NSString).lastPathComponent + "."
        for name in (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        where name.hasPrefix(start) && name.hasSuffix(Self.unfinishedSuffix) {
            let number = name.dropFirst(start.count).dropLast(Self.unfinishedSuffix.count)
            if Int32(number) != nil { unlink("\(folder)/\(name)") }
        }
    }

    private static let unfinishedSuffix = ".new"

    /// Writes `bytes` under another name, brings them to the disk, and only then gives them their
    /// name: after a power failure the file is whole or absent.
    /// - Throws: `FleetError.alreadyExists` where the file is there.
    static func create(_ path: String, _ bytes: some Collection<UInt8>) throws(FleetError) {
        let temporary = "\(path).\(getpid())\(Self.unfinishedSuffix)"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, Self.fileMode)
        guard descriptor >= 0 else { throw Self.failure(path) }
        defer { unlink(temporary) }
        let written = Self.write(Array(bytes), to: descriptor)
        guard written, fsync(descriptor) == 0 else {
            let error = Self.failure(path)
            close(descriptor)
            throw error
        }
        close(descriptor)
        // link(2), unlike rename(2), does not replace what is there.
        guard link(temporary, path) == 0 else {
            if errno == EEXIST {
                throw FleetError(.alreadyExists, "'\(path)' is there already", resource: path)
            }
            throw Self.failure(path)
        }
        Self.syncFolder(of: path)
    }

    /// Gives the file at `path` the name `final`, which is free. The caller holds the lock under
    /// which both are made.
    static func rename(_ path: String, to final: String) throws(FleetError) {
        guard Foundation.rename(path, final) == 0 else { throw Self.failure(final) }
        Self.syncFolder(of: final)
    }

    /// - Throws: `FleetError.invalidRequest` saying whether the file is absent or unreadable.
    static func read(_ path: String, as what: String) throws(FleetError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            guard FileManager.default.fileExists(atPath: path) else {
                throw FleetError(
                    .notFound,
                    "\(what) '\(path)' is missing: run 'slipway init', or put it back")
            }
            throw FleetError(
                .invalidRequest,
                "\(what) '\(path)' cannot be read: give this user the right to read it")
        }
        return [UInt8](data)
    }

    /// The first certificate in a file of PEM, and what it says.
    static func certificate(
        _ path: String, as what: String
    ) throws(FleetError) -> CertificateFacts {
        let pem = String(decoding: try Self.read(path, as: what), as: UTF8.self)
        do throws(FleetError) { return try CertificateFacts(pem: pem) } catch {
            throw FleetError(.invalidRequest, "'\(path)': \(error.message)")
        }
    }

    static func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }

    private static func write(_ bytes: [UInt8], to descriptor: Int32) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Foundation.write(
                    descriptor, buffer.baseAddress?.advanced(by: offset), buffer.count - offset)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            offset += count
        }
        return true
    }

    private static func syncFolder(of path: String) {
        let folder = (path as NSString).deletingLastPathComponent
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func failure(_ path: String) -> FleetError {
        FleetError(
            .invalidRequest,
            "'\(path)' cannot be written: \(Self.cause()); check the folder's rights and space")
    }

    private static func cause() -> String { String(cString: strerror(errno)) }
}
