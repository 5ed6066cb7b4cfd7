import ArgumentParser
import Fleet
import Foundation
import JSON
import Provisioning

struct DryRunTemplate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "dry-run",
        abstract: "Show what a registration would do, and write nothing.",
        discussion: """
            slipway template dry-run demo-sensor --parameters SerialNumber=S1
            slipway template dry-run pump.json --parameters pump.parameters.json --against EMPTY
            slipway template dry-run pump.json --parameters SerialNumber=S1 --registry before.json
            slipway template dry-run demo-sensor --parameters SerialNumber=S1 \
            --can publish devices/sensor-S1/t
            slipway template dry-run demo-sensor --serials made-today.txt --claim line-4

            TEMPLATE is the name of a stored template, or a file. The running service decides, \
            where there is one, with the code that registers devices; else the database is read. \
            --against EMPTY needs neither: no thing, group or type is there but what --registry \
            describes.

            --serials takes one serial number a line, or CSV whose first line names parameters \
            (one alone is enough), or JSON lines. Lines count in their order: a claim's budget \
            that one has spent is not there for the next.

            --can may name parameters, 'devices/sensor-${SerialNumber}/t', and \
            ${iot:Connection.Thing.ThingName} and ${iot:ClientId}. What the gateway refuses \
            whatever policies say (a reserved topic, a topic that is none or too long, anything \
            of a certificate that is not ACTIVE) is a no.

            The certificate is the one that a claim for this template alone would be given, or \
            that --claim would; with --csr for that request. What cannot be known is said.

            --claim applies a claim's terms (template, time, shifts, serial range, budget, and its \
            networks where --source-address says from where) and spends nothing. What the \
            allowlist says of a unit counts where the hook asks a list.

            Exit code: 0 where the registration would be accepted (and every --can is yes), 1 \
            where it would be refused or cannot be tried, 2 where some of --serials are refused or \
            may not do what --can asks.
            """)

    @Argument(help: "A stored template's name, or a file; - is standard input") var template: String
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "NAME=VALUE, or a JSON file of texts; what comes later goes first",
            valueName: "file|name=value"))
    var parameters: [String] = []
    @Option(help: "A version of the stored template; else its default") var version: Int?
    @Option(help: "A claim whose terms are applied") var claim: String?
    @Option(help: "The address that --claim would be used from, and the device connect from")
    var sourceAddress: String?
    @Option(help: "A stored hook's name, a .lua file, or none; else the template's own")
    var hook: String?
    @Option(help: #"What the hook says: {"allowProvisioning": true, "parameterOverrides": {}}"#)
    var hookAnswer: String?
    @Option(help: ArgumentHelp("A signing request in PEM", valueName: "file")) var csr: String?
    @Option(help: "For just-in-time provisioning: a certificate's subject, CN=pump-1,O=Acme")
    var subject: String?
    @Option(help: "LIVE, DATABASE or EMPTY; else the service, or the database where none runs")
    var against: DryRunAgainst?
    @Option(help: ArgumentHelp("What is there before, as JSON; for EMPTY", valueName: "file"))
    var registry: String?
    @Option(help: "The MQTT client id that is asked about; else the thing's name")
    var clientID: String?
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp(
            "A question such as: publish devices/x; repeatable", valueName: "action resource"))
    var can: [String] = []
    @Option(help: ArgumentHelp("A whole batch of devices", valueName: "file")) var serials: String?
    @Option(
        help: """
            The parameter that a bare line of --serials is the value of; else a template file's \
            only one without a default, or SerialNumber
            """)
    var serialParameter: String?
    @Flag(help: "Print JSON") var json = false
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func validate() throws {
        guard self.registry == nil || self.against == nil || self.against == .empty else {
            throw ValidationError("--registry describes the registry for --against EMPTY")
        }
        guard self.registry == nil || TemplateInput.isFile(self.template) else {
            throw ValidationError(
                "--registry describes all there is, and a stored template is not in it: "
                    + "'slipway template export' makes a file of it")
        }
        guard self.csr == nil || self.serials == nil else {
            throw ValidationError(
                "--csr is one device's key, and --serials are many: a key is for one thing")
        }
        guard self.hook == nil || self.hookAnswer == nil else {
            throw ValidationError("--hook and --hook-answer exclude each other")
        }
        guard self.can.count.isMultiple(of: 2) || self.can.allSatisfy({ $0.contains(" ") }) else {
            throw ValidationError("--can takes an action and a resource: --can publish devices/x")
        }
    }

    func run() async throws {
        do {
            var sketch: RegistrySketch?
            if let path = self.registry {
                sketch = try RegistrySketch(json: try await TemplateInput.json(path))
            }
            var request = try await self.request()
            var against = self.against
            if against == .empty, sketch == nil, request["templateName"] != nil {
                // The template has to come from somewhere; the registry is empty all the same.
                request["against"] = .string(DryRunRequest.Registry.empty.rawValue)
                against = nil
            }
            let desk = try await DryRunDesk.open(against, registry: sketch, self.settings)
            let code: ExitCode
            do throws(FleetError) {
                code = try await self.carryOut(request, desk)
            } catch {
                await desk.close()
                throw error
            }
            await desk.close()
            if code != .success { throw code }
        } catch let error as FleetError {
            throw Failure.exit(error)
        }
    }

    private func carryOut(
        _ request: JSONObject, _ desk: DryRunDesk
    ) async throws(FleetError) -> ExitCode {
        if let path = self.serials {
            let file = try await self.file(path, request)
            let batch = try await DryRunBatch.run(file, request, desk)
            if self.json { Terminal.say(batch.json) } else { batch.tell() }
            return batch.isWhole ? .success : ExitCode(2)
        }
        let report = try await desk.run(request)
        if self.json {
            Terminal.say(report)
        } else {
            for line in DryRunText(report).lines { Terminal.say(line) }
        }
        let answers = report["answers"]?.arrayValue ?? []
        let isWhole =
            report["accepted"]?.boolValue == true
            && answers.allSatisfy { $0["allowed"]?.boolValue == true }
        return isWhole ? .success : .failure
    }

    private func file(
        _ path: String, _ request: JSONObject
    ) async throws(FleetError) -> DryRunFile {
        let body = request["templateBody"]?.stringValue
        let parameters = body.flatMap {
            TemplateChecker.check($0, limits: .largest).document?.parameters
        }
        let wanted = (parameters ?? []).filter {
            $0.defaultValue == nil && PseudoParameter(rawValue: $0.name) == nil
                && request["parameters"]?[$0.name] == nil
        }
        let only = wanted.count == 1 ? wanted.first?.name : nil
        return try await DryRunFile(
            path: path, parameter: self.serialParameter ?? only ?? "SerialNumber",
            known: Set((parameters ?? []).map(\.name)))
    }

    // MARK: The request

    private func request() async throws(FleetError) -> JSONObject {
        var request = JSONObject()
        if TemplateInput.isFile(self.template) {
            guard self.version == nil else {
                throw FleetError(.invalidRequest, "--version is for a stored template")
            }
            request["templateBody"] = .string(try await TextFile.read(self.template))
        } else {
            request["templateName"] = .string(try TemplateName(self.template).rawValue)
            request["versionId"] = self.version.map { .int($0) }
        }
        let parameters = try await TemplateInput.parameters(self.parameters)
        request["parameters"] = .object(
            JSONObject(parameters.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }))
        try await self.addHook(to: &request)
        if let csr = self.csr { request["csr"] = .string(try await TextFile.read(csr)) }
        request["subject"] = self.subject.map { .string($0) }
        request["clientId"] = self.clientID.map { .string($0) }
        request["claimName"] = try self.claim.map {
            (name) throws(FleetError) in .string(try ClaimName(name).rawValue)
        }
        request["sourceAddress"] = self.sourceAddress.map { .string($0) }
        if !self.can.isEmpty { request["questions"] = .array(self.questions.map { .string($0) }) }
        return request
    }

    private var questions: [String] {
        guard !self.can.allSatisfy({ $0.contains(" ") }) else { return self.can }
        return stride(from: 0, to: self.can.count - 1, by: 2).map {
            "\(self.can[$0]) \(self.can[$0 + 1])"
        }
    }

    private func addHook(to request: inout JSONObject) async throws(FleetError) {
        if let answer = self.hookAnswer {
            do { request["hookAnswer"] = try JSONParser.parse(answer) } catch {
                throw FleetError(.invalidRequest, "--hook-answer is no JSON: \(error)")
            }
        }
        switch self.hook {
        case nil: break
        case "none": request["withoutHook"] = true
        case let file? where file.hasSuffix(".lua"):
            request["hookSource"] = .string(try await TextFile.read(file))
            // A name that cannot be a hook's is only that of a file.
            let name = try? HookName(HookFiles.name(file))
            request["hookName"] = name.map { .string($0.rawValue) }
        case let name?: request["hookName"] = .string(try HookName(name).rawValue)
        }
    }
}
