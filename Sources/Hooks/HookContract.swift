package import Fleet
package import JSON

/// The contract between service and hook, whoever runs it: AWS's pre-provisioning hook, payload
/// version 2020-04-01, and `denyReason` beside it. JSON in, a verdict out, nothing else.
package enum HookContract {
    /// AWS: the fields a hook is invoked with.
    package static func request(_ request: HookRequest) -> JSONValue {
        [
            "claimCertificateId": .string(request.claimCertificateID.rawValue),
            "certificateId": .string(request.certificateID.rawValue),
            "certificatePem": .string(request.certificatePEM),
            "templateArn": .string(request.templateARN.rawValue),
            "clientId": .string(request.clientID),
            "parameters": .object(request.parameters),
        ]
    }

    /// Judges an answer. Only `allowProvisioning` that is exactly `true` allows, exactly `false`
    /// denies, and everything that is not understood is a failure, which denies too: a misspelt
    /// member must not let a device in with less than its author meant.
    package static func verdict(_ answer: JSONValue) -> HookOutcome.Verdict {
        Self.answer(answer).verdict
    }

    /// An answer as it is understood.
    package struct Answer: Hashable, Sendable {
        package let verdict: HookOutcome.Verdict
        package var reasonCode: String?
        package var attributes: [String: String] = [:]

        init(_ verdict: HookOutcome.Verdict) { self.verdict = verdict }

        static func failed(_ cause: String) -> Answer { Answer(.failed(cause: cause)) }
    }

    /// Judges an answer as `verdict` does, and reads what else it says: `reasonCode`, a word for
    /// machines, and `attributes` that are kept with the registration.
    package static func answer(_ value: JSONValue) -> Answer {
        var answer = Answer(Self.judged(value))
        if case .failed = answer.verdict { return answer }
        if let code = value["reasonCode"], code != .null {
            guard let text = code.stringValue, Self.isReasonCode(text) else {
                return .failed(
                    "reasonCode is no word of 1 to \(HookLimits.reasonCodeCharactersMax) "
                        + "letters, digits, '-', '_' and '.'")
            }
            answer.reasonCode = text
        }
        switch Self.texts(value["attributes"], "attributes", countMax: HookLimits.attributesMax) {
        case .failure(let wrong): return .failed(wrong.cause)
        case .success(let texts): answer.attributes = texts
        }
        // They stand where a claim's own do.
        for name in ["station", "lot"] {
            guard let label = answer.attributes[name], !label.isEmpty else { continue }
            guard ClaimTerms.isLabel(label) else {
                return .failed(
                    "attributes: '\(name)' has more than \(ClaimTerms.labelBytesMax) bytes or "
                        + "control characters")
            }
        }
        return answer
    }

    private static func isReasonCode(_ text: String) -> Bool {
        (1...HookLimits.reasonCodeCharactersMax).contains(text.utf8.count)
            && text.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "A")...UInt8(ascii: "Z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"),
                    UInt8(ascii: "."):
                    true
                default: false
                }
            }
    }

    private static func judged(_ answer: JSONValue) -> HookOutcome.Verdict {
        guard let members = answer.objectValue else {
            return .failed(cause: "the hook returned \(answer.kindName) instead of a table")
        }
        for key in members.keys where !Self.members.contains(key) {
            return .failed(cause: "the hook's answer has an unknown member '\(key.clipped)'")
        }
        switch members["allowProvisioning"] {
        case .bool(true)?: return Self.allowed(members["parameterOverrides"])
        case .bool(false)?: return Self.denied(members["denyReason"])
        case nil: return .failed(cause: "the hook's answer has no allowProvisioning")
        case let other?:
            return .failed(cause: "allowProvisioning is \(other.kindName), not true or false")
        }
    }

    private static let members: Set<String> = [
        "allowProvisioning", "parameterOverrides", "denyReason", "reasonCode", "attributes",
    ]

    private static func allowed(_ overrides: JSONValue?) -> HookOutcome.Verdict {
        let most = Limits.parametersMax
        return switch Self.texts(overrides, "parameterOverrides", countMax: most) {
        case .success(let texts): .allowed(parameterOverrides: texts)
        case .failure(let wrong): .failed(cause: wrong.cause)
        }
    }

    private struct Wrong: Error { let cause: String }

    /// Strings by strings, of the lengths that parameters may have.
    private static func texts(
        _ value: JSONValue?, _ member: String, countMax: Int
    ) -> Result<[String: String], Wrong> {
        guard let value, value != .null else { return .success([:]) }
        guard let members = value.objectValue else {
            return .failure(Wrong(cause: "\(member) is \(value.kindName), not a table"))
        }
        guard members.count <= countMax else {
            return .failure(
                Wrong(cause: "\(member) has \(members.count) members; at most \(countMax)"))
        }
        var texts: [String: String] = [:]
        for (key, value) in members.members {
            guard let text = value.stringValue else {
                return .failure(
                    Wrong(cause: "\(member): '\(key.clipped)' is \(value.kindName), not a string"))
            }
            guard (1...Limits.parameterKeyCharactersMax).contains(key.unicodeScalars.count),
                text.unicodeScalars.count <= Limits.parameterValueCharactersMax
            else {
                return .failure(Wrong(cause: "\(member): '\(key.clipped)' is empty or too long"))
            }
            texts[key] = text
        }
        return .success(texts)
    }

    /// The reason goes to the device, so it is one short line whatever the script wrote.
    private static func denied(_ reason: JSONValue?) -> HookOutcome.Verdict {
        guard let reason, reason != .null else { return .denied(reason: nil) }
        guard let text = reason.stringValue else {
            return .failed(cause: "denyReason is \(reason.kindName), not a string")
        }
        let line = text.oneLine(scalarsMax: HookLimits.denyReasonCharactersMax)
        return .denied(reason: line.isEmpty ? nil : line)
    }
}

extension String {
    /// A script's own words on one line of a log or of a reply. Counted in scalars, as a single
    /// character has no bound of its own.
    func oneLine(scalarsMax: Int) -> String {
        String(
            String.UnicodeScalarView(
                self.unicodeScalars.prefix(scalarsMax).map { $0.breaksLines ? " " : $0 }))
    }
}
