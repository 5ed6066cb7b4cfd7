package import Fleet
package import JSON
import Policies

/// `NAME.test.json`: what a template must do, case by case.
package struct TemplateTestFile: Sendable {
    package struct Case: Sendable {
        package let name: String
        package let parameters: JSONObject
        /// An answer as a hook gives it; nil where no hook is asked.
        package let hook: JSONValue?
        /// A Lua file beside the test, asked in the sandbox.
        package let hookFile: String?
        package let csr: String?
        /// The subject of the certificate that a device brings, for just-in-time provisioning.
        package let subject: String?
        package let clientID: String?
        package let sourceAddress: String?
        package let registry: RegistrySketch
        package let expectation: Expectation
    }

    /// What must come of a case; what is not said is not looked at.
    package struct Expectation: Sendable {
        /// A part of the plan.
        package var plan: JSONValue?
        /// The whole plan.
        package var wholePlan: JSONValue?
        /// The changes of a thing that is there, all of them.
        package var difference: JSONValue?
        /// A part of what a signing request's certificate would say.
        package var certificate: JSONValue?
        package var may: [String] = []
        package var mayNot: [String] = []
        /// `errorCode`, `reasonCode` or `reason`, and a piece of the `message`.
        package var refusal: JSONValue?

        /// Nothing is expected, so that only a golden file can tell.
        package var isEmpty: Bool {
            self.plan == nil && self.wholePlan == nil && self.difference == nil
                && self.certificate == nil && self.may.isEmpty && self.mayNot.isEmpty
                && self.refusal == nil
        }
    }

    /// The template's file, beside the test; nil for the one of the same name.
    package let template: String?
    package let cases: [Case]

    private static let members = ["template", "registry", "cases"]
    private static let caseMembers = [
        "name", "parameters", "hook", "hookFile", "csr", "subject", "clientId", "sourceAddress",
        "registry", "plan", "wholePlan", "difference", "certificate", "may", "mayNot", "refused",
    ]
    /// Cases in one file.
    private static let casesMax = 10_000

    /// - Throws: `FleetError.invalidRequest`, naming the place that is wrong.
    package init(json: JSONValue) throws(FleetError) {
        let object = try Self.object(json, at: "the file", knowing: Self.members)
        self.template = object["template"]?.stringValue
        guard let cases = object["cases"]?.arrayValue, !cases.isEmpty else {
            throw Self.wrong("/cases", "is a list of at least one case")
        }
        guard cases.count <= Self.casesMax else {
            throw Self.wrong("/cases", "has \(cases.count) cases; at most \(Self.casesMax)")
        }
        var read: [Case] = []
        var places: [String: String] = [:]
        for (index, value) in cases.enumerated() {
            let place = "/cases/\(index)"
            let item = try Self.object(value, at: place, knowing: Self.caseMembers)
            do throws(FleetError) {
                read.append(try Self.read(item, number: index + 1, shared: object["registry"]))
            } catch { throw Self.wrong(place, error.message) }
            // What a case came to is kept, and told, under its name.
            let name = read[index].name
            if let other = places.updateValue(place, forKey: name) {
                throw Self.wrong(
                    place, "is called '\(name.clipped)', and so is \(other): names differ")
            }
        }
        self.cases = read
    }

    private static func read(
        _ item: JSONObject, number: Int, shared: JSONValue?
    ) throws(FleetError) -> Case {
        guard item["hook"] == nil || item["hookFile"] == nil else {
            throw Self.wrong("/hook", "cannot stand beside hookFile")
        }
        if let hook = item["hook"] { _ = try DryRunRequest.verdict(hook) }
        let parameters = try DryRunRequest.texts(item["parameters"], at: "/parameters")
        var expectation = Expectation()
        expectation.plan = item["plan"]
        expectation.wholePlan = item["wholePlan"]
        expectation.difference = item["difference"]
        expectation.certificate = item["certificate"]
        expectation.may = try Self.texts(item["may"], at: "/may")
        expectation.mayNot = try Self.texts(item["mayNot"], at: "/mayNot")
        if let both = expectation.may.first(where: expectation.mayNot.contains) {
            throw Self.wrong("/mayNot", "names '\(both.clipped)', and so does /may")
        }
        if let refused = item["refused"] {
            expectation.refusal =
                if let code = refused.stringValue {
                    ["errorCode": .string(code)]
                } else if let number = refused.intValue {
                    ["reasonCode": .int(number)]
                } else {
                    .object(
                        try Self.object(
                            refused, at: "/refused",
                            knowing: ["errorCode", "reasonCode", "reason", "message"]))
                }
        }
        return Case(
            name: item["name"]?.stringValue ?? "case \(number)",
            parameters: JSONObject(
                parameters.sorted { $0.key < $1.key }.map { ($0.key, .string($0.value)) }),
            hook: item["hook"], hookFile: item["hookFile"]?.stringValue,
            csr: item["csr"]?.stringValue, subject: item["subject"]?.stringValue,
            clientID: item["clientId"]?.stringValue,
            sourceAddress: item["sourceAddress"]?.stringValue,
            registry: try RegistrySketch(json: item["registry"] ?? shared),
            expectation: expectation)
    }

    private static func object(
        _ value: JSONValue, at place: String, knowing known: [String]
    ) throws(FleetError) -> JSONObject {
        guard let object = value.objectValue else {
            throw Self.wrong(place, "is an object, not \(value.kindName)")
        }
        for key in object.keys where !known.contains(key) {
            let nearest = NearestName.of(key, among: known).map { "; did you mean '\($0)'?" }
            throw Self.wrong(
                "\(place)/\(key.clipped)",
                "is not understood; known are \(known.joined(separator: ", "))" + (nearest ?? ""))
        }
        return object
    }

    private static func texts(
        _ value: JSONValue?, at place: String
    ) throws(FleetError) -> [String] {
        guard let value else { return [] }
        let texts = value.arrayValue?.compactMap(\.stringValue) ?? []
        guard let count = value.arrayValue?.count, count == texts.count else {
            throw Self.wrong(place, "is a list of questions such as 'publish devices/x'")
        }
        guard Set(texts).count == count else {
            throw Self.wrong(place, "asks the same twice")
        }
        return texts
    }

    private static func wrong(_ place: String, _ what: String) -> FleetError {
        FleetError(.invalidRequest, "\(place) \(what)")
    }
}

extension TemplateTestFile.Case {
    /// The case as a dry run is asked for it.
    /// - Parameter hookSource: the text of `hookFile`.
    package func request(
        of body: String, hookSource: String?
    ) throws(FleetError) -> DryRunRequest {
        var request: JSONObject = [
            "templateBody": .string(body), "parameters": .object(self.parameters),
            "questions": .array(
                (self.expectation.may + self.expectation.mayNot).map { .string($0) }),
        ]
        request["hookAnswer"] = self.hook
        request["hookSource"] = hookSource.map { .string($0) }
        if hookSource != nil, let file = self.hookFile?.split(separator: "/").last {
            // A name that cannot be a hook's is only that of a file.
            let name = try? HookName(String(file.hasSuffix(".lua") ? file.dropLast(4) : file))
            request["hookName"] = name.map { .string($0.rawValue) }
        }
        request["csr"] = self.csr.map { .string($0) }
        request["subject"] = self.subject.map { .string($0) }
        request["clientId"] = self.clientID.map { .string($0) }
        request["sourceAddress"] = self.sourceAddress.map { .string($0) }
        return try DryRunRequest(json: .object(request))
    }
}
