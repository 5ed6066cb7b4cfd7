import Fleet
import Foundation

/// The files of registration tasks, each task's in a folder of its own: `input.ndjson`,
/// `results.ndjson`, `errors.ndjson`.
struct TaskFolders: RegistrationFiles {
    /// `var/tasks`.
    let root: String

    private func folder(_ task: RegistrationTaskID) -> String { "\(self.root)/\(task)" }
    private func input(_ task: RegistrationTaskID) -> String { self.folder(task) + "/input.ndjson" }
    private func unfinished(_ task: RegistrationTaskID) -> String { self.input(task) + ".part" }
    private func report(_ report: RegistrationReport, _ task: RegistrationTaskID) -> String {
        switch report {
        case .results: self.folder(task) + "/results.ndjson"
        case .errors: self.folder(task) + "/errors.ndjson"
        }
    }

    // MARK: Input

    func beginInput(of task: RegistrationTaskID) async throws(FleetError) {
        let (folder, part) = (self.folder(task), self.unfinished(task))
        try await Blocking.run { () throws(FleetError) in
            try PrivateFile.makeFolder(folder)
            Self.syncFolder(self.root)
            let descriptor = try Self.open(part, O_WRONLY | O_CREAT | O_TRUNC)
            close(descriptor)
        }
    }

    func appendInput(_ bytes: [UInt8], of task: RegistrationTaskID) async throws(FleetError) {
        let part = self.unfinished(task)
        try await Blocking.run { () throws(FleetError) in
            let descriptor = try Self.open(part, O_WRONLY)
            defer { close(descriptor) }
            let size = lseek(descriptor, 0, SEEK_END)
            try DescriptorBytes.write(bytes, descriptor, at: Int64(size), of: part)
        }
    }

    func finishInput(of task: RegistrationTaskID) async throws(FleetError) -> Int64 {
        let (folder, part, whole) = (self.folder(task), self.unfinished(task), self.input(task))
        return try await Blocking.run { () throws(FleetError) in
            let descriptor = try Self.open(part, O_RDONLY)
            defer { close(descriptor) }
            let size = lseek(descriptor, 0, SEEK_END)
            guard fsync(descriptor) == 0, rename(part, whole) == 0 else {
                throw Self.failure(whole)
            }
            Self.syncFolder(folder)
            return Int64(size)
        }
    }

    func readInput(
        of task: RegistrationTaskID, at offset: Int64, count: Int
    ) async throws(FleetError) -> [UInt8] {
        let path = self.input(task)
        return try await Blocking.run { () throws(FleetError) in
            let descriptor = try Self.open(path, O_RDONLY)
            defer { close(descriptor) }
            return try DescriptorBytes.read(descriptor, at: offset, count: count, of: path)
        }
    }

    func removeInput(of task: RegistrationTaskID) async throws(FleetError) {
        for path in [self.input(task), self.unfinished(task)] {
            guard unlink(path) == 0 || errno == ENOENT else { throw Self.failure(path) }
        }
    }

    // MARK: Reports

    func write(
        _ bytes: [UInt8], to report: RegistrationReport, of task: RegistrationTaskID,
        at offset: Int64
    ) async throws(FleetError) {
        let (folder, path) = (self.folder(task), self.report(report, task))
        try await Blocking.run { () throws(FleetError) in
            let isNew = !FileManager.default.fileExists(atPath: path)
            let descriptor = try Self.open(path, O_WRONLY | O_CREAT)
            defer { close(descriptor) }
            guard lseek(descriptor, 0, SEEK_END) >= off_t(offset) else {
                throw FleetError(
                    .serviceUnavailable, "'\(path)' is shorter than what it has been told to hold")
            }
            try DescriptorBytes.write(bytes, descriptor, at: offset, of: path)
            guard ftruncate(descriptor, off_t(offset) + off_t(bytes.count)) == 0,
                fsync(descriptor) == 0
            else { throw Self.failure(path) }
            if isNew { Self.syncFolder(folder) }
        }
    }

    func read(
        _ report: RegistrationReport, of task: RegistrationTaskID, at offset: Int64, count: Int
    ) async throws(FleetError) -> [UInt8] {
        let path = self.report(report, task)
        return try await Blocking.run { () throws(FleetError) in
            guard FileManager.default.fileExists(atPath: path) else { return [] }
            let descriptor = try Self.open(path, O_RDONLY)
            defer { close(descriptor) }
            return try DescriptorBytes.read(descriptor, at: offset, count: count, of: path)
        }
    }

    // MARK: All of them

    func tasks() async throws(FleetError) -> [RegistrationTaskID] {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: self.root)) ?? []
        return names.compactMap { try? RegistrationTaskID($0) }
    }

    func removeAll(of task: RegistrationTaskID) async throws(FleetError) {
        let folder = self.folder(task)
        guard FileManager.default.fileExists(atPath: folder) else { return }
        do { try FileManager.default.removeItem(atPath: folder) } catch {
            throw FleetError(
                .serviceUnavailable, "the folder '\(folder)' cannot be removed: \(error)")
        }
    }

    // MARK: Files

    private static func open(_ path: String, _ flags: Int32) throws(FleetError) -> Int32 {
        let descriptor = Foundation.open(
            path, flags | O_CLOEXEC | O_NOFOLLOW, PrivateFile.fileMode)
        guard descriptor >= 0 else { throw Self.failure(path) }
        return descriptor
    }

    private static func syncFolder(_ path: String) {
        let descriptor = Foundation.open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else { return }
        fsync(descriptor)
        close(descriptor)
    }

    private static func failure(_ path: String) -> FleetError {
        let code = errno
        return FleetError(
            code == ENOENT ? .notFound : .serviceUnavailable,
            "'\(path)': \(String(cString: strerror(code)))")
    }
}
