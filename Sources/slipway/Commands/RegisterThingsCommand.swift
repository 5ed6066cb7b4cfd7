import ArgumentParser
import Fleet
import Foundation
import JSON

struct RegisterThingsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "register-things",
        abstract: "Register a whole file of devices, one a line.",
        discussion: """
            The file is newline-delimited JSON: each line one object of parameters for the \
            template. It lies in a source that the setting bulk.sources names. The service works \
            on it by itself: this command may go away, and a crash loses nothing.
            """,
        subcommands: [Start.self, Stop.self, List.self, Show.self, Results.self])

    struct Start: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Begin a registration task.")

        @Argument(help: "The template: a JSON file, or - for standard input") var template: String
        @Option(help: "The source that holds the file, by its name in bulk.sources")
        var source: String
        @Option(help: "The file's path inside the source") var key: String
        @Option(help: "A role's ARN, kept as a label")
        var role = "arn:aws:iam::000000000000:role/registration"
        @Flag(help: "Create thing types and groups that the template names and that are missing")
        var createMissing = false
        @Flag(help: "Wait until the task has ended; exit 1 unless every line was registered")
        var wait = false
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let body = try await TextFile.read(self.template)
                let access = try await ControlAccess.openRunning(self.settings)
                var members: JSONObject = [
                    "templateBody": .string(body), "inputFileBucket": .string(self.source),
                    "inputFileKey": .string(self.key), "roleArn": .string(self.role),
                ]
                if self.createMissing { members["createMissing"] = true }
                let answer = try await access.perform(
                    "StartThingRegistrationTask", body: .object(members))
                guard let id = answer["taskId"]?.stringValue else {
                    throw FleetError(.internalFailure, "the service named no task")
                }
                guard self.wait else {
                    Terminal.say(self.json ? Terminal.json(answer) : id)
                    return
                }
                if !self.json { Terminal.say(id) }
                try await RegisterThingsCommand.follow(id, access, json: self.json)
            } catch { throw Failure.exit(error) }
        }
    }

    struct Stop: ControlCommand {
        static let configuration = CommandConfiguration(
            abstract: "Stop a task; what it has registered stays.")

        @Argument(help: "The task's id") var id: String
        @OptionGroup var options: CommandOptions

        func call(_ access: ControlAccess) -> ControlCall {
            ControlCall("StopThingRegistrationTask", path: ["taskId": self.id])
        }

        func tell(_ answer: JSONValue) { Terminal.say("\(self.id) is being stopped") }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every task of the last 30 days, newest first.")

        @Option(help: "Only tasks that are InProgress, Completed, Failed, Cancelled or Cancelling")
        var status: String?
        @Flag(help: "Print JSON, one task a line") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let access = try await ControlAccess.open(self.settings)
                var rows = [["TASK", "STATUS", "DONE", "REGISTERED", "REFUSED", "INPUT"]]
                var token: String?
                repeat {
                    var query: [String: String] = [:]
                    query["status"] = self.status
                    query["nextToken"] = token
                    let page = try await access.perform("ListThingRegistrationTasks", query: query)
                    for id in page["taskIds"]?.arrayValue?.compactMap(\.stringValue) ?? [] {
                        let task = try await RegisterThingsCommand.progress(of: id, access)
                        if self.json { Terminal.say(Terminal.json(task.json)) }
                        rows.append(task.row)
                    }
                    token = page["nextToken"]?.stringValue
                } while token != nil
                guard !self.json else { return }
                for line in Terminal.table(rows) { Terminal.say(line) }
            } catch { throw Failure.exit(error) }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "How far a task has come.")

        @Argument(help: "The task's id") var id: String
        @Flag(help: "Wait until it has ended; exit 1 unless every line was registered")
        var wait = false
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                if self.wait {
                    let access = try await ControlAccess.openRunning(self.settings)
                    try await RegisterThingsCommand.follow(self.id, access, json: self.json)
                    return
                }
                let access = try await ControlAccess.open(self.settings)
                let task = try await RegisterThingsCommand.progress(of: self.id, access)
                RegisterThingsCommand.say(task, json: self.json)
            } catch { throw Failure.exit(error) }
        }
    }

    struct Results: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "What became of each line: certificates and ARNs, or errors.",
            discussion: """
                One JSON object a line, in the order of the input, with its LineNumber and Offset. \
                While the task goes on it is as much as is done.
                """)

        @Argument(help: "The task's id") var id: String
        @Flag(help: "The lines that were refused, and why") var errors = false
        @Option(help: "Write to this file; it must not be there") var output: String?
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let access = try await ControlAccess.open(self.settings)
                let report = self.errors ? "errors" : "results"
                let output = self.output
                try await access.download(
                    "GetRegistrationReport", path: ["taskId": self.id, "report": report]
                ) { () throws(FleetError) in try ReportSink(path: output) }
            } catch { throw Failure.exit(error) }
        }
    }

    // MARK: What they share

    private static func progress(
        of id: String, _ access: ControlAccess
    ) async throws(FleetError) -> TaskProgress {
        TaskProgress(
            json: try await access.perform(
                "DescribeRegistrationProgress", path: ["taskId": id]))
    }

    private static func say(_ task: TaskProgress, json: Bool) {
        if json {
            Terminal.say(task.json)
        } else {
            for line in Terminal.table(task.rows) { Terminal.say(line) }
        }
    }

    /// Looks at the task until it has ended, with a line of progress on a terminal.
    private static func follow(
        _ id: String, _ access: ControlAccess, json: Bool
    ) async throws(FleetError) {
        var meter = ProgressMeter()
        while true {
            let task = try await Self.progress(of: id, access)
            meter.show(task, at: SystemClock().now)
            guard !task.isEnded else {
                meter.clear()
                Self.say(task, json: json)
                guard task.isWhole else { throw Self.incomplete(task) }
                return
            }
            // A task's progress is asked for, as AWS has it; twice a second is what a person sees.
            try? await Task.sleep(for: .milliseconds(500))
        }
    }

    private static func incomplete(_ task: TaskProgress) -> FleetError {
        FleetError(
            .resourceRegistrationFailure,
            "the task is \(task.status)\(task.message.map { ": \($0)" } ?? "")")
    }
}
