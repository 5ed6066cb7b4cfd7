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

/// The attempts that were kept, and what the gateway refused beside them.
struct AttemptArchive {
    let installation: Installation

    /// What a trace is asked for by.
    enum Question {
        case id(String)
        case serial(String)
        case certificate(String)
        case clientID(String)
        /// Whatever the gateway refused.
        case refusedConnections
    }

    /// The newest of what the gateway refused that are shown at once.
    static let refusedShownMax = 100

    /// Oldest first.
    private var paths: [String] {
        func names(_ path: String, _ count: Int) -> [String] {
            stride(from: count - 1, through: 0, by: -1).map { $0 == 0 ? path : "\(path).\($0)" }
        }
        return names(self.installation.attemptLog, AttemptLog.filesMax)
            + names(self.installation.connectionLog, ConnectionLog.filesMax)
    }

    /// Every attempt that `matches`, of those whose line contains one of `needles`.
    func attempts(
        containing needles: [String], where matches: (JSONObject) -> Bool
    ) -> [JSONObject] {
        let needles = needles.map { Data($0.utf8) }
        var found: [JSONObject] = []
        for name in self.paths {
            guard let data = FileManager.default.contents(atPath: name) else { continue }
            for line in data.split(separator: UInt8(ascii: "\n")) {
                guard needles.contains(where: { line.range(of: $0) != nil }),
                    let object = try? JSONParser.parse(Array(line)).objectValue, matches(object)
                else { continue }
                found.append(object)
            }
        }
        // Of two files; times are written so that their text has their order.
        return found.enumerated().sorted { one, other in
            let times = (
                one.element["at"]?.stringValue ?? "", other.element["at"]?.stringValue ?? ""
            )
            return times.0 == times.1 ? one.offset < other.offset : times.0 < times.1
        }.map(\.element)
    }

    /// What was asked for, and whatever else is known of the same certificates.
    func story(_ question: Question) -> [JSONObject] {
        func named(_ member: String, _ text: String) -> [JSONObject] {
            self.attempts(containing: [JSONPrinter.print(.string(text))]) {
                $0[member] == .string(text)
            }
        }
        switch question {
        case .id(let text): return self.story(around: named("id", text))
        case .serial(let asked):
            // As it was written down, and so is a client identifier.
            let text = asked.clipped(to: Attempt.serialScalarsMax)
            let found = named("serial", text) + named("registeredSerial", text)
            return self.story(around: found)
        case .certificate(let text): return named("certificate", text)
        case .clientID(let text): return named("clientId", text.clipped)
        case .refusedConnections:
            return self.attempts(containing: ["\"reasonCode\""]) { object in
                object["reasonCode"]?.intValue.flatMap(RefusalReason.init(rawValue:))?
                    .isTheGateways == true
            }.suffix(Self.refusedShownMax)
        }
    }

    private func story(around direct: [JSONObject]) -> [JSONObject] {
        let certificates = Set(direct.compactMap { $0["certificate"]?.stringValue })
        let ids = Set(direct.compactMap { $0["id"]?.stringValue })
        return self.attempts(containing: Array(certificates) + Array(ids)) { object in
            ids.contains(object["id"]?.stringValue ?? "")
                || certificates.contains(object["certificate"]?.stringValue ?? "")
        }
    }
}
