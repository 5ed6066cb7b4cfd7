import Foundation
import JSON
import Testing

/// `slipway policy` at the command line: on files, without a service.
@Suite struct PolicyScenarios {
    private static let pump = #"""
        {
          "Version": "2012-10-17",
          "Statement": [
            {
              "Sid": "own",
              "Effect": "Allow",
              "Action": "iot:Connect",
              "Resource": "arn:aws:iot:eu-test-1:111122223333:client/${iot:Connection.Thing.ThingName}"
            },
            {
              "Effect": "Allow",
              "Action": ["iot:Publish", "iot:Receive"],
              "Resource": "arn:aws:iot:eu-test-1:111122223333:topic/t/${iot:Connection.Thing.Attributes[site]}/*"
            },
            {
              "Effect": "Allow",
              "Action": "iot:Subscribe",
              "Resource": "arn:aws:iot:eu-test-1:111122223333:topic/t/*"
            }
          ]
        }
        """#

    private static func file(_ name: String, _ text: String) throws -> String {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("slipway-policy-\(UUID().uuidString.prefix(8))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let path = folder.appendingPathComponent(name).path
        try text.write(toFile: path, atomically: true, encoding: .utf8)
        return path
    }

    @Test func lintNamesEachFindingByItsPlace() async throws {
        let file = try Self.file("pump.json", Self.pump)
        let warned = try await Program.run("policy", "lint", file)
        #expect(warned.status == 1)
        #expect(
            warned.output.hasPrefix("\(file):17:17: warning: iot:Subscribe is checked against")
                && warned.output.hasSuffix("[subscribe-on-topic]\n"), "\(warned.output)")
        #expect(warned.errors.contains("0 errors, 1 warning, 0 notes"))

        let mended = try Self.file(
            "mended.json", Self.pump.replacing("topic/t/*\"", with: "topicfilter/t/*\""))
        let clean = try await Program.run("policy", "lint", mended)
        #expect(clean.status == 0 && clean.output.isEmpty)
        let foreign = try await Program.run("policy", "lint", "--region", "local", mended)
        #expect(foreign.status == 1 && foreign.output.contains("[foreign-arn]"))
    }

    @Test func lintTellsErrorsApart() async throws {
        let file = try Self.file(
            "bad.json", Self.pump.replacing("iot:Publish", with: "iot:Pubish"))
        let result = try await Program.run("policy", "lint", "--json", file)
        #expect(result.status == 2)
        let findings = try JSONParser.parse(result.output).arrayValue
        #expect(
            findings == [
                [
                    "file": .string(file), "line": 12, "column": 18,
                    "pointer": "/Statement/1/Action/0", "severity": "error",
                    "rule": "misspelt-action",
                    "message": "there is no action 'iot:Pubish'; did you mean 'iot:Publish'?",
                ]
            ])
        #expect(try await Program.run("policy", "lint", "/nowhere.json").status == 2)
    }

    @Test func explainSaysWhatAStatementMeans() async throws {
        let file = try Self.file("pump.json", Self.pump)
        let result = try await Program.run("policy", "explain", file)
        #expect(result.status == 0, "\(result.errors)")
        #expect(
            result.output.hasPrefix(
                "0. Allows ('own')\n   to    connect\n   upon  the client id <the thing's name>\n"))
        let json = try await Program.run("policy", "explain", "--json", file)
        let statements = try JSONParser.parse(json.output).arrayValue?[0]["statements"]
        #expect(statements?.arrayValue?[1]["actions"] == ["publish", "receive"])
        let broken = try Self.file("broken.json", "{\"Version\":")
        let refused = try await Program.run("policy", "explain", broken)
        #expect(refused.status == 1 && refused.errors.contains("broken.json: line 1, column 12"))
    }

    @Test func simulateAnswersAndNamesTheStatement() async throws {
        let file = try Self.file("pump.json", Self.pump)
        let who = ["--client-id", "pump-1", "--thing", "pump-1", "--attribute", "site=p7"]
        let may = try await Program.run(
            ["policy", "simulate", file, "connect", "pump-1"] + who)
        #expect(may.status == 0)
        #expect(may.output.hasSuffix("by policy pump version 1 statement 0 'own'\n"))
        let mayNot = try await Program.run(
            ["policy", "simulate", file, "subscribe", "t/x"] + who)
        #expect(mayNot.status == 1)
        #expect(mayNot.output.contains("would, had it 'topicfilter/' in place of 'topic/'"))
        let json = try await Program.run(
            ["policy", "simulate", "--json", file, "publish", "t/p7/x", "--client-id", "pump-1"])
        #expect(json.status == 1)
        let answer = try JSONParser.parse(json.output)
        #expect(answer["decision"] == "IMPLICIT_DENY")
        #expect(
            answer["missingContextValues"] == ["iot:Connection.Thing.Attributes[site]"])
        let question = try await Program.run("policy", "simulate", file, "publsh", "t/x")
        #expect(question.status == 2 && question.errors.contains("did you mean 'publish'?"))
        let usage = try await Program.run("policy", "simulate", file)
        #expect(usage.status == 64)
    }

    /// The gateway's own rules are those that it goes by.
    @Test func simulateTellsWhatTheGatewayRefusesAnyway() async throws {
        let file = try Self.file(
            "open.json",
            #"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#)
        let simulate = ["policy", "simulate", file]
        let reserved = try await Program.run(simulate + ["publish", "$aws/x"])
        #expect(reserved.status == 1)
        #expect(
            reserved.output.hasPrefix(
                "may not, refused whatever policies say: no service answers there\n"
                    + "policies alone: allowed: iot:Publish on "))
        let inactive = try await Program.run(
            simulate + ["connect", "c", "--status", "INACTIVE", "--json"])
        #expect(inactive.status == 1)
        let answer = try JSONParser.parse(inactive.output)
        #expect(answer["decision"] == "REFUSED" && answer["policyDecision"] == "ALLOWED")
        let matrix = try await Program.run(
            simulate + [
                "--matrix", "--client-id", "c", "--last-will", "$aws/w", "--ask", "connect c",
                "--ask", "publish a/+", "--ask", "publish a",
            ])
        #expect(matrix.status == 0, "\(matrix.errors)")
        #expect(matrix.output.hasPrefix("   1        2        3\nc  REFUSED  REFUSED  yes\n"))
        #expect(
            matrix.output.contains(
                "refused whatever policies say:\nc 1 (policies: yes): a reserved topic takes no"))
        let rights = try await Program.run(simulate + ["publish", "$aws/x", "--rights"])
        #expect(rights.status == 0)
    }

    @Test func aMatrixHasARowForEachConnection() async throws {
        let file = try Self.file("pump.json", Self.pump)
        let who = try Self.file(
            "who.json",
            #"""
            {"connections": {
              "pump": {"clientId": "pump-1", "thing": "pump-1", "attributes": {"site": "p7"}},
              "guest": {"clientId": "x", "policies": ["guest.json"]}},
             "questions": ["connect pump-1", "publish t/p7/up"]}
            """#)
        let guest = URL(fileURLWithPath: who).deletingLastPathComponent()
            .appendingPathComponent("guest.json")
        try #"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#
            .write(to: guest, atomically: true, encoding: .utf8)
        let table = try await Program.run(
            "policy", "simulate", file, "--matrix", "--connections", who, "--ask", "publish x")
        #expect(table.status == 0, "\(table.errors)")
        #expect(
            table.output == """
                       1     2     3
                pump   no    yes   yes
                guest  DENY  DENY  DENY

                1  publish x
                2  connect pump-1
                3  publish t/p7/up

                """)
        let own = try await Program.run(
            "policy", "simulate", file, "--matrix", "--json", "--thing", "pump-1")
        #expect(own.status == 0)
        #expect(try JSONParser.parse(own.output)["columns"]?.arrayValue?.count == 3)
    }

    /// A question that is passed over would look like one that was answered.
    @Test(arguments: [
        (#"{"connections": {"a": {}}, "questions": [5]}"#, "/questions is a list of texts"),
        (#"{"connections": {"a": {}}, "questions": "publish x"}"#, "/questions is a list"),
        (#"{"connections": {"a": {}}, "question": ["publish x"]}"#, "there is no 'question'"),
        (#"{"connections": {}}"#, "has no \"connections\""),
        (#"{"connections": {"a": {"clientId": 1}}}"#, "/connections/a/clientId"),
    ])
    func aMistakeInTheRowsOfAMatrixIsNamed(text: String, message: String) async throws {
        let file = try Self.file("pump.json", Self.pump)
        let who = try Self.file("who.json", text)
        let result = try await Program.run(
            "policy", "simulate", file, "--matrix", "--connections", who)
        #expect(result.status == 2 && result.errors.contains(message), "\(result.errors)")
    }

    /// Longer than any policy may be.
    @Test func aMatrixMayHaveManyRows() async throws {
        let file = try Self.file("pump.json", Self.pump)
        let rows = (0..<2000).map { #""pump-\#($0)": {"clientId": "pump-\#($0)"}"# }
        let who = try Self.file(
            "who.json", "{\"connections\": {\(rows.joined(separator: ", "))}}")
        let result = try await Program.run(
            "policy", "simulate", file, "--matrix", "--connections", who, "--ask", "publish x")
        #expect(result.status == 0, "\(result.errors)")
        #expect(result.output.contains("pump-1999"))
    }

    @Test(arguments: [
        ["policy"], ["policy", "lint"], ["policy", "explain"], ["policy", "simulate"],
    ])
    func helpHasExamples(command: [String]) async throws {
        let result = try await Program.run(command + ["--help"])
        #expect(result.status == 0)
        #expect(result.output.contains(command.count == 1 ? "SUBCOMMANDS" : "pump.json"))
    }
}
