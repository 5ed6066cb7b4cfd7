package import Fleet
package import JSON
import Policies

/// What a dry run is asked for, as the control plane and the command line say it in JSON.
package struct DryRunRequest: Sendable {
    /// Which template is tried.
    package enum Trial: Sendable {
        /// One that is stored; nil is its default version.
        case stored(TemplateName, version: Int?)
        /// A body that came along.
        case body(String)
    }

    /// Who answers in place of the template's hook.
    package enum Hook: Sendable {
        /// The template's own; a body that came along has none.
        case own
        case none
        case stored(HookName)
        /// A script that came along, and what it is called.
        case source(String, name: HookName?)
        /// An answer as a script returns it.
        case answer(HookOutcome.Verdict)
    }

    /// What the decision is weighed against.
    package enum Registry: String, Sendable {
        case database = "DATABASE"
        case empty = "EMPTY"
        /// The database, but with the thing not there yet and whatever the template names there:
        /// what the template makes, apart from what it meets.
        case newThing = "NEW_THING"
    }

    package let trial: Trial
    /// What the device sends, and what its certificate's subject says where one is given.
    package private(set) var parameters: [String: String]
    /// A whole batch: what each device sends, over what all of them do; nil for one device.
    package let devices: [[String: String]]?
    /// Of the certificate that the device brings: the registration is just in time, and no hook
    /// is asked.
    package let subject: String?
    package var isJustInTime: Bool { self.subject != nil }
    package let hook: Hook
    package let registry: Registry
    /// A signing request in PEM, for what its certificate would say.
    package let csr: String?
    /// nil for the thing's name, as devices commonly connect.
    package let clientID: String?
    /// Whose terms are applied; nil for nobody's.
    package let claim: ClaimName?
    /// Where the claim would be used from, and the device connect from; nil for wherever it may.
    package let sourceAddress: String?
    /// `publish devices/x`, each answered by the policies that the device would have.
    package let questions: [String]

    /// Members of the JSON form; every one but the template is optional.
    package static let members = [
        "templateName", "versionId", "templateBody", "parameters", "hookName", "hookSource",
        "hookAnswer", "withoutHook", "against", "csr", "clientId", "questions", "subject",
        "claimName", "sourceAddress", "devices",
    ]

    /// - Throws: `FleetError.invalidRequest`, naming the member that is wrong.
    package init(json: JSONValue) throws(FleetError) {
        guard let object = json.objectValue else {
            throw Self.wrong("", "a dry run is an object, not \(json.kindName)")
        }
        for key in object.keys where !Self.members.contains(key) {
            throw Self.wrong(
                "/\(key.clipped)",
                "is not understood; known are \(Self.members.joined(separator: ", "))")
        }
        self.trial = try Self.trial(object)
        self.hook = try Self.hook(object)
        let subject = try Self.text(object, "subject")
        self.subject = subject
        var parameters = try Self.texts(object["parameters"], at: "/parameters")
        if let subject { parameters.merge(try SubjectParameters.of(subject)) { $1 } }
        self.parameters = parameters
        self.devices = try Self.devices(object["devices"])
        self.csr = try Self.text(object, "csr")
        guard self.csr == nil || self.devices == nil else {
            throw Self.wrong("/csr", "is one device's key, and cannot stand beside devices")
        }
        self.clientID = try Self.text(object, "clientId")
        self.claim = try Self.text(object, "claimName").map(ClaimName.init)
        self.sourceAddress = try Self.text(object, "sourceAddress")
        if let address = self.sourceAddress, IPNetwork(address: address) == nil {
            throw Self.wrong("/sourceAddress", "is an IP address, not '\(address.clipped)'")
        }
        let against = try Self.text(object, "against") ?? Registry.database.rawValue
        guard let registry = Registry(rawValue: against) else {
            throw Self.wrong(
                "/against", "is DATABASE, EMPTY or NEW_THING, not '\(against.clipped)'")
        }
        self.registry = registry
        let asked = object["questions"] ?? .array([])
        guard asked == .null || asked.arrayValue != nil else {
            throw Self.wrong("/questions", "is a list of texts, not \(asked.kindName)")
        }
        let questions = asked.arrayValue ?? []
        guard questions.count <= Self.questionsMax else {
            throw Self.wrong("/questions", "are at most \(Self.questionsMax)")
        }
        guard questions.count * (self.devices?.count ?? 1) <= Self.answersMax else {
            throw Self.wrong(
                "/questions", "times the devices are at most \(Self.answersMax)")
        }
        self.questions = try questions.map { value throws(FleetError) in
            guard let text = value.stringValue else {
                throw Self.wrong("/questions", "are texts such as 'publish devices/x'")
            }
            return text
        }
    }

    /// Questions at once.
    package static let questionsMax = 256
    /// Devices at once; a longer batch comes in several requests.
    package static let devicesMax = 500
    /// Questions times devices: what one request may have the engine decide.
    package static let answersMax = 30_000

    /// The same for one device of a batch.
    func of(_ device: [String: String]) -> DryRunRequest {
        var request = self
        request.parameters.merge(device) { $1 }
        return request
    }

    private static func devices(
        _ value: JSONValue?
    ) throws(FleetError) -> [[String: String]]? {
        guard let value, value != .null else { return nil }
        guard let elements = value.arrayValue, (1...Self.devicesMax).contains(elements.count) else {
            throw Self.wrong(
                "/devices", "is a list of 1 to \(Self.devicesMax) objects, each of texts")
        }
        var devices: [[String: String]] = []
        for (index, element) in elements.enumerated() {
            devices.append(try Self.texts(element, at: "/devices/\(index)"))
        }
        return devices
    }

    private static func trial(_ object: JSONObject) throws(FleetError) -> Trial {
        let name = try Self.text(object, "templateName")
        switch (name, object["templateBody"]) {
        case (let name?, nil):
            let version = object["versionId"]
            guard version == nil || (version?.intValue ?? 0) > 0 else {
                throw Self.wrong("/versionId", "is a number from 1")
            }
            return .stored(try TemplateName(name), version: version?.intValue)
        case (nil, .string(let body)): return .body(body)
        case (nil, let body?) where body.objectValue != nil:
            return .body(JSONPrinter.print(body))
        case (nil, nil): throw Self.wrong("", "name a template, or send a templateBody")
        case (nil, .some): throw Self.wrong("/templateBody", "is the template as text")
        case (.some, .some):
            throw Self.wrong("/templateBody", "cannot stand beside a templateName")
        }
    }

    private static func hook(_ object: JSONObject) throws(FleetError) -> Hook {
        var hooks: [Hook] = []
        let name = try Self.text(object, "hookName").map(HookName.init)
        if let source = try Self.text(object, "hookSource") {
            hooks.append(.source(source, name: name))
        } else if let name {
            hooks.append(.stored(name))
        }
        if let answer = object["hookAnswer"] { hooks.append(.answer(try Self.verdict(answer))) }
        if let without = object["withoutHook"], without != .null {
            guard let isWithout = without.boolValue else {
                throw Self.wrong("/withoutHook", "is true or false, not \(without.kindName)")
            }
            if isWithout { hooks.append(.none) }
        }
        guard hooks.count <= 1 else {
            throw Self.wrong(
                "",
                "hookName, hookAnswer and withoutHook exclude each other; hookName names a "
                    + "hookSource that stands beside it")
        }
        return hooks.first ?? .own
    }

    /// An answer as AWS's hooks give it: `allowProvisioning`, `parameterOverrides`; and beyond AWS
    /// a `denyReason`.
    package static func verdict(_ answer: JSONValue) throws(FleetError) -> HookOutcome.Verdict {
        guard let object = answer.objectValue,
            let isAllowed = object["allowProvisioning"]?.boolValue
        else {
            throw Self.wrong("/hookAnswer", "is an object with allowProvisioning, true or false")
        }
        let known = ["allowProvisioning", "parameterOverrides", "denyReason"]
        for key in object.keys where !known.contains(key) {
            throw Self.wrong(
                "/hookAnswer/\(key.clipped)",
                "is not understood; known are \(known.joined(separator: ", "))")
        }
        guard isAllowed else { return .denied(reason: object["denyReason"]?.stringValue) }
        return .allowed(
            parameterOverrides: try Self.texts(
                object["parameterOverrides"], at: "/hookAnswer/parameterOverrides"))
    }

    private static func text(
        _ object: JSONObject, _ member: String
    ) throws(FleetError) -> String? {
        switch object[member] {
        case nil, .null: return nil
        case .string(let text): return text
        case .some(let other): throw Self.wrong("/\(member)", "is text, not \(other.kindName)")
        }
    }

    /// - Throws: `FleetError.invalidRequest` for anything but an object of texts.
    package static func texts(
        _ value: JSONValue?, at place: String
    ) throws(FleetError) -> [String: String] {
        guard let value, value != .null else { return [:] }
        guard let object = value.objectValue else {
            throw Self.wrong(place, "is an object of texts, not \(value.kindName)")
        }
        var texts: [String: String] = [:]
        for (key, value) in object.members {
            guard let text = value.stringValue else {
                throw Self.wrong("\(place)/\(key.clipped)", "is text, not \(value.kindName)")
            }
            texts[key] = text
        }
        return texts
    }

    private static func wrong(_ place: String, _ what: String) -> FleetError {
        FleetError(.invalidRequest, place.isEmpty ? what : "\(place) \(what)")
    }
}
