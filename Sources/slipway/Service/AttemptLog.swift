import ControlPlane
import Fleet
import Foundation
import JSON
import Logging
import Provisioning
import Synchronization

/// Every request of the dialogue, one JSON object a line, in a file of bounded size: a line is in
/// the kernel's hands before the device has its answer, so that a killed process loses none.
final class AttemptLog: Sendable {
    /// Of one file; the next line begins another.
    static let fileBytesMax = 32 << 20
    /// With the one being written to: a quarter of a gigabyte, some hundred thousand requests.
    static let filesMax = 8

    private let file: Mutex<RotatedFile>
    private let logger: Logger

    /// - Throws: `FleetError.invalidRequest` where the file cannot be opened.
    init(path: String, logger: Logger) throws(FleetError) {
        self.logger = logger
        self.file = Mutex(
            try RotatedFile(path: path, bytesMax: Self.fileBytesMax, filesMax: Self.filesMax))
    }

    func append(_ record: AttemptRecord) {
        let line = JSONPrinter.bytes(.object(record.object)) + [UInt8(ascii: "\n")]
        let problem = self.file.withLock { $0.append(line, lines: 1) }
        guard let problem else { return }
        self.logger.error("attempts are missing from the trace", metadata: ["why": "\(problem)"])
    }

    func close() { self.file.withLock { $0.close() } }
}

/// The attempts that were kept, oldest first.
struct AttemptArchive {
    let path: String

    /// Every attempt that `matches`, of those whose line contains one of `needles`.
    func attempts(
        containing needles: [String], where matches: (JSONObject) -> Bool
    ) -> [JSONObject] {
        let needles = needles.map { Data($0.utf8) }
        var found: [JSONObject] = []
        for number in stride(from: AttemptLog.filesMax - 1, through: 0, by: -1) {
            let name = number == 0 ? self.path : "\(self.path).\(number)"
            guard let data = FileManager.default.contents(atPath: name) else { continue }
            for line in data.split(separator: UInt8(ascii: "\n")) {
                guard needles.contains(where: { line.range(of: $0) != nil }),
                    let object = try? JSONParser.parse(Array(line)).objectValue, matches(object)
                else { continue }
                found.append(object)
            }
        }
        return found
    }

    /// The attempts with this id or this serial, and those that made the same certificates.
    func story(id: String?, serial: String?) -> [JSONObject] {
        let needle = id ?? serial ?? ""
        let quoted = JSONPrinter.print(.string(needle))
        let direct = self.attempts(containing: [quoted]) { object in
            id.map { object["id"] == .string($0) } ?? (object["serial"] == .string(needle))
        }
        let certificates = Set(direct.compactMap { $0["certificate"]?.stringValue })
        let ids = Set(direct.compactMap { $0["id"]?.stringValue })
        return self.attempts(containing: Array(certificates) + Array(ids)) { object in
            ids.contains(object["id"]?.stringValue ?? "")
                || certificates.contains(object["certificate"]?.stringValue ?? "")
        }
    }
}
