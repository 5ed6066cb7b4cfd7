import Fleet
package import JSON

/// Holds a dry run against what a test expects of it.
package enum TemplateTestJudge {
    /// What is not as expected, each with its place; empty where everything is.
    ///
    /// - Parameter golden: what an earlier run came to and somebody has read; nil where there is
    ///   none.
    package static func failures(
        of report: DryRunReport, expecting wanted: TemplateTestFile.Expectation,
        golden: JSONValue?
    ) -> [String] {
        let json = report.json
        var failures: [String] = []
        if let refusal = wanted.refusal {
            failures += Self.judge(refusal, report)
        } else if let refusal = report.refusal, golden == nil {
            failures.append(
                "refused: \(Rejection(refusal).errorCode): \(refusal.message)")
        }
        if let plan = wanted.plan { Self.match(plan, json["plan"], "plan", &failures) }
        if let plan = wanted.wholePlan, plan != Self.golden(report)["plan"] {
            Self.match(plan, json["plan"], "wholePlan", &failures)
            failures.append("wholePlan: there is more in the plan than expected")
        }
        if let difference = wanted.difference, difference != json["difference"] {
            failures.append(
                "difference: \(Self.text(difference)), found \(Self.text(json["difference"]))")
        }
        if let certificate = wanted.certificate {
            Self.match(certificate, json["certificate"], "certificate", &failures)
        }
        for answer in report.policies?.answers ?? [] {
            if wanted.may.contains(answer.question), !answer.isAllowed {
                failures.append("may \(answer.question): no, \(answer.explanation)")
            }
            if wanted.mayNot.contains(answer.question), answer.isAllowed {
                failures.append("may not \(answer.question): yet \(answer.explanation)")
            }
        }
        // A refusal that nobody expects is told already.
        let isTold = report.refusal != nil && wanted.refusal == nil
        if report.policies == nil, !isTold, !(wanted.may + wanted.mayNot).isEmpty {
            failures.append(
                report.refusal == nil
                    ? "no policy could be asked"
                    : "may, mayNot: a device that is refused has no policies to ask")
        }
        if let golden, golden != Self.golden(report) {
            Self.match(golden, Self.golden(report), "golden", &failures)
            if failures.isEmpty { failures.append("golden: there is more than was expected") }
        }
        return failures
    }

    /// What a golden file keeps of a report: not the template's digest, which any blank changes.
    package static func golden(_ report: DryRunReport) -> JSONValue {
        var object = JSONObject()
        if var plan = report.json["plan"]?.objectValue {
            plan["template"] = nil
            object["plan"] = .object(plan)
            object["difference"] = report.json["difference"]
            object["effectivePolicy"] = report.json["effectivePolicy"]
        }
        object["refusal"] = report.json["refusal"]
        return .object(object)
    }

    private static func judge(_ wanted: JSONValue, _ report: DryRunReport) -> [String] {
        guard let refusal = report.refusal else {
            return ["expected a refusal, \(Self.text(wanted)); the registration is accepted"]
        }
        let rejection = Rejection(refusal)
        var failures: [String] = []
        if let code = wanted["errorCode"]?.stringValue, code != rejection.errorCode {
            failures.append(
                "refused: expected \(code), found \(rejection.errorCode): \(refusal.message)")
        }
        for member in ["reasonCode", "reason"] {
            guard let code = wanted[member], code != rejection.explanation[member] else { continue }
            failures.append(
                "refused: expected \(member) \(Self.text(code)), found "
                    + "\(Self.text(rejection.explanation[member])): \(refusal.message)")
        }
        if let piece = wanted["message"]?.stringValue, !refusal.message.contains(piece) {
            failures.append("refused: '\(refusal.message)' does not say '\(piece)'")
        }
        return failures
    }

    /// Every member that is expected, as deep as it goes; `null` expects that there is none.
    private static func match(
        _ wanted: JSONValue, _ found: JSONValue?, _ place: String, _ failures: inout [String]
    ) {
        switch (wanted, found) {
        case (.null, nil), (.null, .null?): return
        case (.object(let object), .object(let other)?):
            for (key, value) in object.members {
                Self.match(value, other[key], "\(place).\(key)", &failures)
            }
        case (.array(let elements), .array(let others)?) where elements.count == others.count:
            for (index, element) in elements.enumerated() {
                Self.match(element, others[index], "\(place)[\(index)]", &failures)
            }
        default:
            guard wanted != found else { return }
            failures.append("\(place): expected \(Self.text(wanted)), found \(Self.text(found))")
        }
    }

    private static func text(_ value: JSONValue?) -> String {
        value.map { JSONPrinter.print($0) } ?? "nothing"
    }
}
