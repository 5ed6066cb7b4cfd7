import Foundation
import JSON
import Testing

/// Bulk registration at the command line.
@Suite struct RegisterThingsScenarios {
    private static let template = #"""
        {"Parameters": {"Name": {"Type": "String"}}, "Resources": {"thing": {
          "Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "Name"},
            "ThingTypeName": "lamp"}}}}
        """#

    private func workshop() async throws -> Workshop {
        let workshop = try await Workshop().initialized()
        try FileManager.default.createDirectory(
            atPath: "\(workshop.path)/lots", withIntermediateDirectories: true)
        _ = try workshop.write(
            "lots/a.ndjson", "{\"Name\": \"l-1\"}\n{\"Name\": \"l 2\"}\n{\"Name\": \"l-3\"}\n")
        _ = try workshop.write("template.json", Self.template)
        return workshop
    }

    private static let sources = ["SLIPWAY_BULK_SOURCES": "factory=lots"]

    private func start(_ workshop: Workshop, _ options: String...) async throws -> Program.Result {
        try await Program.run(
            [
                "register-things", "start", "\(workshop.path)/template.json", "--source",
                "factory", "--key", "a.ndjson", "--directory", workshop.path,
            ] + options)
    }

    @Test func aFileIsRegisteredAndItsReportsAreReadLater() async throws {
        let workshop = try await self.workshop()
        let service = try await RunningService(workshop, environment: Self.sources)
        let started = try await self.start(workshop, "--wait", "--create-missing", "--json")
        #expect(started.status == 1, "one line is refused, and the exit code says so")
        let task = try JSONParser.parse(started.output)
        #expect(task["status"] == "Completed")
        #expect(task["successCount"] == 2)
        #expect(task["failureCount"] == 1)
        #expect(started.errors.contains("1 lines were not registered"))
        #expect(!started.errors.contains("\u{1B}"), "no progress bar where there is no terminal")
        let id = try #require(task["taskId"]?.stringValue)

        let results = try await workshop.slipway("register-things", "results", id)
        let lines = results.output.split(separator: "\n")
        #expect(lines.count == 2)
        #expect(try JSONParser.parse(String(lines[1]))["LineNumber"] == 3)
        let list = try await workshop.slipway("register-things", "list")
        #expect(list.output.contains("\(id)  Completed  100%  2"))
        #expect(await service.stop() == 0)

        // Beside no service the same commands read the same files.
        let errors = try await workshop.slipway("register-things", "results", id, "--errors")
        let error = try JSONParser.parse(errors.output)
        #expect(error["LineNumber"] == 2)
        #expect(error["ErrorCode"] == "ResourceRegistrationFailureException")
        let shown = try await workshop.slipway("register-things", "show", id)
        #expect(shown.output.contains("factory/a.ndjson"))
        let file = "\(workshop.path)/report.ndjson"
        #expect(
            try await workshop.slipway("register-things", "results", id, "--output", file).status
                == 0)
        #expect(try String(contentsOfFile: file, encoding: .utf8) == results.output)
        let again = try await workshop.slipway(
            "register-things", "results", id, "--output", file)
        #expect(again.status == 1)
        #expect(again.errors.contains("cannot be made"))
    }

    @Test func whatCannotBeIsSaidAtOnce() async throws {
        let workshop = try await self.workshop()
        let alone = try await self.start(workshop)
        #expect(alone.status == 1)
        #expect(alone.errors.contains("slipway serve"))
        let service = try await RunningService(workshop)
        let refused = try await self.start(workshop)
        #expect(refused.status == 1)
        #expect(refused.errors.contains("bulk.sources names none"))
        let id = "00000000-0000-4000-8000-000000000000"
        for command in ["show", "stop", "results"] {
            let missing = try await workshop.slipway("register-things", command, id)
            #expect(missing.status == 1)
            #expect(missing.errors.contains("there is no registration task"))
        }
        #expect(await service.stop() == 0)
    }

    @Test(arguments: [
        ("factory", "expected NAME=FOLDER"), ("f=", "no inputFileBucket"),
        ("factory=ftp://host/", "begins with http"), ("factory=http://host/x", "ends in '/'"),
        ("factory=http://user:word@host/", "holds no password"),
        ("factory=a,factory=b", "taken already"),
    ])
    func sourcesThatAreNoneKeepTheServiceFromStarting(
        sources: String, reason: String
    ) async throws {
        let workshop = try await self.workshop()
        let result = try await workshop.slipway(
            "serve", "--listen-port", "0", environment: ["SLIPWAY_BULK_SOURCES": sources])
        #expect(result.status == 1)
        #expect(result.errors.contains("bulk.sources"))
        #expect(result.errors.contains(reason))
    }
}
