import Fleet

/// The step from what a device sent and what its hook said to a rendered template. A registration
/// and its dry run both take it, and there is no other way to either.
package struct RegistrationRendering: Sendable {
    package let parameters: ResolvedParameters
    package let rendered: RenderedTemplate

    /// - Throws: `FleetError.invalidParameters` for a parameter that is spelt with other characters
    ///   than the template's.
    static func check(
        _ sent: [String: String], for document: TemplateDocument
    ) throws(FleetError) {
        if let problem = ParameterRules.problem(in: sent, declared: document.parameters) {
            throw FleetError(.invalidParameters, "parameters: \(problem)")
                .because(.parameterMisspelt)
        }
    }

    /// - Parameter overrides: the hook's, whose values go over the device's.
    /// - Throws: `FleetError.invalidParameters` where a value is missing or makes no valid name.
    init(
        sent: [String: String], overrides: [String: String], document: TemplateDocument,
        certificate: CertificateID, realm: Realm
    ) throws(FleetError) {
        self.parameters = ResolvedParameters(
            sent: sent, overrides: overrides, document: document, certificate: certificate,
            realm: realm)
        self.rendered = try TemplateRenderer.render(document, with: self.parameters)
    }

    /// The plan for a device whose certificate is `certificate`.
    /// - Parameter view: holds `rendered.keys` and `PlanDecision.keys(of: certificate)`.
    /// - Throws: as `PlanDecision.plan`.
    func plan(
        _ document: TemplateDocument, from source: ProvisioningPlan.Source,
        certificate: CertificateID, newThingID: ResourceID, in view: RegistryView,
        at now: UnixTime
    ) throws(FleetError) -> ProvisioningPlan {
        try PlanDecision.plan(
            self.rendered, of: document,
            for: PlanDecision.Registrant(
                certificate: PlanDecision.PlannedCertificate(
                    certificate, as: document.certificate),
                newThingID: newThingID, source: source, parameters: self.parameters),
            in: view, at: now)
    }
}

/// Whether devices may register by a template at all.
enum TemplateGate {
    /// nil where they may.
    static func refusal(
        of record: ProvisioningTemplate, isJustInTime: Bool = false
    ) -> FleetError? {
        guard record.enabled else {
            return FleetError(
                .templateDisabled, "provisioning template '\(record.name)' is disabled",
                resource: record.name.rawValue)
        }
        guard record.kind == .jitp || !isJustInTime else {
            return FleetError(
                .templateDisabled,
                "provisioning template '\(record.name)' is of type \(record.kind.rawValue), "
                    + "by which no CA registers devices", resource: record.name.rawValue)
        }
        guard record.kind == .fleetProvisioning || isJustInTime else {
            return FleetError(
                .templateDisabled,
                "provisioning template '\(record.name)' is of type \(record.kind.rawValue), "
                    + "which RegisterThing cannot use", resource: record.name.rawValue
            ).because(.templateOfAnotherType)
        }
        return nil
    }
}

/// What a hook's verdict means for the registration: one place for the service and the dry run.
enum HookVerdict {
    /// What a hook may say to a device.
    private static let denyReasonCharactersMax = 512
    /// Of an error that a script raised.
    private static let causeScalarsMax = 1024

    /// - Parameter word: the hook's own `reasonCode`.
    /// - Throws: `.accessDenied`, `.hookTimeout`, or `.tooManyRequests` for one that was not asked.
    static func overrides(
        _ verdict: HookOutcome.Verdict, saying word: String? = nil, by name: HookName?
    ) throws(FleetError) -> [String: String] {
        switch verdict {
        case .allowed(let overrides):
            if let problem = ParameterRules.problem(in: overrides) {
                throw Self.failed("parameterOverrides: \(problem)")
            }
            return overrides
        case .denied(let reason): throw Self.refused(reason, saying: word)
        case .timedOut:
            throw FleetError(
                .hookTimeout, "the pre-provisioning hook did not answer in time",
                resource: name?.rawValue)
        case .busy:
            let seconds = RefusalReason.hookBusy.explanation.retryAfterSeconds ?? 0
            throw FleetError(
                .tooManyRequests,
                "too many devices ask the hook at once; retry after \(seconds) seconds"
            ).because(.hookBusy)
        case .failed(let cause): throw Self.failed(cause)
        }
    }

    /// What a device hears of a hook that gave no answer: nothing of why, which is for the log.
    static func failed(_ cause: String) -> FleetError {
        var error = Self.refused(nil).because(.hookFailed)
        error.cause = "the hook failed: " + cause.clipped(to: Self.causeScalarsMax)
        return error
    }

    static func refused(_ reason: String?, saying word: String? = nil) -> FleetError {
        let text = reason.map { String($0.prefix(Self.denyReasonCharactersMax)) } ?? ""
        var error = FleetError(
            .accessDenied, text.isEmpty ? "the pre-provisioning hook refused this device" : text
        ).because(.hookDenied)
        error.hookReasonCode = word
        return error
    }
}
