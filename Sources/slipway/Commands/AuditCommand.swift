import ArgumentParser
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
            discussion: "Reads the database itself; a running service is not disturbed.")

        @Option(help: "Start after this sequence number") var after: String?
        @Flag(help: "Print one JSON object a line") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let store = try await AuditCommand.open(self.settings)
                var after = self.after
                repeat {
                    let page = try await store.page(ListQuery(.commits, after: after))
                    for case .commit(let commit) in page.records {
                        Terminal.say(self.json ? Self.json(commit) : Self.line(commit))
                    }
                    after = page.next
                } while after != nil
            } catch { throw Failure.exit(error) }
        }

        private static func line(_ commit: Commit) -> String {
            let outcome =
                switch commit.outcome {
                case .committed: "committed, \(commit.changes.count) changes"
                case .refused(let code, let message): "refused, \(code): \(message)"
                }
            return "\(commit.sequence)  \(commit.time)  \(commit.actor.kind.rawValue) "
                + "\(commit.actor.identity)  \(commit.action)  \(outcome)"
        }

        private static func json(_ commit: Commit) -> String {
            var object: JSONObject = [
                "sequence": .int(Int(commit.sequence)), "time": .string(commit.time.description),
                "actorKind": .string(commit.actor.kind.rawValue),
                "actor": .string(commit.actor.identity),
                "source": commit.actor.sourceAddress.map { .string($0) } ?? nil,
                "action": .string(commit.action),
            ]
            switch commit.outcome {
            case .committed: object["outcome"] = "committed"
            case .refused(let code, let message):
                object["outcome"] = "refused"
                object["code"] = .string(code)
                object["message"] = .string(message)
            }
            object["changes"] = .int(commit.changes.count)
            object["detail"] = .object(commit.detail)
            return JSONPrinter.print(.object(object))
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
        let installation = Installation(try await options.resolve())
        guard FileManager.default.fileExists(atPath: installation.database) else {
            throw FleetError(
                .notFound,
                "there is no fleet at '\(installation.database)': run 'slipway init' there, or "
                    + "name the folder with --directory")
        }
        return try FleetDatabase.open(installation.database, .readOnly)
    }
}
