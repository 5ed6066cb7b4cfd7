import Foundation
import JSON
import Testing

/// `slipway template` at the command line, on files and beside a service.
@Suite struct TemplateScenarios {
    private static let templates = Repository.root.appendingPathComponent("Templates").path

    @Test func everyShippedTemplatePassesItsTestAndIsCoveredWhole() async throws {
        let result = try await Program.run(
            "template", "test", Self.templates, "--fail-under", "100", "--json")
        #expect(result.status == 0, "\(result.output) \(result.errors)")
        let report = try JSONParser.parse(result.output)
        #expect(report["failed"] == 0)
        let tested = Set(
            (report["files"]?.arrayValue ?? []).compactMap { $0["file"]?.stringValue }
                .compactMap { $0.split(separator: "/").last.map(String.init) })
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.templates)
        let bodies = names.filter { name in
            name.hasSuffix(".json") && name.split(separator: ".").count == 2
        }
        #expect(bodies.count >= 6)
        for body in bodies {
            #expect(tested.contains(body.replacing(".json", with: ".test.json")), "\(body)")
        }
    }

    /// What ships has nothing against it but what it means, and says so.
    @Test func everyShippedTemplateIsClean() async throws {
        let names = try FileManager.default.contentsOfDirectory(atPath: Self.templates)
        let files = names.filter { $0.hasSuffix(".json") }.map { "\(Self.templates)/\($0)" }
        let linted = try await Program.run(["template", "lint", "--json"] + files)
        #expect(linted.status == 0, "\(linted.errors)")
        let findings = try JSONParser.parse(linted.output).arrayValue ?? []
        #expect(findings.allSatisfy { $0["severity"] == "note" }, "\(linted.output)")
        let ignored = try await Program.run(
            ["template", "lint", "--json", "--show-ignored"] + files)
        let kept = try JSONParser.parse(ignored.output).arrayValue?.filter {
            $0["ignored"] != nil
        }
        #expect(kept?.allSatisfy { $0["rule"] == "takes-over-thing" } == true)
    }

    /// A claim that would leave its devices waiting is told where a template is put.
    @Test func aPutLooksThroughTheClaims() async throws {
        let workshop = try await Workshop().initialized()
        let service = try await RunningService(workshop)
        let body = try String(
            contentsOfFile: "\(Self.templates)/demo-sensor.json", encoding: .utf8)
        let next = try workshop.write("next.json", body.replacing("\"60\"", with: "\"90\""))
        let whole = try await workshop.slipway(
            "template", "put", next, "--name", "demo-sensor", "--json")
        #expect(whole.status == 0, "\(whole.errors)")
        let claims = try JSONParser.parse(whole.output)["claims"]?.arrayValue ?? []
        #expect(claims.map { $0["problems"] } == [[]])
        // The claim's policy without the topics of the answers.
        let mute = try workshop.write(
            "mute.json",
            #"""
            {"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
             "Action": ["iot:Connect", "iot:Publish"], "Resource": "*"}]}
            """#)
        let changed = try await workshop.slipway(
            "policy", "version", "create", "demo-claim", mute, "--set-default")
        #expect(changed.status == 0, "\(changed.errors)")
        let put = try await workshop.slipway(
            "template", "put", "\(Self.templates)/demo-sensor.json", "--name", "demo-sensor")
        #expect(put.status == 0, "\(put.errors)")
        #expect(put.errors.contains("does not let a device hear that it is registered"))
        let unknown = try await workshop.slipway(
            "template", "put", next, "--name", "other", "--enable")
        #expect(unknown.status == 0, "\(unknown.errors)")
        _ = await service.stop()
    }

    /// Exit code, positions, nearest name, JSON and SARIF of the lint.
    @Test func theLintSaysWhereAndWhatWasMeant() async throws {
        let workshop = try Workshop()
        let body = """
            {"Parameters": {"Serial": {"Type": "String"}},
             "Resources": {
              "thing": {"Type": "AWS::IoT::Thing", "Properties": {"ThingName": {"Ref": "Serail"}}},
              "certificate": {"Type": "AWS::IoT::Certificate",
               "Properties": {"CertificateId": {"Ref": "AWS::IoT::Certificate::Id"}}}}}
            """
        let file = try workshop.write("pump.json", body)
        let human = try await Program.run("template", "lint", file)
        #expect(human.status == 2)
        #expect(
            human.output.hasPrefix(
                "\(file):3:68: error: /Resources/thing/Properties/ThingName:"))
        #expect(human.output.contains("did you mean 'Serial'? [undeclared-parameter]"))
        let machine = try await Program.run("template", "lint", "--json", file)
        let finding = try JSONParser.parse(machine.output).arrayValue?.first
        #expect(finding?["nearest"] == "Serial")
        #expect(finding?["found"] == "'Serail'")
        #expect(finding?["expected"] == "the name of a parameter")
        let sarif = try JSONParser.parse(
            try await Program.run("template", "lint", "--sarif", file).output)
        #expect(sarif["version"] == "2.1.0")
        let spaced = try workshop.write(" sp é.json", body)
        let quoted = try await Program.run("template", "lint", "--sarif", spaced)
        #expect(quoted.output.contains("/%20sp%20%C3%A9.json"), "\(quoted.output)")
        #expect(
            sarif["runs"]?.arrayValue?.first?["results"]?.arrayValue?.first?["ruleId"]
                == "undeclared-parameter")
        let mended = try workshop.write("pump.json", body.replacing("Serail", with: "Serial"))
        let warned = try await Program.run("template", "lint", mended)
        #expect(warned.status == 1, "\(warned.output)")
        #expect(warned.output.contains("[takes-over-thing]"))
        let nothing = try await Program.run("template", "lint", "\(workshop.path)/nothing.json")
        #expect(nothing.status == 2)
        #expect(nothing.output.contains("[unreadable]"))
    }

    @Test func optionsThatDenyEachOtherAreRefused() async throws {
        let file = "\(Self.templates)/demo-sensor.json"
        let lints = [
            ["--json", "--sarif"], ["--type", "JITP", "--claim-policy", "claim.json"],
            ["--type", "FLEET_PROVISIONING", "--subject", "CN=x"], ["--type", "jitp"],
        ]
        for options in lints {
            let result = try await Program.run(["template", "lint", file] + options)
            #expect(result.status == 2 && result.output.isEmpty, "\(options): \(result)")
        }
        for options in [["--json", "--format", "tap"], ["--fail-under", "101"]] {
            let result = try await Program.run(["template", "test", file] + options)
            #expect(result.status != 0 && result.output.isEmpty, "\(options): \(result)")
        }
    }

    /// What is wrong with one file keeps nothing back about the others.
    @Test func brokenSettingsAreAFindingOfTheirTemplate() async throws {
        let workshop = try Workshop()
        let body = try String(
            contentsOfFile: "\(Self.templates)/demo-sensor.json", encoding: .utf8)
        let broken = try workshop.write("a.json", body)
        _ = try workshop.write("a.settings.json", "{")
        let other = try workshop.write("b.json", "[]")
        let linted = try await Program.run("template", "lint", "--json", broken, other)
        #expect(linted.status == 2)
        let found = try JSONParser.parse(linted.output).arrayValue ?? []
        #expect(found.compactMap { $0["file"]?.stringValue } == [broken, other], "\(found)")
        #expect(linted.output.contains("a.settings.json"))
    }

    @Test func aTemplateThatIsNotUTF8GetsOneClearError() async throws {
        let workshop = try Workshop()
        let file = "\(workshop.path)/pump.json"
        let bytes =
            Data(#"{"Resources": {"thing": ""#.utf8) + Data([0xC3, 0x28]) + Data("\"}}".utf8)
        try bytes.write(to: URL(fileURLWithPath: file))
        let linted = try await Program.run("template", "lint", "--json", file)
        #expect(linted.status == 2)
        let findings = try JSONParser.parse(linted.output).arrayValue ?? []
        #expect(findings.count == 1)
        #expect(findings.first?["rule"] == "unreadable")
        #expect(linted.output.contains("is not valid UTF-8"), "\(linted.output)")
        let tried = try await Program.run("template", "dry-run", file, "--against", "EMPTY")
        #expect(tried.status != 0)
        #expect(tried.errors.contains("'\(file)' is not valid UTF-8"), "\(tried.errors)")
    }

    /// One clear error each, and nothing is changed: no version, no audit record.
    @Test func badFilesAreNamedAndChangeNothing() async throws {
        let workshop = try await Workshop().initialized()
        let body = try String(
            contentsOfFile: "\(Self.templates)/demo-sensor.json", encoding: .utf8)
        let deep = String(repeating: "[", count: 400) + String(repeating: "]", count: 400)
        let bad: [(name: String, text: String, says: String)] = [
            ("empty", "", "is empty"),
            ("malformed", body.replacing("\"Resources\":", with: "\"Resources\""), "':'"),
            ("cut", String(body.prefix(900)), "ends"),
            ("twice", "{\"Resources\": {}, \"Resources\": {}}", "twice"),
            ("deep", "{\"Resources\": \(deep)}", "nested deeper"),
            ("marked", "\u{FEFF}" + body, "byte order mark"),
            ("long", body + String(repeating: " ", count: 10_240), "at most 10240"),
            ("text", "\"\(String(repeating: "x", count: 50))\"", "expected an object"),
        ]
        let before = try await workshop.slipway("audit", "verify", "--json")
        for (name, text, says) in bad {
            let file = try workshop.write("\(name).json", text)
            let linted = try await Program.run("template", "lint", file)
            #expect(linted.status == 2, "\(name)")
            #expect(linted.output.contains(says), "\(name): \(linted.output)")
            #expect(linted.output.split(separator: "\n").count == 1, "\(name): \(linted.output)")
            let put = try await workshop.slipway("template", "put", file, "--name", "demo-sensor")
            #expect(put.status == 1 && put.errors.contains(says), "\(name): \(put.errors)")
            let tried = try await workshop.slipway("template", "dry-run", file)
            #expect(tried.status == 1 && tried.errors.contains(says), "\(name): \(tried.errors)")
        }
        let folder = try await Program.run("template", "lint", "\(workshop.path)/Templates/")
        #expect(folder.status == 0, "\(folder)")
        #expect(try await workshop.slipway("audit", "verify", "--json").output == before.output)
        // Line ends are no matter.
        let windows = try workshop.write("windows.json", body.replacing("\n", with: "\r\n"))
        #expect(try await Program.run("template", "lint", windows).status == 0)
    }

    @Test func everyShippedTemplateRendersItsSampleParameters() async throws {
        for name in ["demo-sensor", "cellular-tracker", "jitp-subject"] {
            let result = try await Program.run(
                "template", "dry-run", "\(Self.templates)/\(name).json", "--parameters",
                "\(Self.templates)/\(name).parameters.json", "--against", "EMPTY")
            #expect(result.status == 0, "\(result.output) \(result.errors)")
            #expect(result.output.contains("ACCEPTED"))
            #expect(result.output.contains("nothing was written"))
        }
    }

    @Test func aFailingTestSaysWhatWasFoundInEveryForm() async throws {
        let workshop = try Workshop()
        let test = try workshop.write(
            "Templates/demo-sensor.test.json",
            """
            {"cases": [{"name": "wrong <&> name", "parameters": {"SerialNumber": "S1"},
              "plan": {"thing": {"name": "sensor-S2"}}, "mayNot": ["publish devices/sensor-S1/x"]},
             {"name": "no refusal", "parameters": {"SerialNumber": "S1"},
              "refused": "AccessDenied"}]}
            """)
        let human = try await Program.run("template", "test", test)
        #expect(human.status == 1)
        #expect(human.output.contains(#"expected "sensor-S2", found "sensor-S1""#))
        #expect(human.output.contains("never: default Site") == false)
        #expect(human.output.contains("never: parameter Site"))
        let junit = try await Program.run("template", "test", test, "--format", "junit")
        #expect(junit.status == 1)
        #expect(junit.output.contains(#"name="wrong &lt;&amp;&gt; name""#))
        #expect(junit.output.contains(#"<testsuites tests="2" failures="2">"#))
        let tap = try await Program.run("template", "test", test, "--format", "tap")
        #expect(tap.output.hasPrefix("TAP version 14\n1..2\nnot ok 1 - "))
        // One file that cannot be run is told beside those that can.
        let bad = try workshop.write("Templates/demo-sensor.test.json", #"{"casse": []}"#)
        let folder = (bad as NSString).deletingLastPathComponent
        let whole = try await Program.run("template", "test", folder)
        #expect(whole.status == 1 && whole.output.contains("casse"), "\(whole.output)")
        #expect(whole.output.contains("  ok     a large gateway"))
        let broken = try await Program.run("template", "test", bad, "--format", "junit")
        #expect(broken.output.contains("<error message="), "\(broken.output)")
        let line = try await Program.run("template", "test", bad, "--format", "tap")
        #expect(line.output.contains("not ok 1 - "), "\(line.output)")
    }

    @Test func goldenResultsAreWrittenAndHeldTo() async throws {
        let workshop = try Workshop()
        let test = try workshop.write(
            "Templates/demo-sensor.test.json",
            #"{"cases": [{"name": "one", "parameters": {"SerialNumber": "S1"}}]}"#)
        #expect(try await Program.run("template", "test", test, "--golden").status == 0)
        #expect(try await Program.run("template", "test", test).status == 0)
        let body = try String(
            contentsOfFile: "\(workshop.path)/Templates/demo-sensor.json", encoding: .utf8)
        _ = try workshop.write(
            "Templates/demo-sensor.json", body.replacing("\"60\"", with: "\"90\""))
        let changed = try await Program.run("template", "test", test)
        #expect(changed.status == 1)
        #expect(changed.output.contains("reportEverySeconds"))
    }

    /// A golden file and its test name the same cases, whatever comes of them.
    @Test func aGoldenFileHasEachCaseAndNoOther() async throws {
        let workshop = try Workshop()
        func test(_ cases: String...) throws -> String {
            try workshop.write(
                "Templates/demo-sensor.test.json",
                #"{"cases": [\#(cases.joined(separator: ","))]}"#)
        }
        let one = #"{"name": "one", "parameters": {"SerialNumber": "S1"}}"#
        let refused = #"{"name": "refused", "parameters": {"SerialNumber": "a b"}}"#
        let expecting =
            #"{"name": "b", "parameters": {"SerialNumber": "a b"}, "refused": "InvalidParameters"}"#
        let both = try test(one, refused)
        #expect(try await Program.run("template", "test", both, "--golden").status == 0)
        #expect(try await Program.run("template", "test", both).status == 0)
        let unknown = try await Program.run("template", "test", try test(one, refused, expecting))
        #expect(unknown.status == 1)
        #expect(unknown.output.contains("the golden file does not know this case"))
        let fewer = try await Program.run("template", "test", try test(one))
        #expect(fewer.status == 1)
        #expect(fewer.output.contains("the golden file has this case, and the test has not"))
        // What the test itself says is wrong is nothing to hold it to.
        let wrong = #"{"name": "w", "parameters": {"SerialNumber": "S1"}, "refused": 5002}"#
        let failing = try await Program.run("template", "test", try test(wrong), "--golden")
        #expect(failing.status == 1)
        #expect(failing.output.contains("expected a refusal"))
        let golden = try String(
            contentsOfFile: "\(workshop.path)/Templates/demo-sensor.golden.json", encoding: .utf8)
        #expect(golden.contains("\"refused\"") && !golden.contains("\"w\""))
    }

    @Test func aRefusedDeviceIsAskedNothing() async throws {
        let workshop = try Workshop()
        for question in ["may", "mayNot"] {
            let test = try workshop.write(
                "Templates/demo-sensor.test.json",
                #"{"cases": [{"parameters": {"SerialNumber": "a b"}, "refused": 5002, "#
                    + #""\#(question)": ["publish x"]}]}"#)
            let result = try await Program.run("template", "test", test)
            #expect(result.status == 1, "\(result.output)")
            #expect(result.output.contains("a device that is refused has no policies"))
        }
    }

    @Test func aDryRunSaysNoAndWhy() async throws {
        let workshop = try Workshop()
        let registry = try workshop.write(
            "before.json",
            #"{"thingGroups": ["field"], "things": "#
                + #"{"device-1": {"attributes": {"firmware": "0"}}}}"#
        )
        let refused = try await Program.run(
            "template", "dry-run", "\(Self.templates)/reprovision-fail.json", "--parameters",
            "SerialNumber=1", "--registry", registry)
        #expect(refused.status == 1)
        #expect(refused.output.contains("REFUSED: 409 ResourceConflict"))
        let told = try await Program.run(
            "template", "dry-run", "\(Self.templates)/reprovision-fail.json", "--parameters",
            "SerialNumber=1", "--registry", registry, "--json")
        let report = try JSONParser.parse(told.output)
        #expect(report["against"] == "EMPTY")
        #expect(report["refusal"]?["reasonCode"]?.intValue != nil)
        #expect(report["refusal"]?["retryable"] == false)
        let merged = try await Program.run(
            "template", "dry-run", "\(Self.templates)/reprovision-merge.json", "--parameters",
            "SerialNumber=1", "--registry", registry, "--can", "publish", "devices/device-2/x")
        #expect(merged.output.contains("- attributes.firmware: 0"))
        #expect(merged.output.contains("+ attributes.firmware: 1.0"))
        #expect(merged.status == 1)
        #expect(merged.output.contains("publish devices/device-2/x: no"))
        let serials = try workshop.write("made.txt", "1\n2\n2\na b\n")
        let batch = try await Program.run(
            "template", "dry-run", "\(Self.templates)/reprovision-merge.json", "--serials",
            serials, "--registry", registry, "--json")
        #expect(batch.status == 2, "\(batch.errors)")
        let table = try workshop.write(
            "made.csv", "SerialNumber,Firmware\n7,\"2.0\"\n")
        let csv = try await Program.run(
            "template", "dry-run", "\(Self.templates)/reprovision-merge.json", "--serials", table,
            "--registry", registry)
        #expect(csv.status == 0, "\(csv.errors)")
        #expect(csv.output.contains("created  device-7"))
        // A header of one name is a header, and a file's only open parameter is what a line means.
        let short = try workshop.write("one.csv", "SerialNumber\n8\n")
        let alone = try await Program.run(
            "template", "dry-run", "\(Self.templates)/reprovision-merge.json", "--serials", short,
            "--registry", registry, "--json")
        #expect(try JSONParser.parse(alone.output)["devices"] == 1, "\(alone.output)")
        let other = try String(
            contentsOfFile: "\(Self.templates)/reprovision-merge.json", encoding: .utf8)
        let renamed = try workshop.write(
            "renamed.json", other.replacing("SerialNumber", with: "Serial"))
        let guessed = try await Program.run(
            "template", "dry-run", renamed, "--serials", serials, "--registry", registry, "--json")
        let lines = try JSONParser.parse(guessed.output)["lines"]?.arrayValue ?? []
        #expect(lines.first?["thing"] == "device-1", "\(guessed.output)")
        #expect(lines.last?["reasonCode"]?.intValue != nil)
        let summary = try JSONParser.parse(batch.output)["summary"]
        #expect(
            summary
                == [
                    "created": 1, "updated": 1, "unchanged": 0, "repeated": 1, "refused": 1,
                ])
    }

    @Test(arguments: [false, true])
    func versionsComeWithAuthorAndMessageAndStay(serviceRuns: Bool) async throws {
        let workshop = try await Workshop().initialized()
        var service = serviceRuns ? try await RunningService(workshop) : nil
        let body = try String(
            contentsOfFile: "\(Self.templates)/demo-sensor.json", encoding: .utf8)
        let changed = try workshop.write("next.json", body.replacing("\"60\"", with: "\"90\""))
        let put = try await workshop.slipway(
            "template", "put", changed, "--name", "demo-sensor", "--message", "report less",
            "--json")
        #expect(put.status == 0, "\(put.errors)")
        #expect(try JSONParser.parse(put.output)["versionId"] == 2)
        let again = try await workshop.slipway(
            "template", "put", changed, "--name", "demo-sensor", "--json")
        #expect(try JSONParser.parse(again.output)["created"] == false)
        let versions = try await workshop.slipway("template", "versions", "demo-sensor", "--json")
        let list = try JSONParser.parse(versions.output).arrayValue ?? []
        #expect(list.count == 2)
        #expect(list.last?["message"] == "report less")
        #expect(list.last?["author"]?.stringValue?.isEmpty == false)
        let diff = try await workshop.slipway(
            "template", "diff", "demo-sensor", "--from", "1", "--to", "2", "--parameters",
            "SerialNumber=S1")
        #expect(diff.status == 2, "\(diff.errors)")
        #expect(diff.output.contains("- deviceConfiguration.reportEverySeconds: 60"))
        #expect(diff.output.contains("+ deviceConfiguration.reportEverySeconds: 90"))
        // Without the parameter that both need, neither says what it would do.
        let untold = try await workshop.slipway(
            "template", "diff", "demo-sensor", "--from", "1", "--to", "2")
        #expect(untold.status == 1 && untold.errors.contains("--last N"), "\(untold.errors)")
        #expect(try await workshop.slipway("template", "disable", "demo-sensor").status == 0)

        // The file is as it was when it was loaded, so a start takes nothing back.
        _ = await service?.stop()
        service = try await RunningService(workshop)
        let shown = try await workshop.slipway("template", "show", "demo-sensor", "--json")
        #expect(try JSONParser.parse(shown.output)["defaultVersionId"] == 2)
        #expect(try JSONParser.parse(shown.output)["enabled"] == false)
        _ = await service?.stop()

        // A file that changed is a new version, and nothing but that.
        _ = try workshop.write(
            "Templates/demo-sensor.json", body.replacing("\"60\"", with: "\"30\""))
        service = try await RunningService(workshop)
        let after = try await workshop.slipway("template", "show", "demo-sensor", "--json")
        #expect(try JSONParser.parse(after.output)["defaultVersionId"] == 3)
        #expect(try JSONParser.parse(after.output)["enabled"] == false)
        #expect(try await workshop.slipway("template", "default", "demo-sensor", "1").status == 0)
        let export = try await workshop.slipway("template", "export", "demo-sensor")
        #expect(export.output == body)
        let pruned = try await workshop.slipway(
            "template", "prune", "demo-sensor", "--keep", "1", "--json")
        #expect(try JSONParser.parse(pruned.output)["deleted"] == 1)
        let kept = try await workshop.slipway("template", "delete", "demo-sensor")
        #expect(kept.status == 1 && kept.errors.contains("claim"), "\(kept.errors)")
        let deleted = try await workshop.slipway(
            "template", "delete", "demo-sensor", "--even-if-used")
        #expect(deleted.status == 0, "\(deleted.errors)")
        #expect(try await workshop.slipway("template", "show", "demo-sensor").status == 1)
        _ = await service?.stop()
    }

    /// A template for one way in is none for the other.
    @Test func justInTimeIsTriedByTheSubject() async throws {
        let workshop = try await Workshop().initialized()
        #expect(try await workshop.slipway("template", "enable", "jitp-subject").status == 0)
        let subject = "CN=pump-7,serialNumber=0007,C=AT"
        let tried = try await workshop.slipway(
            "template", "dry-run", "jitp-subject", "--subject", subject, "--json")
        #expect(tried.status == 0, "\(tried.output) \(tried.errors)")
        let thing = try JSONParser.parse(tried.output)["plan"]?["thing"]
        #expect(thing?["attributes"]?["country"] == "AT" && thing?["name"] == "pump-7")
        let claimed = try await workshop.slipway(
            "template", "dry-run", "jitp-subject", "--parameters",
            "\(Self.templates)/jitp-subject.parameters.json")
        #expect(claimed.status == 1 && claimed.output.contains("TemplateDisabled"))
        let other = try await workshop.slipway(
            "template", "dry-run", "demo-sensor", "--subject", subject, "--hook", "none")
        #expect(other.status == 1 && other.output.contains("TemplateDisabled"))
    }

    @Test func aTemplateInUseDoesNotVanish() async throws {
        let workshop = try await Workshop().initialized()
        let refused = try await workshop.slipway("template", "delete", "demo-sensor")
        #expect(refused.status == 1)
        #expect(refused.errors.contains("is enabled"))
    }

    /// A change is judged by the devices that there really are.
    @Test func aDifferenceIsShownOverTheLastRegistrations() async throws {
        let workshop = try await Workshop().initialized()
        let service = try await RunningService(workshop)
        let simulated = try await Program.run(
            "simulate", "--devices", "3", "--serials", "SN-{n:06}", "--template", "demo-sensor",
            "--endpoint", "localhost:\(service.port)", "--claim-cert",
            "\(workshop.path)/pki/claim-demo.pem",
            "--claim-key", "\(workshop.path)/pki/claim-demo.key", "--ca",
            "\(workshop.path)/pki/root-ca.pem")
        #expect(simulated.status == 0, "\(simulated.errors)")
        let body = try String(
            contentsOfFile: "\(Self.templates)/demo-sensor.json", encoding: .utf8)
        let file = try workshop.write(
            "next.json", body.replacing("\"sensor-${SerialNumber}\"", with: "\"s-${SerialNumber}\"")
        )
        let diff = try await workshop.slipway(
            "template", "diff", "demo-sensor", file, "--last", "2", "--json")
        #expect(diff.status == 2, "\(diff.errors)")
        let answer = try JSONParser.parse(diff.output)
        #expect(answer["devices"] == 2 && answer["different"] == 2)
        let change = answer["differences"]?.arrayValue?.first?["changes"]?.arrayValue?.first
        #expect(change?["place"] == "thing.name")
        #expect(change?["before"]?.stringValue?.hasPrefix("sensor-SN-") == true)
        #expect(change?["after"]?.stringValue?.hasPrefix("s-SN-") == true)
        let same = try await workshop.slipway("template", "diff", "demo-sensor", "--last", "9")
        #expect(same.status == 0 && same.output.contains("0 of 3 devices"))
        // A device that comes again meets its thing.
        let again = try await workshop.slipway(
            "template", "dry-run", "demo-sensor", "--parameters", "SerialNumber=SN-000001",
            "Site=plant-7")
        #expect(again.output.contains("+ attributes.site: plant-7"), "\(again.output)")
        let use = try await workshop.slipway("template", "show", "demo-sensor", "--json")
        let used = try JSONParser.parse(use.output)["use"]
        #expect(used?["registrations"]?.arrayValue?.count == 3)
        #expect(used?["claims"]?.arrayValue?.isEmpty == false)
        #expect(try await workshop.slipway("template", "disable", "demo-sensor").status == 0)
        let deleted = try await workshop.slipway("template", "delete", "demo-sensor")
        #expect(deleted.status == 1 && deleted.errors.contains("were registered"))
        let anyway = try await workshop.slipway(
            "template", "delete", "demo-sensor", "--even-if-used")
        #expect(anyway.status == 0, "\(anyway.errors)")
        _ = await service.stop()
    }

    @Test func aLiveDryRunWritesNothing() async throws {
        let workshop = try await Workshop().initialized()
        let service = try await RunningService(workshop)
        let before = try await workshop.slipway("audit", "verify", "--json")
        let asked = try await workshop.slipway(
            "template", "dry-run", "demo-sensor", "--parameters", "SerialNumber=nobody", "--json")
        #expect(asked.status == 1)
        let report = try JSONParser.parse(asked.output)
        #expect(report["refusal"]?["errorCode"] == "AccessDenied")
        #expect(report["hook"]?["outcome"] == "denied")
        let accepted = try await workshop.slipway(
            "template", "dry-run", "demo-sensor", "--parameters", "SerialNumber=SN-000001",
            "--against", "LIVE")
        #expect(accepted.status == 0, "\(accepted.output)")
        let fromDatabase = try await workshop.slipway(
            "template", "dry-run", "demo-sensor", "--parameters", "SerialNumber=SN-000001",
            "--against", "DATABASE")
        #expect(fromDatabase.output == accepted.output)
        let after = try await workshop.slipway("audit", "verify", "--json")
        #expect(before.output == after.output)
        _ = await service.stop()
    }
}
