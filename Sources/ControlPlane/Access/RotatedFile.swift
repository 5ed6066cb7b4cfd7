package import Fleet
import Foundation

/// A file that is only ever appended to, and begun anew when it is large: `access.log` is the
/// newest, `access.log.1` the one before, and so on to the last, which is removed.
package struct RotatedFile: Sendable {
    static let fileMode: mode_t = 0o600

    private let path: String
    private let bytesMax: Int
    private let filesMax: Int
    private var descriptor: Int32 = -1
    private var size = 0
    /// Lines that the disk has refused since it last took one.
    private var linesLost = 0

    /// - Throws: `FleetError.invalidRequest` where the file cannot be opened.
    package init(path: String, bytesMax: Int, filesMax: Int) throws(FleetError) {
        self.path = path
        self.bytesMax = bytesMax
        self.filesMax = max(1, filesMax)
        guard self.open() else {
            throw FleetError(
                .invalidRequest,
                "'\(path)' cannot be written: \(Self.cause()); check the folder's rights")
        }
    }

    /// - Returns: what to tell the operator, where lines are being lost since this call.
    package mutating func append(_ bytes: [UInt8], lines: Int) -> String? {
        if self.size > 0, self.size + bytes.count > self.bytesMax { self.rotate() }
        guard self.descriptor >= 0 || self.open(), self.write(bytes) else {
            let isFirst = self.linesLost == 0
            self.linesLost += lines
            return isFirst ? "'\(self.path)' cannot be written: \(Self.cause())" : nil
        }
        self.linesLost = 0
        return nil
    }

    package mutating func close() {
        guard self.descriptor >= 0 else { return }
        Foundation.close(self.descriptor)
        self.descriptor = -1
    }

    /// Not through a link: the name in the folder is the file that is meant.
    private mutating func open() -> Bool {
        self.descriptor = Foundation.open(
            self.path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, Self.fileMode)
        guard self.descriptor >= 0 else { return false }
        var facts = stat()
        self.size = fstat(self.descriptor, &facts) == 0 ? Int(facts.st_size) : 0
        return true
    }

    private mutating func rotate() {
        self.close()
        unlink(self.name(self.filesMax - 1))
        for number in stride(from: self.filesMax - 2, through: 0, by: -1) {
            rename(self.name(number), self.name(number + 1))
        }
        _ = self.open()
    }

    private func name(_ number: Int) -> String {
        number == 0 ? self.path : "\(self.path).\(number)"
    }

    /// All of it or nothing: half a line would spoil the next.
    private mutating func write(_ bytes: [UInt8]) -> Bool {
        var offset = 0
        while offset < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                Foundation.write(
                    self.descriptor, buffer.baseAddress?.advanced(by: offset),
                    buffer.count - offset)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                let cause = errno
                ftruncate(self.descriptor, off_t(self.size))
                errno = cause
                return false
            }
            offset += count
        }
        self.size += bytes.count
        return true
    }

    private static func cause() -> String { String(cString: strerror(errno)) }
}
