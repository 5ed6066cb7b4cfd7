import ArgumentParser
import ControlPlane
import Fleet
import Foundation
import JSON
import SQLiteStorage

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit", abstract: "The log of everything that changed and was refused.",
        subcommands: [List.self, Verify.self])

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every record, oldest first.",
            discussion: """
                Reads the database itself; a running service is not disturbed. With \
                --endpoint-url it is the log of the service there.
                """)

        @Option(help: "Start after this sequence number") var after: String?
        @Flag(help: "Print one JSON object a line") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                if let endpoint = try await self.settings.endpoint() {
                    return try await self.list(.service(ControlClient(endpoint)))
                }
                let store = try await AuditCommand.open(self.settings)
                var after = self.after
                repeat {
                    let page = try await store.page(ListQuery(.commits, after: after))
                    for case .commit(let commit) in page.records {
                        self.say(AuditShape.json(commit))
                    }
                    after = page.next
                } while after != nil
            } catch { throw Failure.exit(error) }
        }

        /// From a service elsewhere, with the rights of an access key.
        private func list(_ access: ControlAccess) async throws(FleetError) {
            var after = self.after
            repeat {
                let page = try await access.perform(
                    ControlCall("ListAuditRecords", query: ["after": after]))
                for record in page["records"]?.arrayValue ?? [] {
                    self.say(record.objectValue ?? [:])
                }
                after = page["next"]?.stringValue
            } while after != nil
        }

        private func say(_ record: JSONObject) {
            Terminal.say(self.json ? Terminal.json(.object(record)) : Self.line(record))
        }

        private static func line(_ record: JSONObject) -> String {
            func text(_ member: String) -> String { record[member]?.stringValue ?? "" }
            let outcome =
                text("outcome") == "refused"
                ? "refused, \(text("code")): \(text("message"))"
                : "committed, \(record["changes"]?.intValue ?? 0) changes"
            return "\(record["sequence"]?.intValue ?? 0)  \(text("time"))  \(text("actorKind")) "
                + "\(text("actor"))  \(text("action"))  \(outcome)"
        }
    }

    struct Verify: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Rebuild the log's Merkle tree from its rows and compare.",
            discussion: "Exit code 1 where a record was altered, removed or added by hand.")

        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do {
                let store = try await AuditCommand.open(self.settings)
                let report = try await store.verifyAudit()
                if self.json {
                    Terminal.say(Self.json(report))
                } else if report.isIntact {
                    Terminal.say(
                        "the audit log is whole: \(report.entries) records, root \(report.root)")
                } else {
                    for finding in report.findings { Terminal.complain(finding.description) }
                    Terminal.complain(
                        "slipway: the audit log was altered: \(report.findingsCount) findings")
                }
                guard report.isIntact else { throw ExitCode(1) }
            } catch let error as FleetError {
                throw Failure.exit(error)
            }
        }

        private static func json(_ report: AuditReport) -> JSONValue {
            [
                "whole": .bool(report.isIntact), "records": .int(Int(report.entries)),
                "root": .string(report.root), "findingsCount": .int(report.findingsCount),
                "findings": .array(report.findings.map { .string($0.description) }),
            ]
        }
    }

    private static func open(
        _ options: LocationOptions
    ) async throws(FleetError) -> SQLiteFleetStore {
        let installation = try await FleetScan.installation(options)
        guard FileManager.default.fileExists(atPath: installation.database) else {
            throw FleetError(
                .notFound,
                "there is no fleet at '\(installation.database)': run 'slipway init' there, or "
                    + "name the folder with --directory")
        }
        return try FleetDatabase.open(installation.database, .readOnly)
    }
}
