package import JSON

/// What a hook may ask of the fleet.
package enum HookQuestion: Hashable, Sendable {
    /// Whether a list holds a serial number.
    case allowlistContains(list: String, serial: String)
    /// What a list says of a serial number.
    case allowlistGet(list: String, serial: String)
    case registryThing(name: String)
    /// How many things a query finds, no further than `most`.
    case registryCount(query: String, most: Int)

    /// As the script calls it.
    package var function: String {
        switch self {
        case .allowlistContains: "allowlist.contains"
        case .allowlistGet: "allowlist.get"
        case .registryThing: "registry.thing"
        case .registryCount: "registry.count"
        }
    }

    package var arguments: [JSONValue] {
        switch self {
        case .allowlistContains(let list, let serial), .allowlistGet(let list, let serial):
            [.string(list), .string(serial)]
        case .registryThing(let name): [.string(name)]
        case .registryCount(let query, let most): [.string(query), .int(most)]
        }
    }

    /// Reads what `function` and `arguments` say; nil for what is no question.
    package init?(function: String, arguments: [JSONValue]) {
        switch function {
        case "allowlist.contains", "allowlist.get":
            guard arguments.count == 2, let list = arguments[0].stringValue,
                let serial = arguments[1].stringValue
            else { return nil }
            self =
                function == "allowlist.get"
                ? .allowlistGet(list: list, serial: serial)
                : .allowlistContains(list: list, serial: serial)
        case "registry.thing":
            guard arguments.count == 1, let name = arguments[0].stringValue else { return nil }
            self = .registryThing(name: name)
        case "registry.count":
            guard arguments.count == 2, let query = arguments[0].stringValue,
                let most = arguments[1].intValue, most > 0
            else { return nil }
            self = .registryCount(query: query, most: most)
        default: return nil
        }
    }
}

/// A question a hook asked, and what it was told: with the request and its time, all that the
/// hook's answer rests on.
package struct HookRead: Hashable, Sendable {
    package let question: HookQuestion
    package let answer: JSONValue
    /// The list's version, where the question was about one that exists.
    package let version: Int?

    package init(question: HookQuestion, answer: JSONValue, version: Int? = nil) {
        self.question = question
        self.answer = answer
        self.version = version
    }

    package var json: JSONValue {
        var object: JSONObject = [
            "function": .string(self.question.function),
            "arguments": .array(self.question.arguments), "answer": self.answer,
        ]
        object["version"] = self.version.map { .int($0) }
        return .object(object)
    }

    /// - Throws: `FleetError.invalidRequest`, saying what is no recorded read.
    package init(json: JSONValue) throws(FleetError) {
        guard let function = json["function"]?.stringValue,
            let arguments = json["arguments"]?.arrayValue,
            let question = HookQuestion(function: function, arguments: arguments),
            let answer = json["answer"]
        else {
            throw FleetError(
                .invalidRequest,
                "a recorded read has function, arguments and answer, as 'slipway hook run --json' "
                    + "prints them")
        }
        self.init(question: question, answer: answer, version: json["version"]?.intValue)
    }

    /// The same read as provenance keeps it; nil where it was about no list.
    package var allowlist: HookOutcome.AllowlistRead? {
        switch self.question {
        case .allowlistContains(let list, let serial), .allowlistGet(let list, let serial):
            guard let name = try? AllowlistName(list) else { return nil }
            return HookOutcome.AllowlistRead(
                list: name, serial: serial, version: self.version,
                found: self.answer != .bool(false) && self.answer != .null)
        case .registryThing, .registryCount: return nil
        }
    }
}

/// Everything about one run of a hook that a trace can keep: what it was, what it was told, what it
/// said and what it cost. It holds no certificate and no token.
package struct HookTrace: Sendable {
    package let hook: HookName
    /// SHA-256 of the text that judged, hex.
    package let digest: String
    /// What `time.now()` said.
    package let time: UnixTime
    package let claim: JSONObject
    package let outcome: HookOutcome

    package init(script: HookScript, request: HookRequest, outcome: HookOutcome) {
        self.hook = script.name
        self.digest = script.digest
        self.time = request.time
        self.claim = request.claim
        self.outcome = outcome
    }

    package var json: JSONValue {
        var object: JSONObject = [
            "hook": .string(self.hook.rawValue), "digest": .string(self.digest),
            "time": .int(Int(self.time.seconds)), "claim": .object(self.claim),
        ]
        for (key, value) in self.outcome.json.members { object[key] = value }
        return .object(object)
    }

    /// What an audit record keeps: which text said yes, what it wanted kept, and what it cost; its
    /// reads are counted only.
    package var summary: JSONObject {
        let whole = self.outcome.json
        var object: JSONObject = [
            "name": .string(self.hook.rawValue), "digest": .string(self.digest),
            "reads": .int(self.outcome.questions.count),
        ]
        for member in ["reasonCode", "attributes", "cost"] { object[member] = whole[member] }
        return object
    }
}

extension HookOutcome {
    /// The outcome's JSON form, which `slipway hook run --json` prints.
    package var json: JSONObject {
        var object: JSONObject = ["verdict": .string(self.verdict.word)]
        object["denyReason"] = self.verdict.reason
        object["reasonCode"] = self.reasonCode.map { .string($0) }
        object["cause"] = self.verdict.cause.map { .string($0) }
        object["parameterOverrides"] = self.verdict.overrides.map { .object(Self.texts($0)) }
        object["attributes"] = .object(Self.texts(self.attributes))
        object["reads"] = .array(self.questions.map(\.json))
        object["log"] = .array(self.log.map { .string($0) })
        object["cost"] = self.cost?.json
        return object
    }

    private static func texts(_ texts: [String: String]) -> JSONObject {
        JSONObject(texts.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) })
    }
}

extension HookOutcome.Cost {
    package var json: JSONValue {
        [
            "instructions": .int(self.instructions), "bytes": .int(self.bytes),
            "microseconds": .int(self.microseconds),
        ]
    }
}

extension HookOutcome.Verdict {
    /// One of `allowed`, `denied`, `timedOut`, `busy` and `failed`.
    package var word: String {
        switch self {
        case .allowed: "allowed"
        case .denied: "denied"
        case .timedOut: "timedOut"
        case .busy: "busy"
        case .failed: "failed"
        }
    }

    fileprivate var reason: JSONValue? {
        if case .denied(let reason?) = self { .string(reason) } else { nil }
    }

    package var cause: String? {
        if case .failed(let cause) = self { cause } else { nil }
    }

    package var overrides: [String: String]? {
        if case .allowed(let overrides) = self { overrides } else { nil }
    }
}
