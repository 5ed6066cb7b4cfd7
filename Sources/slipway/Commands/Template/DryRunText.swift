import JSON

/// A dry run as a person reads it, made from its JSON: what the service said and what was decided
/// here look the same.
struct DryRunText {
    private let report: JSONValue
    private(set) var lines: [String] = []

    init(_ report: JSONValue) {
        self.report = report
        self.parameters()
        self.hook()
        self.line()
        self.seenBefore()
        if let plan = report["plan"] {
            self.thing(plan)
        }
        self.certificate()
        if let plan = report["plan"] {
            self.policies(plan)
            self.configuration(plan)
        }
        self.groupPolicies()
        self.difference()
        self.effective()
        self.answers()
        self.unknown()
        self.verdict()
    }

    private mutating func title(_ text: String) {
        if !self.lines.isEmpty { self.lines.append("") }
        self.lines.append(text)
    }

    private mutating func table(_ rows: [[String]]) {
        self.lines += Terminal.table(rows).map { "  " + $0 }
    }

    /// On one line, whatever a device put into it.
    private func text(_ value: JSONValue?) -> String {
        guard let value else { return "-" }
        return Terminal.line(value.stringValue ?? JSONPrinter.print(value))
    }

    private func text(_ name: String) -> String { Terminal.line(name) }

    private mutating func parameters() {
        let members = self.report["parameters"]?.objectValue?.members ?? []
        guard !members.isEmpty else { return }
        self.title("Parameters")
        self.table(
            members.map { name, value in
                [
                    self.text(name), self.text(value["value"]),
                    "from the \(Self.origin(value["from"]))",
                ]
            })
    }

    private static func origin(_ value: JSONValue?) -> String {
        switch value?.stringValue {
        case "default": "template's default"
        case let text?: text
        case nil: "?"
        }
    }

    private mutating func line() {
        if let claim = self.report["claim"] {
            self.title("Claim")
            let budget = claim["budget"].map { "of \(self.text($0))" } ?? "of no bound"
            self.table([
                ["name", self.text(claim["name"])],
                ["units spent", "\(self.text(claim["spent"])) \(budget)"],
                ["would spend", self.text(claim["spends"])],
            ])
        }
        if let unit = self.report["unit"] {
            self.title("Allowlist")
            self.table([
                [self.text(unit["list"]), self.text(unit["serial"]), self.text(unit["state"])]
            ])
        }
    }

    private static let outcomes = [
        "registered": "both certificates count", "supersedes": "this certificate takes over",
        "held": "held until somebody decides", "refused": "refused",
    ]

    /// What the serial number or the key means that was seen before.
    private mutating func seenBefore() {
        let verdicts = self.report["enrolment"]?.arrayValue ?? []
        guard !verdicts.isEmpty else { return }
        self.title("Seen before")
        for verdict in verdicts {
            let outcome = verdict["outcome"]?.stringValue ?? ""
            self.lines.append(
                "  \(self.text(verdict["finding"])): \(Self.outcomes[outcome] ?? outcome)")
            for holder in verdict["holders"]?.arrayValue ?? [] {
                self.lines.append("    by certificate \(self.text(holder))")
            }
            for thing in verdict["otherThings"]?.arrayValue ?? [] {
                self.lines.append("    of thing \(self.text(thing))")
            }
        }
    }

    private mutating func groupPolicies() {
        let ways = self.report["groupPolicies"]?.arrayValue ?? []
        guard !ways.isEmpty else { return }
        self.title("Policies of its groups")
        self.table(ways.map { [self.text($0["policy"]), "of group \(self.text($0["group"]))"] })
    }

    private mutating func hook() {
        guard let hook = self.report["hook"] else { return }
        self.title("Hook")
        var row = [self.text(hook["name"]), self.text(hook["outcome"])]
        if let reason = hook["reason"] { row.append(self.text(reason)) }
        self.table([row])
        for line in hook["log"]?.arrayValue ?? [] { self.lines.append("  log: \(self.text(line))") }
    }

    private mutating func thing(_ plan: JSONValue) {
        guard let thing = plan["thing"] else { return }
        self.title("Thing")
        var rows = [["name", "\(self.text(thing["name"])) (\(self.text(thing["outcome"])))"]]
        for member in ["type", "billingGroup"] {
            if let value = thing[member] { rows.append([member, self.text(value)]) }
        }
        for (name, value) in thing["attributes"]?.objectValue?.members ?? [] {
            rows.append(["attribute \(self.text(name))", self.text(value)])
        }
        for group in plan["groups"]?["added"]?.arrayValue ?? [] {
            rows.append(["joins group", self.text(group)])
        }
        for group in plan["groups"]?["removed"]?.arrayValue ?? [] {
            rows.append(["leaves group", self.text(group)])
        }
        self.table(rows)
    }

    private mutating func certificate() {
        var rows: [[String]] = []
        if let certificate = self.report["plan"]?["certificate"], certificate != .null {
            rows += [
                ["status", self.text(certificate["status"])],
                ["thingPrincipalType", self.text(certificate["thingPrincipalType"])],
            ]
        }
        for (name, value) in self.report["certificate"]?.objectValue?.members ?? [] {
            rows.append([self.text(name), self.text(value)])
        }
        guard !rows.isEmpty else { return }
        self.title("Certificate")
        self.table(rows)
    }

    /// What a dry run cannot look at is said, lest its verdict be taken for more than it is.
    private mutating func unknown() {
        let texts = self.report["unknown"]?.arrayValue ?? []
        guard !texts.isEmpty else { return }
        self.title("Not looked at")
        self.lines += texts.map { "  " + self.text($0) }
    }

    private mutating func policies(_ plan: JSONValue) {
        for policy in plan["policies"]?.arrayValue ?? [] {
            self.title("Policy \(self.text(policy["name"])) (\(self.text(policy["outcome"])))")
            guard let document = policy["document"] else { continue }
            self.lines += JSONPrinter.print(document, style: .pretty)
                .split(separator: "\n").map { "  " + $0 }
        }
    }

    private mutating func configuration(_ plan: JSONValue) {
        let members = plan["deviceConfiguration"]?.objectValue?.members ?? []
        guard !members.isEmpty else { return }
        self.title("Device configuration")
        self.table(members.map { [self.text($0.key), self.text($0.value)] })
    }

    private mutating func difference() {
        guard let changes = self.report["difference"]?.arrayValue,
            self.report["plan"]?["thing"]?["outcome"]?.stringValue != "created"
        else { return }
        self.title("Against the thing as it is")
        guard !changes.isEmpty else {
            self.lines.append("  nothing changes")
            return
        }
        for change in changes {
            let field = self.text(change["field"])
            if let before = change["before"], before != .null {
                self.lines.append("  - \(field): \(self.text(before))")
            }
            if let after = change["after"], after != .null {
                self.lines.append("  + \(field): \(self.text(after))")
            }
        }
    }

    private mutating func effective() {
        let rows = self.report["effectivePolicy"]?.arrayValue ?? []
        guard self.report["plan"] != nil else { return }
        self.title("What the device may do")
        guard !rows.isEmpty else {
            self.lines.append("  nothing: no policy speaks of it")
            return
        }
        self.table(
            rows.map { row in
                [
                    row["decision"]?.stringValue == "ALLOWED" ? "may" : "may not",
                    self.text(row["action"]), self.text(row["resource"]),
                    row["statement"].map { "by \(self.text($0))" }
                        ?? row["refusal"].map { self.text($0) } ?? "",
                ]
            })
    }

    private mutating func answers() {
        let answers = self.report["answers"]?.arrayValue ?? []
        guard !answers.isEmpty else { return }
        self.title("Asked")
        for answer in answers {
            let word = answer["allowed"]?.boolValue == true ? "yes" : "no"
            let question = self.text(answer["about"] ?? answer["question"])
            self.lines.append("  \(question): \(word), \(self.text(answer["explanation"]))")
        }
    }

    private mutating func verdict() {
        self.lines.append("")
        if let refusal = self.report["refusal"] {
            self.lines.append(
                "REFUSED: \(self.text(refusal["statusCode"])) \(self.text(refusal["errorCode"])): "
                    + self.text(refusal["message"]))
            if let code = refusal["reasonCode"]?.intValue {
                self.lines.append("reason \(code) \(self.text(refusal["reason"]))")
            }
        } else {
            self.lines.append("ACCEPTED")
        }
        self.lines.append("This was a dry run: nothing was written, and nothing was spent.")
    }
}
