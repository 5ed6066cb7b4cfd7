import Fleet
import Foundation

/// A file, or standard input for `-`, in pieces of 256 KiB as they are asked for.
struct FileChunks: AsyncSequence, Sendable {
    static let chunkBytes = 256 * 1024
    typealias Element = [UInt8]
    typealias Failure = any Error

    private let handle: FileHandle

    init(path: String) throws(FleetError) {
        if path == "-" {
            self.handle = .standardInput
        } else if Self.isFolder(path) {
            throw FleetError(.invalidRequest, "'\(path)' is a folder: name a file, or - for input")
        } else if let handle = FileHandle(forReadingAtPath: path) {
            self.handle = handle
        } else {
            throw FleetError(
                .invalidRequest, "the file '\(path)' cannot be read: does it exist, and may you?")
        }
    }

    private static func isFolder(_ path: String) -> Bool {
        var isFolder: ObjCBool = false
        return FileManager.default.fileExists(atPath: path, isDirectory: &isFolder)
            && isFolder.boolValue
    }

    struct AsyncIterator: AsyncIteratorProtocol {
        let handle: FileHandle

        mutating func next() async throws -> [UInt8]? {
            guard let data = try self.handle.read(upToCount: FileChunks.chunkBytes), !data.isEmpty
            else { return nil }
            return [UInt8](data)
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(handle: self.handle) }
}
