import Fleet
import JSON

/// What the service asks of a worker. The script is attached first, the claim's JSON second, the
/// request's third; a call without a request only looks whether the script can be loaded.
struct WorkerCall: Hashable {
    let script: String
    let source: [UInt8]
    let request: [UInt8]?
    let timeSeconds: Int64
    let instructionsMax: Int
    let memoryBytesMax: Int
    /// The table `claim`, as JSON.
    let claim: [UInt8]
    /// Whether the lines that run are to be reported.
    let traced: Bool

    var frame: WorkerFrame {
        WorkerFrame(
            head: [
                "call": .string(self.script), "time": .int(Int(self.timeSeconds)),
                "instructions": .int(self.instructionsMax),
                "bytes": .int(self.memoryBytesMax), "traced": .bool(self.traced),
            ],
            attachments: [self.source, self.claim] + (self.request.map { [$0] } ?? []))
    }

    init(
        script: HookScript, request: HookRequest?, settings: HookSettings, traced: Bool = false
    ) {
        self.claim = JSONPrinter.bytes(.object(request?.claim ?? [:]))
        self.traced = traced
        self.script = script.name.rawValue
        self.source = Array(script.source.utf8)
        self.request = request.map { JSONPrinter.bytes(HookContract.request($0)) }
        self.timeSeconds = request?.time.seconds ?? 0
        self.instructionsMax = settings.instructionsMax
        self.memoryBytesMax = settings.memoryBytesMax
    }

    /// A call with an empty request.
    init(script: HookScript, settings: HookSettings) {
        self.script = script.name.rawValue
        self.source = Array(script.source.utf8)
        self.request = Array("{}".utf8)
        self.claim = self.request ?? []
        self.traced = false
        self.timeSeconds = 0
        self.instructionsMax = settings.instructionsMax
        self.memoryBytesMax = settings.memoryBytesMax
    }

    init?(_ frame: WorkerFrame) {
        guard let script = frame.head["call"]?.stringValue,
            let time = frame.head["time"]?.intValue,
            let instructions = frame.head["instructions"]?.intValue, instructions > 0,
            let bytes = frame.head["bytes"]?.intValue, bytes > 0,
            let traced = frame.head["traced"]?.boolValue,
            (2...3).contains(frame.attachments.count)
        else { return nil }
        self.script = script
        self.source = frame.attachments[0]
        self.claim = frame.attachments[1]
        self.request = frame.attachments.count == 3 ? frame.attachments[2] : nil
        self.traced = traced
        self.timeSeconds = Int64(time)
        self.instructionsMax = instructions
        self.memoryBytesMax = bytes
    }
}

/// What a worker says: that it is ready, that it wants to know something, or how a call ended.
enum WorkerReport: Hashable {
    case ready(WorkerContainment)
    case question(HookQuestion)
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
        case .question(let question):
            WorkerFrame(head: [
                "question": .string(question.function), "arguments": .array(question.arguments),
            ])
        case .ended(let result):
            WorkerFrame(
                head: [
                    "ended": .string(result.status.rawValue),
                    "log": .array(result.log.map { .string($0) }),
                    "instructions": .int(result.cost.instructions),
                    "bytes": .int(result.cost.bytes),
                    "microseconds": .int(result.cost.microseconds),
                    "lines": .array(result.lines.map { .int($0) }),
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
        } else if let function = frame.head["question"]?.stringValue {
            guard let arguments = frame.head["arguments"]?.arrayValue,
                let question = HookQuestion(function: function, arguments: arguments)
            else { return nil }
            self = .question(question)
        } else {
            guard
                let status = frame.head["ended"]?.stringValue.flatMap(
                    SandboxResult.Status.init(rawValue:)),
                let log = frame.head["log"]?.arrayValue,
                log.count <= HookLimits.logLinesMax + 1,
                let instructions = frame.head["instructions"]?.intValue,
                let bytes = frame.head["bytes"]?.intValue,
                let microseconds = frame.head["microseconds"]?.intValue,
                let lines = frame.head["lines"]?.arrayValue,
                frame.attachments.count == 1
            else { return nil }
            self = .ended(
                SandboxResult(
                    status: status, text: frame.attachments[0],
                    log: log.compactMap(\.stringValue),
                    cost: HookOutcome.Cost(
                        instructions: instructions, bytes: bytes, microseconds: microseconds),
                    lines: lines.compactMap(\.intValue)))
        }
    }
}

/// The service's answer to a question; nil where it could not be answered.
struct WorkerAnswer: Hashable {
    let value: JSONValue?

    init(_ value: JSONValue?) { self.value = value }

    var frame: WorkerFrame {
        WorkerFrame(
            head: ["answered": .bool(self.value != nil)],
            attachments: self.value.map { [JSONPrinter.bytes($0)] } ?? [])
    }

    init?(_ frame: WorkerFrame) {
        switch frame.head["answered"] {
        case .bool(false)?: self.value = nil
        case .bool(true)?:
            guard let bytes = frame.attachments.first, let value = try? JSONParser.parse(bytes)
            else { return nil }
            self.value = value
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
