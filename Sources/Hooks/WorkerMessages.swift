import Fleet
import JSON

/// What the service asks of a worker. The script is attached first, the request's JSON second; a
/// call without a request only looks whether the script can be loaded.
struct WorkerCall: Hashable {
    let script: String
    let source: [UInt8]
    let request: [UInt8]?
    let timeSeconds: Int64
    let instructionsMax: Int
    let memoryBytesMax: Int

    var frame: WorkerFrame {
        WorkerFrame(
            head: [
                "call": .string(self.script), "time": .int(Int(self.timeSeconds)),
                "instructions": .int(self.instructionsMax),
                "bytes": .int(self.memoryBytesMax),
            ],
            attachments: [self.source] + (self.request.map { [$0] } ?? []))
    }

    init(
        script: HookScript, request: HookRequest?, settings: HookSettings
    ) {
        self.script = script.name.rawValue
        self.source = Array(script.source.utf8)
        self.request = request.map { JSONPrinter.bytes(HookContract.request($0)) }
        self.timeSeconds = request?.time.seconds ?? 0
        self.instructionsMax = settings.instructionsMax
        self.memoryBytesMax = settings.memoryBytesMax
    }

    init?(_ frame: WorkerFrame) {
        guard let script = frame.head["call"]?.stringValue,
            let time = frame.head["time"]?.intValue,
            let instructions = frame.head["instructions"]?.intValue, instructions > 0,
            let bytes = frame.head["bytes"]?.intValue, bytes > 0,
            (1...2).contains(frame.attachments.count)
        else { return nil }
        self.script = script
        self.source = frame.attachments[0]
        self.request = frame.attachments.count == 2 ? frame.attachments[1] : nil
        self.timeSeconds = Int64(time)
        self.instructionsMax = instructions
        self.memoryBytesMax = bytes
    }
}

/// What a worker says: that it is ready, that it wants to know something, or how a call ended.
enum WorkerReport: Hashable {
    case ready(WorkerContainment)
    case lookup(list: String, serial: String)
    case ended(SandboxResult)

    var frame: WorkerFrame {
        switch self {
        case .ready(let containment):
            WorkerFrame(head: [
                "ready": [
                    "process": .bool(containment.process),
                    "systemCalls": .bool(containment.systemCalls),
                ]
            ])
        case .lookup(let list, let serial):
            WorkerFrame(head: ["lookup": .string(list), "serial": .string(serial)])
        case .ended(let result):
            WorkerFrame(
                head: [
                    "ended": .string(result.status.rawValue),
                    "log": .array(result.log.map { .string($0) }),
                    "instructions": .int(result.cost.instructions),
                    "bytes": .int(result.cost.bytes),
                    "microseconds": .int(result.cost.microseconds),
                ],
                attachments: [result.text])
        }
    }

    init?(_ frame: WorkerFrame) {
        if let ready = frame.head["ready"] {
            guard let process = ready["process"]?.boolValue,
                let systemCalls = ready["systemCalls"]?.boolValue
            else { return nil }
            self = .ready(WorkerContainment(process: process, systemCalls: systemCalls))
        } else if let list = frame.head["lookup"]?.stringValue {
            guard let serial = frame.head["serial"]?.stringValue else { return nil }
            self = .lookup(list: list, serial: serial)
        } else {
            guard
                let status = frame.head["ended"]?.stringValue.flatMap(
                    SandboxResult.Status.init(rawValue:)),
                let log = frame.head["log"]?.arrayValue,
                log.count <= HookLimits.logLinesMax + 1,
                let instructions = frame.head["instructions"]?.intValue,
                let bytes = frame.head["bytes"]?.intValue,
                let microseconds = frame.head["microseconds"]?.intValue,
                frame.attachments.count == 1
            else { return nil }
            self = .ended(
                SandboxResult(
                    status: status, text: frame.attachments[0],
                    log: log.compactMap(\.stringValue),
                    cost: HookOutcome.Cost(
                        instructions: instructions, bytes: bytes, microseconds: microseconds)))
        }
    }
}

/// The service's answer to a look-up; nil where it could not be made.
struct WorkerLookupAnswer: Hashable {
    let found: Bool?

    init(found: Bool?) { self.found = found }

    var frame: WorkerFrame {
        WorkerFrame(head: ["found": self.found.map { .bool($0) } ?? .null])
    }

    init?(_ frame: WorkerFrame) {
        switch frame.head["found"] {
        case .bool(let found)?: self.found = found
        case .null?: self.found = nil
        default: return nil
        }
    }
}

/// What a worker has given up before its first script.
package struct WorkerContainment: Hashable, Sendable {
    /// Limits on memory, CPU time, files and processes, no privileges and none to gain.
    package let process: Bool
    /// A system call filter. Absent where the kernel has none.
    package let systemCalls: Bool
}
