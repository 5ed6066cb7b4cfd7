import ArgumentParser
import Fleet
import JSON

// The commands that change something, each one audited change.

struct PutTemplate: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "put",
        abstract: "Check a template and store it as a new version that never changes.",
        discussion: """
            slipway template put pump.json --message 'groups by hall'
            slipway template put pump.json --name pump --enable --hook serial-allowlist
            slipway template put pump.json --no-default
            slipway template put by-subject.json --type JITP

            The service lints the body: an error refuses it, and warnings are printed ('slipway \
            template lint' says them beforehand). The claims that the template is open to are \
            looked through as well: what their policies lack of the dialogue is a warning. The \
            file's name is the template's, unless --name \
            says another. The body that is the default already makes no version. A new template is \
            not enabled until --enable.
            """)

    @Argument(help: "The template's file; - is standard input") var file: String
    @Option(help: "The template's name; else the file's") var name: String?
    @Option(name: .shortAndLong, help: "Why: kept with the version") var message: String?
    @Option(help: "What the template is for") var description: String?
    @Option(help: "A stored hook that judges its devices") var hook: String?
    @Option(help: "FLEET_PROVISIONING (the default of a new template) or JITP; it cannot change")
    var type: String?
    @Flag(help: "Let devices use it") var enable = false
    @Flag(name: .customLong("no-default"), help: "Leave the default version as it is")
    var noDefault = false
    @OptionGroup var options: CommandOptions

    func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
        var request: JSONObject = [
            "templateBody": .string(try await TextFile.read(self.file)),
            "setAsDefault": .bool(!self.noDefault),
        ]
        request["type"] = self.type.map { .string($0) }
        request["message"] = self.message.map { .string($0) }
        request["description"] = self.description.map { .string($0) }
        request["hookName"] = self.hook.map { .string($0) }
        if self.enable { request["enabled"] = true }
        return ControlCall(
            "PutProvisioningTemplate", path: ["templateName": try self.templateName().rawValue],
            body: request)
    }

    func tell(_ answer: JSONValue) {
        for finding in answer["findings"]?.arrayValue ?? [] where finding["severity"] != "note" {
            self.complain(finding)
        }
        self.complain(ofClaims: answer)
        let name = answer["templateName"]?.stringValue ?? ""
        let standard = answer["defaultVersionId"]?.intValue ?? 0
        guard let version = answer["versionId"]?.intValue else {
            return Terminal.say("\(name): the default, version \(standard), has this very body")
        }
        let state = answer["enabled"]?.boolValue == true ? "" : "; not enabled yet"
        Terminal.say(
            "\(name): version \(version), digest \(answer["digest"]?.stringValue ?? ""), "
                + (version == standard
                    ? "is the default" : "is stored, and version \(standard) stays the default")
                + state)
    }

    private func templateName() throws(FleetError) -> TemplateName {
        if let name = self.name { return try TemplateName(name) }
        guard self.file != "-" else {
            throw FleetError(.invalidRequest, "say what the template is called with --name")
        }
        let file = self.file.split(separator: "/").last.map(String.init) ?? self.file
        return try TemplateName(file.hasSuffix(".json") ? String(file.dropLast(5)) : file)
    }

    /// What the service's lint says of a template that it has stored all the same.
    private func complain(_ finding: JSONValue) {
        func text(_ key: String) -> String { finding[key]?.stringValue ?? "" }
        let place = "\(finding["line"]?.intValue ?? 1):\(finding["column"]?.intValue ?? 1)"
        Terminal.complain(
            "\(self.file):\(place): \(text("severity")): \(text("pointer")): \(text("message")) "
                + "[\(text("rule"))]")
    }

    /// A claim that gets a device half way leaves it waiting for an answer, on the line.
    private func complain(ofClaims answer: JSONValue) {
        let claims = answer["claims"]?.arrayValue ?? []
        for claim in claims {
            for problem in claim["problems"]?.arrayValue ?? [] {
                Terminal.complain(
                    "warning: claim '\(claim["label"]?.stringValue ?? "")' "
                        + (problem.stringValue ?? ""))
            }
        }
        guard answer["claims"] != nil, claims.isEmpty, answer["enabled"]?.boolValue == true else {
            return
        }
        Terminal.complain("warning: there is no claim that lets a device register by it")
    }
}

struct DefaultTemplate: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "default", abstract: "Make a version the one that devices are registered by.",
        discussion: "slipway template default demo-sensor 3")

    @Argument(help: "The template's name") var name: String
    @Argument(help: "The version") var version: Int
    @OptionGroup var options: CommandOptions

    func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
        try TemplateCommand.update(self.name, ["defaultVersionId": .int(self.version)])
    }

    func tell(_ answer: JSONValue) {
        Terminal.say("\(self.name): version \(self.version) is the default")
    }
}

struct EnableTemplate: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "enable", abstract: "Let devices use a template.",
        discussion: "slipway template enable demo-sensor")

    @Argument(help: "The template's name") var name: String
    @OptionGroup var options: CommandOptions

    func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
        try TemplateCommand.update(self.name, ["enabled": true])
    }

    func tell(_ answer: JSONValue) { Terminal.say("\(self.name): enabled") }
}

struct DisableTemplate: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "disable", abstract: "Refuse every device that asks for a template.",
        discussion: "slipway template disable demo-sensor")

    @Argument(help: "The template's name") var name: String
    @OptionGroup var options: CommandOptions

    func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
        try TemplateCommand.update(self.name, ["enabled": false])
    }

    func tell(_ answer: JSONValue) { Terminal.say("\(self.name): disabled") }
}

struct DeleteTemplate: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "delete",
        abstract: "Take a template away with all its versions, unless something uses it.",
        discussion: """
            slipway template delete old-sensor
            slipway template delete sensor --version 3

            A template that came from a file stays deleted while the file is as it was. Refused \
            while the template is enabled and while a CA registers its devices by it. \
            Unless --even-if-used also while a claim's policy lets devices register by it, and \
            while a certificate was: certificates keep the template's name, version and digest, \
            but nobody can read the body any more. A version is refused while a certificate that \
            was registered by it is neither revoked nor expired.
            """)

    @Argument(help: "The template's name") var name: String
    @Option(help: "Only this version, which must not be the default one") var version: Int?
    @Flag(help: "Although devices were registered by it") var evenIfUsed = false
    @OptionGroup var options: CommandOptions

    func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall {
        var path = try TemplateCommand.path(self.name)
        if let version = self.version {
            path["versionId"] = String(version)
            return ControlCall(
                "DeleteProvisioningTemplateVersion", path: path, query: self.force)
        }
        let template = try await access.perform("DescribeProvisioningTemplate", path: path)
        guard template["enabled"]?.boolValue != true else {
            throw FleetError(
                .deleteConflict,
                "template '\(self.name)' is enabled, so devices may be on their way: first "
                    + "'slipway template disable \(self.name)'")
        }
        if !self.evenIfUsed {
            try self.refuse(
                try await access.perform(
                    "DescribeTemplateUse", path: path, query: ["registrations": "1"]))
        }
        return ControlCall("DeleteProvisioningTemplate", path: path, query: self.force)
    }

    private var force: [String: String?] { ["force": self.evenIfUsed ? "true" : nil] }

    func tell(_ answer: JSONValue) {
        let version = self.version.map { "version \($0) of " } ?? ""
        Terminal.say("\(version)\(self.name) is deleted")
    }

    private func refuse(_ use: JSONValue) throws(FleetError) {
        if use["registrations"]?.arrayValue?.isEmpty == false {
            throw FleetError(
                .deleteConflict,
                "devices were registered by template '\(self.name)': export it first, then say "
                    + "--even-if-used")
        }
        if let claim = use["claims"]?.arrayValue?.first {
            throw FleetError(
                .deleteConflict,
                "claim '\(claim["label"]?.stringValue ?? "")' lets devices register by template "
                    + "'\(self.name)': take that from its policy, or say --even-if-used")
        }
    }
}

struct PruneTemplate: ControlCommand {
    static let configuration = CommandConfiguration(
        commandName: "prune",
        abstract: "Take away all but the newest versions, the default and those in use.",
        discussion: """
            slipway template prune demo-sensor --keep 100
            slipway template prune demo-sensor --keep 100 --force

            A version is in use while a certificate that was registered by it is neither revoked \
            nor expired. --force takes those away too: the certificates keep the version's number \
            and digest, but nobody can read its body any more. The audit record names them.
            """)

    @Argument(help: "The template's name") var name: String
    @Option(help: "How many to keep") var keep: Int
    @Flag(help: "Also versions by which living certificates were registered") var force = false
    @OptionGroup var options: CommandOptions

    func call(_ access: ControlAccess) throws(FleetError) -> ControlCall {
        ControlCall(
            "PruneTemplateVersions", path: try TemplateCommand.path(self.name),
            body: ["keep": .int(self.keep), "force": .bool(self.force)])
    }

    func tell(_ answer: JSONValue) {
        Terminal.say("\(self.name): \(answer["deleted"]?.intValue ?? 0) versions are gone")
        let kept = (answer["keptInUse"]?.arrayValue ?? []).compactMap(\.intValue)
        guard !kept.isEmpty else { return }
        Terminal.say(
            "kept, as living certificates were registered by them: "
                + kept.map(String.init).joined(separator: ", "))
    }
}
