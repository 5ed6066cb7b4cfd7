import ArgumentParser
import Fleet
import Foundation
import JSON
import Provisioning

struct DiffTemplate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "What another version would do differently, device by device.",
        discussion: """
            slipway template diff demo-sensor --from 3 --to 4 --parameters SerialNumber=S1
            slipway template diff demo-sensor --to 4 --last 50
            slipway template diff demo-sensor changed.json --last 50

            Renders both for the same devices and compares what they come to: parameters given \
            here, or those of the last registrations as their certificates keep them. Each \
            device counts as new, so that the templates are compared and not the registry; what \
            OverrideSettings say of things that exist, and what is asked of certificates, is \
            compared as it is written.

            Exit code: 0 no difference, 2 some, 1 where it cannot be told: also where both refuse \
            every device alike, as they do without a parameter that they need.
            """)

    @Argument(help: "The template's name") var name: String
    @Argument(help: "A file to compare with, in place of --to") var file: String?
    @Option(help: "The version on the left; else the default") var from: Int?
    @Option(help: "The version on the right; else the newest") var to: Int?
    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("One device: NAME=VALUE, or a JSON file", valueName: "file|name=value"))
    var parameters: [String] = []
    @Option(help: "Compare over the last N registrations by this template") var last: Int?
    @Flag(help: "Print JSON") var json = false
    @OptionGroup(title: "Settings") var settings: LocationOptions

    func validate() throws {
        guard self.file == nil || self.to == nil else {
            throw ValidationError("compare with a file or with a version, not both")
        }
        guard self.last.map({ $0 > 0 }) ?? true else {
            throw ValidationError("--last counts registrations: 1 or more")
        }
        guard self.parameters.isEmpty || self.last == nil else {
            throw ValidationError("--parameters and --last exclude each other")
        }
    }

    func run() async throws {
        do {
            let access = try await ControlAccess.open(self.settings)
            let left = try await ExportTemplate.body(self.name, self.from, access)
            let right = try await self.right(access)
            let devices = try await self.devices(access)
            let differences = try await self.compare(left, right, devices, access)
            let changed = differences.filter { !$0.changes.isEmpty }
            let untold = differences.filter { $0.refusal != nil }
            try self.refuseWhereNothingWasTold(untold, of: devices.count)
            let settings = PlanDifference.settings(left, right)
            if self.json {
                Terminal.say([
                    "template": .string(self.name), "devices": .int(devices.count),
                    "different": .int(changed.count), "refusedByBoth": .int(untold.count),
                    "differences": .array(changed.map(\.json)),
                    "settings": .array(settings.map(\.json)),
                ])
            } else {
                for difference in changed { difference.tell() }
                if !settings.isEmpty {
                    Terminal.say("for things that exist, and for certificates")
                    for change in settings { change.tell() }
                }
                let text = left == right ? "; the texts are the same" : ""
                Terminal.say("\(changed.count) of \(devices.count) devices would differ\(text)")
                if !untold.isEmpty {
                    Terminal.say("\(untold.count) of them are refused by both, and tell nothing")
                }
            }
            guard changed.isEmpty, settings.isEmpty else { throw ExitCode(2) }
        } catch let error as FleetError { throw Failure.exit(error) }
    }

    /// Two templates that refuse a device alike may differ in all that they would do.
    private func refuseWhereNothingWasTold(
        _ untold: [Difference], of count: Int
    ) throws(FleetError) {
        guard untold.count == count, let first = untold.first, let refusal = first.refusal else {
            return
        }
        throw FleetError(
            .invalidParameters,
            "both refuse \(count == 1 ? "the device" : "all \(count) devices") alike, which tells "
                + "nothing of what they do (\(refusal)): give --parameters of a device, or --last N"
        )
    }

    private func right(_ access: ControlAccess) async throws(FleetError) -> String {
        if let file = self.file { return try await TextFile.read(file) }
        if let to = self.to { return try await ExportTemplate.body(self.name, to, access) }
        var newest: Int?
        try await TemplateVersions.listing(self.name).forEach(access) { version in
            newest = max(newest ?? 0, version["versionId"]?.intValue ?? 0)
        }
        return try await ExportTemplate.body(self.name, newest, access)
    }

    private func devices(
        _ access: ControlAccess
    ) async throws(FleetError) -> [(label: String, parameters: JSONObject)] {
        guard let last = self.last else {
            let parameters = try await TemplateInput.parameters(self.parameters)
            let object = JSONObject(
                parameters.sorted { $0.key < $1.key }.map { ($0.key, JSONValue.string($0.value)) })
            return [("sample", object)]
        }
        let use = try await access.perform(
            "DescribeTemplateUse", path: try TemplateCommand.path(self.name),
            query: ["registrations": String(last)])
        let registrations = use["registrations"]?.arrayValue ?? []
        guard !registrations.isEmpty else {
            throw FleetError(
                .notFound,
                "no device was registered by template '\(self.name)' yet: give --parameters")
        }
        var defaults: [Int: JSONObject] = [:]
        var devices: [(label: String, parameters: JSONObject)] = []
        for registration in registrations {
            let version = registration["versionId"]?.intValue ?? 0
            if defaults[version] == nil {
                defaults[version] = await self.defaults(of: version, access)
            }
            // What a device left to a default is kept as that default was; another template may
            // have another.
            let sent = (registration["parameters"]?.objectValue ?? [:]).members.filter {
                $0.value != defaults[version]?[$0.key]
            }
            devices.append(
                (
                    "certificate \(registration["certificateId"]?.stringValue?.prefix(16) ?? "")…",
                    JSONObject(sent.map { ($0.key, $0.value) })
                ))
        }
        return devices
    }

    /// Of a version's parameters; none where the version is gone.
    private func defaults(of version: Int, _ access: ControlAccess) async -> JSONObject {
        let limits = JSONLimits(
            bytesMax: TemplateLimits.largest.bodyBytesMax, depthMax: TemplateLimits.depthMax)
        guard let body = try? await ExportTemplate.body(self.name, version, access),
            let root = try? JSONParser.parse(body, limits: limits)
        else { return [:] }
        let parameters = root["Parameters"]?.objectValue?.members ?? []
        return JSONObject(
            parameters.compactMap { name, value in
                value["Default"].map { (name, $0) }
            })
    }

    private struct Difference {
        let label: String
        let parameters: JSONObject
        let changes: [PlanDifference.Change]
        /// What both say, where neither comes to a plan.
        let refusal: String?

        var json: JSONValue {
            [
                "device": .string(self.label), "parameters": .object(self.parameters),
                "changes": .array(self.changes.map(\.json)),
            ]
        }

        func tell() {
            let serial = self.parameters.members.map { "\($0.key)=\($0.value.stringValue ?? "")" }
            let sample = Terminal.line(serial.joined(separator: ", "))
            Terminal.say("\(self.label) (\(sample))")
            for change in self.changes { change.tell() }
        }
    }

    private func compare(
        _ left: String, _ right: String, _ devices: [(label: String, parameters: JSONObject)],
        _ access: ControlAccess
    ) async throws(FleetError) -> [Difference] {
        var bar = StepBar(total: devices.count)
        var differences: [Difference] = []
        for device in devices {
            var reports: [JSONValue] = []
            for body in [left, right] {
                reports.append(
                    try await access.perform(
                        "DryRunProvisioningTemplate",
                        body: [
                            "templateBody": .string(body),
                            "parameters": .object(device.parameters),
                            "against": .string(DryRunRequest.Registry.newThing.rawValue),
                        ]))
            }
            differences.append(
                Difference(
                    label: device.label, parameters: device.parameters,
                    changes: PlanDifference.between(reports[0], reports[1]),
                    refusal: PlanDifference.sharedRefusal(reports[0], reports[1])))
            bar.step()
        }
        bar.clear()
        return differences
    }
}

/// Two dry runs, compared place by place.
enum PlanDifference {
    struct Change {
        let place: String
        let before: String?
        let after: String?

        var json: JSONValue {
            [
                "place": .string(self.place), "before": self.before.map { .string($0) } ?? .null,
                "after": self.after.map { .string($0) } ?? .null,
            ]
        }

        func tell() {
            let place = Terminal.line(self.place)
            if let before { Terminal.say("  - \(place): \(Terminal.line(before))") }
            if let after { Terminal.say("  + \(place): \(Terminal.line(after))") }
        }
    }

    /// The refusal that both reports hold; nil where they differ, or where one has a plan.
    static func sharedRefusal(_ left: JSONValue, _ right: JSONValue) -> String? {
        guard let refusal = left["refusal"], refusal != .null, refusal == right["refusal"] else {
            return nil
        }
        return refusal["message"]?.stringValue ?? JSONPrinter.print(refusal)
    }

    static func between(_ left: JSONValue, _ right: JSONValue) -> [Change] {
        Self.changes(Self.places(of: left), Self.places(of: right))
    }

    /// What a plan for a new device does not show: what becomes of a thing that exists, and what
    /// its certificate has to be.
    static func settings(_ left: String, _ right: String) -> [Change] {
        Self.changes(Self.settings(of: left), Self.settings(of: right))
    }

    private static func settings(of body: String) -> [(place: String, value: String)] {
        let limits = JSONLimits(
            bytesMax: TemplateLimits.largest.bodyBytesMax, depthMax: TemplateLimits.depthMax)
        guard let root = try? JSONParser.parse(body, limits: limits) else { return [] }
        var places: [(place: String, value: String)] = []
        for (name, resource) in root["Resources"]?.objectValue?.members ?? [] {
            let place = "Resources.\(name).OverrideSettings"
            Self.walk(resource["OverrideSettings"] ?? .null, place, &places)
        }
        Self.walk(root["Slipway"]?["Certificate"] ?? .null, "Slipway.Certificate", &places)
        return places
    }

    private static func changes(
        _ before: [(place: String, value: String)], _ after: [(place: String, value: String)]
    ) -> [Change] {
        let places =
            before.map(\.place)
            + after.map(\.place).filter { place in
                !before.contains { $0.place == place }
            }
        return places.compactMap { place in
            let old = before.first { $0.place == place }?.value
            let new = after.first { $0.place == place }?.value
            return old == new ? nil : Change(place: place, before: old, after: new)
        }
    }

    /// Policies are called by the digest of their text, which says nothing to a person: they are
    /// compared by their place.
    private static func places(of report: JSONValue) -> [(place: String, value: String)] {
        var places: [(place: String, value: String)] = []
        Self.walk(report["refusal"] ?? .null, "refusal", &places)
        let plan = report["plan"]
        for member in ["thing", "groups", "certificate", "deviceConfiguration"] {
            Self.walk(plan?[member] ?? .null, member, &places)
        }
        for (index, policy) in (plan?["policies"]?.arrayValue ?? []).enumerated() {
            let document = policy["document"] ?? policy["name"] ?? .null
            Self.walk(document, "policies[\(index)]", &places)
        }
        return places
    }

    private static func walk(
        _ value: JSONValue, _ place: String, _ places: inout [(place: String, value: String)]
    ) {
        switch value {
        case .null: break
        case .object(let object):
            for (key, member) in object.members { Self.walk(member, "\(place).\(key)", &places) }
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                Self.walk(element, "\(place)[\(index)]", &places)
            }
        case .string(let text): places.append((place, text))
        case .bool, .number: places.append((place, JSONPrinter.print(value)))
        }
    }
}
