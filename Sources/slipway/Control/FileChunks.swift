// Where an optimising build finds the members of `stat`.
import CoreFoundation
import Fleet
import Foundation

/// A file, or standard input for `-`, in pieces of 256 KiB as they are asked for.
struct FileChunks: AsyncSequence, Sendable {
    static let chunkBytes = 256 * 1024
    typealias Element = [UInt8]
    typealias Failure = any Error

    private let handle: FileHandle

    init(path: String) throws(FleetError) {
        self.handle = path == "-" ? .standardInput : try Self.open(path)
    }

    /// A pipe whose other end nobody opens would be waited for without end, and some devices never
    /// end, so that neither is read. Not waiting is asked for at once: looking at what the path
    /// names first would be a look at something else.
    private static func open(_ path: String) throws(FleetError) -> FileHandle {
        let descriptor = Foundation.open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw FleetError(
                .invalidRequest, "the file '\(path)' cannot be read: does it exist, and may you?")
        }
        let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
        var facts = stat()
        guard fstat(descriptor, &facts) == 0 else {
            throw FleetError(.invalidRequest, "the file '\(path)' cannot be looked at")
        }
        switch facts.st_mode & S_IFMT {
        case S_IFREG: return handle
        case S_IFDIR:
            throw FleetError(.invalidRequest, "'\(path)' is a folder: name a file, or - for input")
        default:
            throw FleetError(
                .invalidRequest,
                "'\(path)' is a pipe or a device: name a file, or - for standard input")
        }
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
