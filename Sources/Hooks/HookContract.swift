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
        "allowProvisioning", "parameterOverrides", "denyReason",
    ]

    private static func allowed(_ overrides: JSONValue?) -> HookOutcome.Verdict {
        guard let overrides, overrides != .null else { return .allowed(parameterOverrides: [:]) }
        guard let members = overrides.objectValue else {
            return .failed(cause: "parameterOverrides is \(overrides.kindName), not a table")
        }
        guard members.count <= Limits.parametersMax else {
            return .failed(
                cause: "parameterOverrides has \(members.count) members; at most "
                    + "\(Limits.parametersMax)")
        }
        var texts: [String: String] = [:]
        for (key, value) in members.members {
            guard let text = value.stringValue else {
                return .failed(
                    cause: "parameterOverrides: '\(key.clipped)' is \(value.kindName), not a string"
                )
            }
            guard (1...Limits.parameterKeyCharactersMax).contains(key.unicodeScalars.count),
                text.unicodeScalars.count <= Limits.parameterValueCharactersMax
            else {
                return .failed(cause: "parameterOverrides: '\(key.clipped)' is empty or too long")
            }
            texts[key] = text
        }
        return .allowed(parameterOverrides: texts)
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
