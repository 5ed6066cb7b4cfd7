import ArgumentParser
import CertificateAuthority
import Fleet
import Foundation
import JSON
import Policies
import Provisioning

struct LintTemplates: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lint",
        abstract: "Find what is wrong with templates, and what is probably not meant.",
        discussion: """
            slipway template lint Templates/gateway.json
            slipway template lint Templates/
            slipway template lint --json Templates/*.json
            slipway template lint --sarif Templates/*.json > templates.sarif
            slipway template lint jitp.json --type JITP --subject 'CN=pump-1,O=Acme'
            slipway template lint pump.json --claim-policy claim.json

            Each finding is a line FILE:LINE:COLUMN: SEVERITY: what it is [RULE]. A warning or \
            note that is meant is kept back by the template itself, with a reason:
              "Slipway": {"Lint": {"Ignore": [{"Rule": "takes-over-thing", "Reason": "why"}]}}
            The type is NAME.settings.json's, where that lies beside. Files NAME.settings.json, \
            NAME.parameters.json, NAME.test.json and NAME.golden.json are passed over.

            Exit code: 2 where a template would be refused (error), 1 where it does something \
            that it should not (warning), 0 where there is nothing but notes.
            """)

    @Argument(help: "Templates, or folders of them; - is standard input") var files: [String] = []
    @Flag(help: "Print the findings as JSON") var json = false
    @Flag(help: "Print the findings as SARIF 2.1.0, for code hosts") var sarif = false
    @Flag(help: "Print every rule and its severity") var rules = false
    @Flag(name: .customLong("show-ignored"), help: "Also what the templates' exceptions keep back")
    var showsIgnored = false
    @Option(help: "FLEET_PROVISIONING or JITP") var type: String?
    @Option(help: "A subject as the authority makes them; it has to fill the parameters")
    var subject: String?
    @Option(help: "The policy of the claim whose devices use the template")
    var claimPolicy: String?
    @Option(help: "The template's name; else the file's") var name: String?
    @Option(help: "The service's region") var region = Realm.standard.region
    @Option(help: "The service's account") var account = Realm.standard.account
    @OptionGroup(title: "Settings") var settings: LocationOptions

    private static let companions = ["settings", "parameters", "test", "golden"]

    func run() async throws {
        if self.rules { return self.listRules() }
        let code: Int32
        do throws(FleetError) { code = try await self.lintAll() } catch {
            Terminal.complain("slipway: \(error.message)")
            throw ExitCode(2)
        }
        guard code == 0 else { throw ExitCode(code) }
    }

    private func lintAll() async throws(FleetError) -> Int32 {
        try self.requireOneMeaning()
        var files: [String] = []
        for file in self.files { files += try Self.below(file) }
        files = files.filter { file in
            !Self.companions.contains { file.hasSuffix(".\($0).json") }
        }
        guard !files.isEmpty else {
            throw FleetError(
                .invalidRequest,
                self.files.isEmpty
                    ? "say which templates"
                    : "there is no template in '" + self.files.joined(separator: "', '") + "'")
        }
        let settings = try await self.settings.resolve()
        var shared = TemplateLint.Context()
        shared.limits = settings.templateLimits
        shared.profiles = Self.profiles(settings)
        var report = TemplateLintReport()
        for file in files {
            let (found, text) = try await self.lint(file, shared)
            report.add(file, found, text: self.sarif ? text : "")
        }
        if self.sarif {
            Terminal.say(report.sarif)
        } else if self.json {
            Terminal.say(report.json(ignored: self.showsIgnored))
        } else {
            for line in report.lines(ignored: self.showsIgnored) { Terminal.say(line) }
            Terminal.complain(report.summary)
        }
        return report.exitCode
    }

    /// Options of which one says what another denies.
    private func requireOneMeaning() throws(FleetError) {
        guard !self.json || !self.sarif else {
            throw FleetError(.invalidRequest, "--json and --sarif are two forms: say one")
        }
        guard let type = self.type else { return }
        guard let kind = ProvisioningTemplate.Kind(rawValue: type) else {
            throw FleetError(
                .invalidRequest, "--type is FLEET_PROVISIONING or JITP, not '\(type.clipped)'")
        }
        guard kind != .jitp || self.claimPolicy == nil else {
            throw FleetError(
                .invalidRequest, "--claim-policy goes with FLEET_PROVISIONING: JITP has no claims")
        }
        guard kind == .jitp || self.subject == nil else {
            throw FleetError(
                .invalidRequest,
                "--subject goes with JITP: no certificate's subject fills the parameters of a "
                    + "template of type \(type)")
        }
    }

    /// The file itself, or every `.json` of a folder in the order of their names.
    private static func below(_ path: String) throws(FleetError) -> [String] {
        var isFolder: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isFolder),
            isFolder.boolValue
        else { return [path] }
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: path) else {
            throw FleetError(.invalidRequest, "the folder '\(path)' cannot be read")
        }
        let folder = path.hasSuffix("/") ? String(path.dropLast()) : path
        return names.filter { $0.hasSuffix(".json") }.sorted().map { "\(folder)/\($0)" }
    }

    /// Of the installation that the command runs in; nil where there is none, or none that can be
    /// read.
    private static func profiles(_ settings: ResolvedSettings) -> [String]? {
        let folder = ProfileFolder(settings, Installation(settings))
        guard FileManager.default.fileExists(atPath: folder.path) else { return nil }
        return (try? folder.load())?.issuing(nil).forDevices
    }

    private func lint(
        _ file: String, _ shared: TemplateLint.Context
    ) async throws(FleetError) -> (report: TemplateLint.Report, text: String) {
        let body: String
        do throws(TextFile.Fault) { body = try await TextFile.load(file) } catch {
            return (TemplateLint.Report(unreadable: error.error, at: error.position), "")
        }
        var context = shared
        context.realm = try Realm(region: self.region, account: self.account)
        context.subject = self.subject
        do throws(FleetError) { context.kind = try await self.kind(beside: file) } catch {
            // The other files have findings of their own.
            return (TemplateLint.Report(unreadable: error, at: nil), body)
        }
        if let path = self.claimPolicy, context.kind != .jitp {
            let policy = try await PolicyFile(path: path).document(.device)
            let compiled = CompiledPolicy(
                policy, name: PolicyName(checked: "claim"), version: 1)
            context.claim = ([compiled], try self.templateName(file))
        }
        return (try TemplateLint.report(of: body, in: context), body)
    }

    private func kind(
        beside file: String
    ) async throws(FleetError) -> ProvisioningTemplate.Kind? {
        if let kind = self.type.flatMap(ProvisioningTemplate.Kind.init(rawValue:)) { return kind }
        guard file.hasSuffix(".json") else { return nil }
        let settings = file.dropLast(".json".count) + ".settings.json"
        guard FileManager.default.fileExists(atPath: String(settings)) else { return nil }
        do throws(FleetError) {
            return try TemplateSettings(json: try await TextFile.read(String(settings))).kind
        } catch {
            throw FleetError(error.code, "'\(settings)', \(error.message)")
        }
    }

    private func templateName(_ file: String) throws(FleetError) -> TemplateName {
        if let name = self.name { return try TemplateName(name) }
        let last = file.split(separator: "/").last.map(String.init) ?? file
        return try TemplateName(last.hasSuffix(".json") ? String(last.dropLast(5)) : last)
    }

    private func listRules() {
        if self.json {
            let rules = TemplateRule.all.map { rule -> JSONValue in
                [
                    "rule": .string(rule.id), "severity": .string(rule.severity.rawValue),
                    "summary": .string(rule.summary),
                ]
            }
            return Terminal.say(.array(rules))
        }
        let rows = TemplateRule.all.map { [$0.id, $0.severity.rawValue, $0.summary] }
        for line in Terminal.table([["RULE", "SEVERITY", "ABOUT"]] + rows) { Terminal.say(line) }
    }
}
