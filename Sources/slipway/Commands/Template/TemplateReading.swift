import ArgumentParser
import Fleet
import Foundation
import JSON

// The commands that only look.

struct ListTemplates: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Every stored template.",
        discussion: "slipway template list --json")

    @Flag(help: "Print JSON") var json = false
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func run() async throws {
        do throws(FleetError) {
            let access = try await ControlAccess.open(self.settings)
            var templates: [JSONValue] = []
            var token: String?
            repeat {
                let page = try await access.perform(
                    "ListProvisioningTemplates", query: token.map { ["nextToken": $0] } ?? [:])
                templates += page["templates"]?.arrayValue ?? []
                token = page["nextToken"]?.stringValue
            } while token != nil
            guard !self.json else { return Terminal.say(.array(templates)) }
            let rows = templates.map { template in
                [
                    template["templateName"]?.stringValue ?? "-",
                    template["enabled"]?.boolValue == true ? "enabled" : "disabled",
                    template["type"]?.stringValue ?? "-",
                    template["description"]?.stringValue ?? "",
                ]
            }
            let header = ["TEMPLATE", "STATE", "TYPE", "DESCRIPTION"]
            for line in Terminal.table([header] + rows) { Terminal.say(line) }
        } catch { throw Failure.exit(error) }
    }
}

struct ShowTemplate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One template: its state, its versions, who uses it.",
        discussion: """
            slipway template show demo-sensor
            slipway template show demo-sensor --registrations 100 --json
            """)

    @Argument(help: "The template's name") var name: String
    @Option(help: "How many of the latest registrations to name") var registrations = 5
    @Flag(help: "Print JSON") var json = false
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func run() async throws {
        do throws(FleetError) {
            let access = try await ControlAccess.open(self.settings)
            let path = try TemplateCommand.path(self.name)
            let template = try await access.perform("DescribeProvisioningTemplate", path: path)
            let use = try await access.perform(
                "DescribeTemplateUse", path: path,
                query: ["registrations": String(self.registrations)])
            guard !self.json else {
                var answer = template.objectValue ?? JSONObject()
                answer["use"] = use
                return Terminal.say(.object(answer))
            }
            self.tell(template, use)
        } catch { throw Failure.exit(error) }
    }

    private func tell(_ template: JSONValue, _ use: JSONValue) {
        let hook = template["preProvisioningHook"]?["targetArn"]?.stringValue
        let authorities = use["authorities"]?.arrayValue ?? []
        var rows = [
            ["template", self.name], ["type", template["type"]?.stringValue ?? "-"],
            ["state", template["enabled"]?.boolValue == true ? "enabled" : "disabled"],
            ["default version", String(template["defaultVersionId"]?.intValue ?? 0)],
            ["description", template["description"]?.stringValue ?? ""],
            ["hook", hook.flatMap { $0.split(separator: ":").last.map(String.init) } ?? "none"],
        ]
        for authority in authorities {
            rows.append(["used by CA", authority.stringValue ?? ""])
        }
        for claim in use["claims"]?.arrayValue ?? [] {
            rows.append(["open to claim", claim["label"]?.stringValue ?? ""])
        }
        for registration in use["registrations"]?.arrayValue ?? [] {
            rows.append([
                "registered",
                "\(registration["registeredAt"]?.stringValue ?? "") by version "
                    + "\(registration["versionId"]?.intValue ?? 0), certificate "
                    + (registration["certificateId"]?.stringValue?.prefix(16)).map { "\($0)…" }
                    .orDash,
            ])
        }
        for line in Terminal.table(rows) { Terminal.say(line) }
    }
}

extension String? {
    fileprivate var orDash: String { self ?? "-" }
}

struct TemplateVersions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "versions",
        abstract: "Every version of a template, with its author, message and digest.",
        discussion: "slipway template versions demo-sensor")

    @Argument(help: "The template's name") var name: String
    @Flag(help: "Print JSON") var json = false
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func run() async throws {
        do throws(FleetError) {
            let access = try await ControlAccess.open(self.settings)
            let versions = try await Self.all(self.name, access)
            guard !self.json else { return Terminal.say(.array(versions)) }
            let rows = versions.map { version in
                [
                    String(version["versionId"]?.intValue ?? 0)
                        + (version["isDefaultVersion"]?.boolValue == true ? " *" : ""),
                    version["createdAt"]?.stringValue ?? "-",
                    version["author"]?.stringValue ?? "-",
                    String((version["digest"]?.stringValue ?? "").prefix(12)),
                    version["message"]?.stringValue ?? "",
                ]
            }
            let header = ["VERSION", "MADE AT", "AUTHOR", "DIGEST", "MESSAGE"]
            for line in Terminal.table([header] + rows) { Terminal.say(line) }
        } catch { throw Failure.exit(error) }
    }

    static func all(
        _ name: String, _ access: ControlAccess
    ) async throws(FleetError) -> [JSONValue] {
        var versions: [JSONValue] = []
        var after: String?
        repeat {
            let page = try await access.perform(
                "ListTemplateHistory", path: try TemplateCommand.path(name),
                query: after.map { ["after": $0] } ?? [:])
            versions += page["versions"]?.arrayValue ?? []
            after = page["next"]?.stringValue
        } while after != nil
        return versions
    }
}

struct ExportTemplate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "A version's body, byte for byte as it was handed in.",
        discussion: """
            slipway template export demo-sensor > demo-sensor.json
            slipway template export demo-sensor --version 3 --output old.json
            """)

    @Argument(help: "The template's name") var name: String
    @Option(help: "The version; else the default one") var version: Int?
    @Option(help: ArgumentHelp("Where to write it, unless the file is there", valueName: "file"))
    var output: String?
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func run() async throws {
        do throws(FleetError) {
            let access = try await ControlAccess.open(self.settings)
            let body = try await Self.body(self.name, self.version, access)
            guard let output = self.output else {
                return FileHandle.standardOutput.write(Data(body.utf8))
            }
            guard !FileManager.default.fileExists(atPath: output) else {
                throw FleetError(
                    .alreadyExists, "'\(output)' is there already: name another file")
            }
            guard FileManager.default.createFile(atPath: output, contents: Data(body.utf8)) else {
                throw FleetError(.invalidRequest, "'\(output)' cannot be written")
            }
            Terminal.say("\(self.name) is written to \(output)")
        } catch { throw Failure.exit(error) }
    }

    static func body(
        _ name: String, _ version: Int?, _ access: ControlAccess
    ) async throws(FleetError) -> String {
        var path = try TemplateCommand.path(name)
        let answer: JSONValue
        if let version {
            path["versionId"] = String(version)
            answer = try await access.perform("DescribeProvisioningTemplateVersion", path: path)
        } else {
            answer = try await access.perform("DescribeProvisioningTemplate", path: path)
        }
        guard let body = answer["templateBody"]?.stringValue else {
            throw FleetError(.internalFailure, "template '\(name)' has no body")
        }
        return body
    }
}
