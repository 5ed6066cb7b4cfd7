import ArgumentParser
import ControlPlane
import Fleet
import Foundation
import JSON

struct AllowlistCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "allowlist", abstract: "Lists of serial numbers that may be provisioned.",
        discussion: """
            Talks to the running service where there is one, else works on the database itself.
            """,
        subcommands: [
            Import.self, Export.self, Add.self, Remove.self, List.self, Show.self, Versions.self,
            Unit.self, Hold.self, Release.self, Block.self, Lease.self,
        ])
}

extension AllowlistCommand {
    struct Import: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Bring a whole file onto a list: all of it or nothing.",
            discussion: """
                The file holds one serial number a line, or CSV with a column called serial, \
                serial_number or SerialNumber (else the first column counts). A bad line keeps \
                the whole file out; the report names it. Exit code 1 then.

                Other columns say more of a unit: key_fingerprint (the device's key, SHA-256), \
                mac, hardware_type, lot, and state (expected, held, blocked); whatever else there \
                is becomes an attribute. What became of a unit is not touched by an import.

                slipway allowlist import line units.csv --dry-run
                slipway allowlist import line units.csv --replace
                """)

        @Argument(help: "The list's name") var list: String
        @Argument(help: "The file; - is standard input") var file: String
        @Flag(help: "The file becomes the whole list: what it does not name is taken off")
        var replace = false
        @Flag(help: "Say what would be added, changed and removed; change nothing")
        var dryRun = false
        @Flag(help: "Print the report as JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do {
                let access = try await ControlAccess.open(self.settings)
                let stream = try FileChunks(path: self.file)
                let report = try await access.perform(
                    "ImportAllowlist", path: try AllowlistCommand.path(self.list),
                    query: [
                        "mode": self.replace ? "replace" : "merge",
                        "dryRun": self.dryRun ? "true" : "false",
                    ], stream: stream)
                if self.json { Terminal.say(report) } else { Self.tell(report) }
                let isGood = self.dryRun && report["badLineCount"]?.intValue == 0
                guard isGood || report["imported"]?.boolValue == true else { throw ExitCode(1) }
            } catch let error as FleetError {
                throw Failure.exit(error)
            }
        }

        private static func tell(_ report: JSONValue) {
            func number(_ key: String) -> Int { report[key]?.intValue ?? 0 }
            for kind in ["badLines", "duplicates"] {
                let issues = report[kind]?.arrayValue ?? []
                for issue in issues {
                    Terminal.complain(
                        "line \(issue["line"]?.intValue ?? 0): "
                            + (issue["message"]?.stringValue ?? ""))
                }
                let count = number(kind == "badLines" ? "badLineCount" : "duplicateCount")
                if count > issues.count {
                    Terminal.complain("… and \(count - issues.count) more such lines")
                }
            }
            if report["dryRun"]?.boolValue == true, number("badLineCount") == 0 {
                return Self.tellTrial(report)
            }
            guard report["imported"]?.boolValue == true else {
                Terminal.complain(
                    "slipway: nothing was imported: \(number("badLineCount")) of "
                        + "\(number("linesRead")) lines are bad; mend them and import again")
                return
            }
            let read = number("serialsRead")
            Terminal.say(
                "\(report["list"]?.stringValue ?? ""): version \(number("version")), "
                    + "\(number("count")) serial numbers (\(number("added")) new, "
                    + "\(read - number("added")) already listed, "
                    + "\(number("duplicateCount")) duplicate lines"
                    + Self.more(number("changed"), number("removed")) + ")")
        }

        private static func more(_ changed: Int, _ removed: Int) -> String {
            (changed > 0 ? ", \(changed) changed" : "")
                + (removed > 0 ? ", \(removed) removed" : "")
        }

        private static func tellTrial(_ report: JSONValue) {
            for kind in ["added", "changed", "removed"] {
                let count = report[kind]?.intValue ?? 0
                let sample = report["\(kind)Sample"]?.arrayValue ?? []
                let names = sample.compactMap(\.stringValue).joined(separator: " ")
                let rest = count > sample.count && count > 0 ? " …" : ""
                Terminal.say("\(kind): \(count)" + (names.isEmpty ? "" : "  \(names)\(rest)"))
            }
            Terminal.say("doubled: \(report["duplicateCount"]?.intValue ?? 0)")
            Terminal.say("nothing was changed: this was a dry run")
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Put serial numbers on a list.")

        @Argument(help: "The list's name; it is made where it does not exist") var list: String
        @Argument(help: "Serial numbers") var serials: [String]
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            try await AllowlistCommand.change(
                "AddAllowlistEntries", self.list, self.serials, self.settings, json: self.json)
        }
    }

    struct Remove: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take serial numbers off a list.",
            discussion: "Devices that were provisioned already keep their certificates.")

        @Argument(help: "The list's name") var list: String
        @Argument(help: "Serial numbers") var serials: [String]
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            try await AllowlistCommand.change(
                "RemoveAllowlistEntries", self.list, self.serials, self.settings,
                json: self.json)
        }
    }

    struct List: ListingCommand {
        static let configuration = CommandConfiguration(abstract: "Every list.")

        @Option(name: .customLong("where"), help: "MEMBER:VALUE, such as name:line-*")
        var filter: String?
        @OptionGroup var pages: PageOptions
        @OptionGroup var options: CommandOptions

        func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
            Listing(
                ControlCall("ListAllowlists"), "allowlists", .after(sized: true),
                [
                    .init("LIST", "name"), .init("VERSION", "version"), .init("SERIALS", "count"),
                    .init("UPDATED", "updatedAt"),
                ], where: try RowFilter(self.filter))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "One list; with a serial number, whether it is on it (exit code 1 if not).")

        @Argument(help: "The list's name") var list: String
        @Argument(help: "A serial number to look up") var serial: String?
        @Flag(help: "Print every serial number on the list, one a line") var entries = false
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do {
                let access = try await ControlAccess.open(self.settings)
                if self.entries { return try await self.printEntries(access) }
                let answer = try await access.perform(
                    "DescribeAllowlist", path: try AllowlistCommand.path(self.list),
                    query: self.serial.map { ["serial": $0] } ?? [:])
                if self.json {
                    Terminal.say(answer)
                } else if let serial = self.serial {
                    let listed = answer["listed"]?.boolValue == true
                    Terminal.say(
                        "\(serial) is \(listed ? "" : "not ")on the allowlist '\(self.list)' "
                            + "(version \(answer["version"]?.intValue ?? 0))")
                } else {
                    let header = ["LIST", "VERSION", "SERIALS", "UPDATED"]
                    for line in Terminal.table([header, AllowlistCommand.row(answer)]) {
                        Terminal.say(line)
                    }
                }
                if self.serial != nil, answer["listed"]?.boolValue != true { throw ExitCode(1) }
            } catch let error as FleetError {
                throw Failure.exit(error)
            }
        }

        private func printEntries(_ access: ControlAccess) async throws(FleetError) {
            var after: String?
            repeat {
                let page = try await access.perform(
                    "ListAllowlistEntries", path: try AllowlistCommand.path(self.list),
                    query: after.map { ["after": $0] } ?? [:])
                for serial in page["serials"]?.arrayValue ?? [] {
                    Terminal.say(serial.stringValue ?? "")
                }
                after = page["next"]?.stringValue
            } while after != nil
        }
    }

    private static func change(
        _ operation: String, _ list: String, _ serials: [String], _ settings: LocationOptions,
        json: Bool
    ) async throws {
        do throws(FleetError) {
            let access = try await ControlAccess.open(settings)
            let answer = try await access.perform(
                operation, path: try Self.path(list),
                body: ["serials": .array(serials.map { .string($0) })])
            guard !json else { return Terminal.say(answer) }
            Terminal.say(
                "\(list): version \(answer["version"]?.intValue ?? 0), "
                    + "\(answer["count"]?.intValue ?? 0) serial numbers")
        } catch { throw Failure.exit(error) }
    }

    /// Judged before it becomes part of a path, in which `a/b` or nothing would be another request.
    static func path(_ list: String) throws(FleetError) -> [String: String] {
        ["list": try AllowlistName(list).rawValue]
    }

    private static func row(_ list: JSONValue) -> [String] {
        [
            list["name"]?.stringValue ?? "", String(list["version"]?.intValue ?? 0),
            String(list["count"]?.intValue ?? 0), list["updatedAt"]?.stringValue ?? "",
        ]
    }
}
