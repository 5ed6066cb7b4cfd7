import ArgumentParser
import Fleet
import Foundation
import JSON

// The commands that only look.

struct ListTemplates: ListingCommand {
    static let configuration = CommandConfiguration(
        commandName: "list", abstract: "Every stored template.",
        discussion: """
            slipway template list --json
            slipway template list --where 'enabled:true templateName:line-*'
            """)

    @OptionGroup var rows: RowOptions
    @OptionGroup var options: CommandOptions

    func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
        Listing(
            ControlCall("ListProvisioningTemplates"), "templates", .token,
            [
                .init("TEMPLATE", "templateName"),
                .init("STATE") { $0["enabled"]?.boolValue == true ? "enabled" : "disabled" },
                .init("TYPE", "type"),
                .init("DESCRIPTION") { $0["description"]?.stringValue ?? "" },
            ], where: try RowFilter(self.rows.filter))
    }
}

struct ShowTemplate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "show", abstract: "One template: its state, who uses it.",
        discussion: """
            Its versions: slipway template versions NAME.

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

struct TemplateVersions: ListingCommand {
    static let configuration = CommandConfiguration(
        commandName: "versions",
        abstract: "Every version of a template, with its author, message and digest.",
        discussion: "slipway template versions demo-sensor")

    @Argument(help: "The template's name") var name: String
    @OptionGroup var options: CommandOptions

    func listing(_ access: ControlAccess) throws(FleetError) -> Listing {
        try Self.listing(self.name)
    }

    static func listing(_ name: String) throws(FleetError) -> Listing {
        Listing(
            ControlCall("ListTemplateHistory", path: try TemplateCommand.path(name)), "versions",
            .after(sized: false),
            [
                .init("VERSION") { version in
                    String(version["versionId"]?.intValue ?? 0)
                        + (version["isDefaultVersion"]?.boolValue == true ? " *" : "")
                }, .init("MADE AT", "createdAt"), .init("AUTHOR", "author"),
                .init("DIGEST") { String(($0["digest"]?.stringValue ?? "").prefix(12)) },
                .init("MESSAGE") { $0["message"]?.stringValue ?? "" },
            ])
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
