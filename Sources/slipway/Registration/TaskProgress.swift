import Fleet
import Foundation
import JSON

/// A task as DescribeRegistrationProgress tells of it.
struct TaskProgress: Sendable {
    let json: JSONValue

    private func text(_ member: String) -> String { self.json[member]?.stringValue ?? "-" }
    private func number(_ member: String) -> Int { self.json[member]?.intValue ?? 0 }

    var status: String { self.text("status") }
    var message: String? { self.json["message"]?.stringValue }
    var percentage: Int { self.number("percentageProgress") }
    var bytesDone: Int { self.number("bytesDone") }
    var inputBytes: Int? { self.json["inputBytes"]?.intValue }
    var lines: Int { self.number("successCount") + self.number("failureCount") }
    var failures: Int { self.number("failureCount") }

    var isEnded: Bool {
        RegistrationTask.Status(rawValue: self.status)?.isEnded ?? true
    }

    /// Every line was registered.
    var isWhole: Bool {
        self.status == RegistrationTask.Status.completed.rawValue && self.failures == 0
    }

    /// For a list of tasks.
    var row: [String] {
        [
            self.text("taskId"), self.status, "\(self.percentage)%",
            String(self.number("successCount")), String(self.failures), self.text("input"),
        ]
    }

    /// For one task by itself.
    var rows: [[String]] {
        [
            ["task", self.text("taskId")], ["status", self.status],
            ["message", self.message ?? "-"], ["input", self.text("input")],
            ["done", "\(self.percentage)%"], ["registered", String(self.number("successCount"))],
            ["refused", String(self.failures)], ["started by", self.text("startedBy")],
            ["started at", self.text("createdAt")], ["changed at", self.text("lastModifiedAt")],
        ]
    }
}

/// One line on standard error that is written over again and again: how much is done, how fast,
/// how long still. Nothing at all where standard error is no terminal.
struct ProgressMeter {
    private static let barWidth = 24
    /// The rate is that of the last so many looks, so that it follows what happens.
    private static let looksMax = 20

    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var looks: [(at: UnixTime, bytes: Int, lines: Int)] = []

    mutating func show(_ task: TaskProgress, at now: UnixTime) {
        self.looks.append((now, task.bytesDone, task.lines))
        if self.looks.count > Self.looksMax { self.looks.removeFirst() }
        guard self.isTerminal else { return }
        Self.write("\r\u{1B}[K" + self.line(task))
    }

    func clear() {
        if self.isTerminal { Self.write("\r\u{1B}[K") }
    }

    func line(_ task: TaskProgress) -> String {
        let filled = Self.barWidth * task.percentage / 100
        let bar =
            String(repeating: "#", count: filled)
            + String(repeating: ".", count: Self.barWidth - filled)
        var line = "[\(bar)] \(task.percentage)%  \(task.lines) lines"
        if task.failures > 0 { line += ", \(task.failures) refused" }
        guard let first = self.looks.first, let last = self.looks.last,
            last.at.milliseconds > first.at.milliseconds
        else { return line }
        let seconds = Double(last.at.milliseconds - first.at.milliseconds) / 1000
        line += "  \(Int(Double(last.lines - first.lines) / seconds)) a second"
        let bytesPerSecond = Double(last.bytes - first.bytes) / seconds
        if let total = task.inputBytes, bytesPerSecond > 0 {
            line += "  \(Self.duration(Double(total - last.bytes) / bytesPerSecond)) left"
        }
        return line
    }

    /// `1:02:03` or `2:03`.
    static func duration(_ seconds: Double) -> String {
        let whole = Int(min(seconds.rounded(.up), 359_999))
        let tail = String(format: "%02d", whole % 60)
        guard whole >= 3600 else { return "\(whole / 60):\(tail)" }
        return "\(whole / 3600):\(String(format: "%02d", whole / 60 % 60)):\(tail)"
    }

    private static func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}

/// Where a report goes: standard output, or a file that was not there.
struct ReportSink: Sendable {
    private let handle: FileHandle
    private let path: String?

    init(path: String?) throws(FleetError) {
        self.path = path
        guard let path else {
            self.handle = .standardOutput
            return
        }
        let descriptor = open(
            path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, PrivateFile.fileMode)
        guard descriptor >= 0 else {
            throw FleetError(
                errno == EEXIST ? .alreadyExists : .invalidRequest,
                "'\(path)' cannot be made: \(String(cString: strerror(errno)))")
        }
        self.handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
    }

    func write(_ bytes: [UInt8]) throws(FleetError) {
        guard let code = Terminal.pass(bytes, to: self.handle) else { return }
        // A reader that went away (`… results TASK | head`) has what he wanted.
        if self.path == nil, code == EPIPE { exit(0) }
        throw FleetError(
            .serviceUnavailable,
            "\(self.path ?? "standard output") takes no more: \(String(cString: strerror(code)))")
    }
}
