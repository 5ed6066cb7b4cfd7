package import Fleet
package import JSON

/// `NAME.test.json` beside `NAME.lua`: what a hook must say, case by case.
package struct HookTestFile: Sendable {
    package struct Case: Sendable {
        package let name: String
        package let request: HookRequest
        package let world: HookSketch
        package let expected: JSONObject
    }

    package struct Result: Sendable {
        package let name: String
        package let failures: [String]
        package let cost: HookOutcome.Cost?
        package let lines: [Int]
    }

    package let cases: [Case]

    private static let caseMembers = ["name", "request", "world", "expect"]
    private static let expectMembers = [
        "allow", "parameterOverrides", "denyReason", "reasonCode", "attributes", "log", "cause",
    ]
    /// Cases in one file.
    package static let casesMax = 1000

    /// - Throws: `FleetError.invalidRequest`, naming the place that is wrong.
    package init(json: JSONValue) throws(FleetError) {
        let object = try Self.object(json, at: "the file", knowing: ["world", "cases"])
        guard let cases = object["cases"]?.arrayValue, !cases.isEmpty else {
            throw Self.wrong("/cases", "is a list of at least one case")
        }
        guard cases.count <= Self.casesMax else {
            throw Self.wrong("/cases", "has \(cases.count) cases; at most \(Self.casesMax)")
        }
        var read: [Case] = []
        for (index, value) in cases.enumerated() {
            do throws(FleetError) {
                read.append(try Self.read(value, number: index + 1, world: object["world"]))
            } catch { throw Self.wrong("/cases/\(index)", error.message) }
            guard !read.dropLast().contains(where: { $0.name == read.last?.name }) else {
                throw Self.wrong(
                    "/cases/\(index)/name",
                    "'\((read.last?.name ?? "").clipped)' is the name of a case before it")
            }
        }
        self.cases = read
    }

    private static func read(
        _ value: JSONValue, number: Int, world: JSONValue?
    ) throws(FleetError) -> Case {
        let item = try Self.object(value, at: "the case", knowing: Self.caseMembers)
        let expected = try Self.object(
            item["expect"] ?? .null, at: "/expect", knowing: Self.expectMembers)
        guard expected["allow"]?.boolValue != nil else {
            throw Self.wrong("/expect/allow", "is true or false")
        }
        // What is not understood would be looked at by nobody, and pass.
        for member in ["denyReason", "cause", "log", "reasonCode"] {
            _ = try Self.text(expected[member], at: "/expect/\(member)")
        }
        for member in ["parameterOverrides", "attributes"] {
            guard let value = expected[member] else { continue }
            _ = try Self.object(value, at: "/expect/\(member)")
        }
        return Case(
            name: try Self.text(item["name"], at: "/name") ?? "case \(number)",
            request: try HookRequestFile.request(item["request"] ?? .null),
            world: try HookSketch(json: item["world"] ?? world), expected: expected)
    }

    /// Carries out every case, one after the other.
    package func run(_ script: HookScript, in pool: HookPool) async -> [Result] {
        var results: [Result] = []
        for item in self.cases {
            let (outcome, lines) = await pool.trace(
                script, request: item.request, in: item.world)
            results.append(
                Result(
                    name: item.name, failures: item.failures(of: outcome), cost: outcome.cost,
                    lines: lines))
        }
        return results
    }

    static func object(
        _ value: JSONValue, at place: String, knowing known: [String]? = nil
    ) throws(FleetError) -> JSONObject {
        guard let object = value.objectValue else {
            throw Self.wrong(place, "is an object, not \(value.kindName)")
        }
        for key in object.keys {
            guard let known, !known.contains(key) else { continue }
            throw Self.wrong(
                "\(place)/\(key.clipped)",
                "is not understood; known are \(known.joined(separator: ", "))")
        }
        return object
    }

    /// A text; nil where there is none.
    static func text(
        _ value: JSONValue?, at place: String
    ) throws(FleetError) -> String? {
        guard let value, value != .null else { return nil }
        guard let text = value.stringValue else {
            throw Self.wrong(place, "is a text, not \(value.kindName)")
        }
        return text
    }

    static func wrong(_ place: String, _ what: String) -> FleetError {
        FleetError(.invalidRequest, "\(place) \(what)")
    }
}

extension HookTestFile.Case {
    /// Why there is no answer; nil where there is one.
    private static func fault(_ verdict: HookOutcome.Verdict) -> String? {
        switch verdict {
        case .allowed, .denied: nil
        case .timedOut: "it did not answer in time"
        case .busy: "no worker was free"
        case .failed(let cause): cause
        }
    }

    /// What the outcome differs in from what was expected; what is not said is not looked at.
    func failures(of outcome: HookOutcome) -> [String] {
        let said = outcome.json
        var failures: [String] = []
        let allows = outcome.verdict.overrides != nil
        if let fault = Self.fault(outcome.verdict), self.expected["cause"] == nil {
            // It denies too, but nobody meant it to.
            failures.append("the hook failed: \(fault)")
        } else if expected["allow"] != .bool(allows) {
            let why = said["cause"] ?? said["denyReason"] ?? said["verdict"] ?? .null
            failures.append(
                "allow is \(allows), not \(!allows): \(why.stringValue ?? "")")
        }
        for member in ["parameterOverrides", "attributes", "reasonCode"] {
            guard let wanted = self.expected[member] else { continue }
            let found = said[member] ?? .null
            let same = JSONPrinter.print(found, style: .canonical)
            if same != JSONPrinter.print(wanted, style: .canonical) {
                failures.append("\(member) is \(same), not \(JSONPrinter.print(wanted))")
            }
        }
        // The words of a person: a piece of them is enough.
        for (member, text) in [
            ("denyReason", said["denyReason"]?.stringValue ?? ""),
            ("cause", said["cause"]?.stringValue ?? ""),
            ("log", outcome.log.joined(separator: "\n")),
        ] {
            guard let wanted = self.expected[member]?.stringValue, !text.contains(wanted) else {
                continue
            }
            failures.append("\(member) is '\(text.clipped)', without '\(wanted.clipped)'")
        }
        return failures
    }
}
