package import Fleet
package import JSON
import Registry

/// Tries a registration and stops before the commit. It takes the very steps of a device's own
/// dialogue (hook, rendering, plan); it writes nothing, issues nothing and spends no token.
package final class DryRun: Sendable {
    package typealias Load =
        @Sendable (Set<RecordKey>) async throws(FleetError) -> RegistryView
    package typealias AskHook = @Sendable (HookScript, HookRequest) async -> HookOutcome
    /// Of claims, hooks or templates: the names that there are.
    package typealias Names = @Sendable (ListQuery.Subject) async -> [String]
    package typealias Foresee = @Sendable (Enquiry) throws(FleetError) -> DryRunCertificate?

    let load: Load
    let askHook: AskHook?
    let foresee: Foresee?
    let clock: any WallClock
    let realm: Realm
    /// A hook that nobody has approved refuses every device.
    let requiresHookApproval: Bool
    /// Of a body that comes along.
    private let templateLimits: TemplateLimits
    /// What `load` reads, as reports call it.
    private let registry: DryRunRequest.Registry
    let enrolment: EnrolmentSettings
    /// nil where nobody can list them.
    let names: Names?
    let surroundings: Surroundings
    let templates = TemplateCache()
    /// Two hooks at a time: workers are there for devices, and whoever tries things can wait.
    let hookGate = FairGate(places: 2)
    /// So many trials wait; one more is told to come back, as a device would be.
    static let hookTrialsWaitingMax = 16

    /// - Parameters:
    ///   - askHook: nil where there is no sandbox to run a script in.
    ///   - foresee: what certificate would be made; nil where nothing can say so.
    ///   - registry: `.empty` for a registry that is described and nowhere kept.
    package init(
        load: @escaping Load, askHook: AskHook?, foresee: Foresee?, clock: any WallClock,
        realm: Realm, requiresHookApproval: Bool = false,
        templateLimits: TemplateLimits = .standard, registry: DryRunRequest.Registry = .database,
        enrolment: EnrolmentSettings = EnrolmentSettings(), names: Names? = nil,
        surroundings: Surroundings = Surroundings()
    ) {
        self.load = load
        self.askHook = askHook
        self.foresee = foresee
        self.clock = clock
        self.realm = realm
        self.requiresHookApproval = requiresHookApproval
        self.templateLimits = templateLimits
        self.registry = registry
        self.enrolment = enrolment
        self.names = names
        self.surroundings = surroundings
    }

    /// What a dry run has to know of where it is carried out.
    package struct Surroundings: Sendable {
        /// Only the running service has what webhooks are asked with. A webhook takes each question
        /// in earnest, and so is asked only where its name was given.
        package var asksWebhooks = false
        /// The database may be that of a service with other settings.
        package var isBesideService = false

        package init() {}
    }

    /// The certificate that a device would hold; it does not exist.
    package static let standInCertificate = CertificateID(
        sha256: [UInt8](repeating: 0, count: 32))

    struct Template {
        let source: ProvisioningPlan.Source
        let document: TemplateDocument
        let hook: HookName?
        let refusal: FleetError?
    }

    /// What is the same for every device of a request.
    struct Trial {
        let template: Template
        let standing: ClaimStanding?
        let questions: [DryRunPolicies.Question]
        /// Or why none would be made.
        let certificate: Result<DryRunCertificate?, FleetError>
        /// What cannot be looked at of any of the devices.
        let doubts: [String]
    }

    /// One device's report; for a batch a short one of each.
    /// - Throws: as `run`.
    package func answer(_ request: DryRunRequest) async throws(FleetError) -> JSONValue {
        guard let devices = request.devices else { return try await self.run(request).json }
        let trial = try await self.prepare(request)
        var answer = JSONObject()
        var reports: [JSONValue] = []
        var earlier = EarlierDevices()
        for device in devices {
            let report = await self.report(request.of(device), trial, after: earlier)
            if report.isAccepted, let plan = report.plan {
                earlier.add(
                    plan, groups: report.groupsAfter, station: report.station, at: self.clock.now)
            }
            if reports.isEmpty { answer = report.head }
            reports.append(report.brief)
        }
        answer["unknown"] = DryRunReport.texts(trial.doubts)
        answer["devices"] = .array(reports)
        return .object(answer)
    }

    /// - Returns: a report also where the registration would be refused.
    /// - Throws: where the question itself is wrong: no such template, a body that does not hold,
    ///   a claim or a hook that is not there, a question that is none.
    package func run(_ request: DryRunRequest) async throws(FleetError) -> DryRunReport {
        await self.report(request, try await self.prepare(request))
    }

    private func prepare(_ request: DryRunRequest) async throws(FleetError) -> Trial {
        let questions = try DryRunPolicies.questions(request.questions, in: self.realm)
        let template = try await self.template(request)
        let standing = try await self.standing(request, template)
        if case .stored(let name) = request.hook,
            try await self.load([.hook(name)]).hook(name) == nil
        {
            throw await self.missing("hook", name.rawValue, among: .hooks)
        }
        let certificate: Result<DryRunCertificate?, FleetError>
        var doubts: [String] = []
        do throws(FleetError) {
            let foreseen = try await self.certificate(request, template, standing)
            doubts = foreseen?.unknown ?? []
            certificate = .success(foreseen)
        } catch { certificate = .failure(error) }
        doubts += try await self.doubts(standing, template)
        doubts += try await self.hookDoubts(request, template)
        if request.isJustInTime, template.document.certificateDemands != nil {
            doubts.append(
                "what the template asks of the certificate (Slipway.Certificate): it is there "
                    + "already, and of it only the subject is known")
        }
        return Trial(
            template: template, standing: standing, questions: questions,
            certificate: certificate, doubts: doubts)
    }

    private func report(
        _ request: DryRunRequest, _ trial: Trial, after earlier: EarlierDevices = EarlierDevices()
    ) async -> DryRunReport {
        let template = trial.template
        var report = DryRunReport(
            source: template.source,
            registry: request.registry == .database ? self.registry : request.registry)
        report.document = template.document
        report.doubts = trial.doubts
        do throws(FleetError) {
            try await self.decide(request, trial, after: earlier, into: &report)
        } catch {
            report.refusal = error
        }
        // A template that is not enabled yet is looked at all the same: that is what a dry run of
        // it is for.
        if let refusal = template.refusal { report.refusal = refusal }
        return report
    }

    private func decide(
        _ request: DryRunRequest, _ trial: Trial, after earlier: EarlierDevices,
        into report: inout DryRunReport
    ) async throws(FleetError) {
        let template = trial.template
        let standing = trial.standing
        try ParameterRules.check(request.parameters)
        if !request.isJustInTime { try GatewayRules.checkSize(of: request.parameters) }
        try RegistrationRendering.check(request.parameters, for: template.document)
        try self.check(standing, template)
        switch trial.certificate {
        case .success(let certificate): report.certificate = certificate
        case .failure(let error): throw error
        }
        if request.registry == .database, !request.isJustInTime {
            try await self.checkKey(report.certificate?.publicKey)
        }
        let overrides = try await self.overrides(request, template, standing, into: &report)
        // What there is of values is worth saying also where it is not enough.
        report.parameters = ResolvedParameters(
            sent: request.parameters, overrides: overrides, document: template.document,
            certificate: Self.standInCertificate, realm: self.realm)
        let rendering = try RegistrationRendering(
            sent: request.parameters, overrides: overrides, document: template.document,
            certificate: Self.standInCertificate, realm: self.realm)
        report.rendered = rendering.rendered
        let thing = rendering.rendered.thing
        let view = earlier.over(
            try await self.view(rendering, request, report.certificate, standing), of: thing)
        report.station = ThingRegistration.station(
            standing, report.hookAttributes, rendering.parameters.texts)
        report.thingBefore = view.thing(thing)
        report.groupsBefore = view.groupRecordsOfThing(thing).map(\.name)
        // A certificate that is brought along is its device's own, whoever was seen before.
        if !request.isJustInTime {
            try self.judge(rendering, standing, after: earlier, in: view, into: &report)
        }
        if let key = report.certificate?.publicKey {
            try KeyOwnership.checkNotRevoked(view.certificatesWithKey(key), in: view)
            try KeyOwnership.checkNotSpent(key, in: view)
        }
        if let expected = report.certificate?.expected {
            try CertificateDemandJudge.check(
                rendering.rendered.certificateDemands, of: .init(expected))
        }
        let plan = try rendering.plan(
            template.document, from: template.source, certificate: Self.standInCertificate,
            newThingID: .unknown, in: view, at: self.clock.now)
        try await self.pass(
            rendering, of: request.parameters, standing, after: earlier, into: &report)
        report.plan = plan
        report.groupsAfter = plan.groupsAfter(in: view)
        try await self.explainPolicies(of: plan, in: view, request, trial, into: &report)
    }

    // MARK: The template

    private func template(_ request: DryRunRequest) async throws(FleetError) -> Template {
        switch request.trial {
        case .body(let body):
            let report = TemplateChecker.check(body, limits: self.templateLimits)
            guard let document = report.document else {
                throw FleetError(
                    .invalidRequest,
                    "the template is refused: "
                        + report.findings.map(\.description).joined(separator: "; "))
            }
            return Template(
                source: ProvisioningPlan.Source(
                    template: nil, version: nil, digest: ContentDigest.sha256(of: body)),
                document: document, hook: nil, refusal: nil)
        case .stored(let name, let id):
            return try await self.stored(name, id, request)
        }
    }

    private func stored(
        _ name: TemplateName, _ id: Int?, _ request: DryRunRequest
    ) async throws(FleetError) -> Template {
        guard let record = try await self.load([.template(name)]).template(name) else {
            throw await self.missing("provisioning template", name.rawValue, among: .templates)
        }
        let id = id ?? record.defaultVersionID
        guard
            let version = try await self.load([.templateVersion(name, id)])
                .templateVersion(name, id)
        else {
            throw FleetError(
                .notFound, "template '\(name)' has no version \(id)", resource: name.rawValue)
        }
        return Template(
            source: ProvisioningPlan.Source(version),
            document: try self.templates.document(of: version),
            hook: record.kind == .jitp ? nil : record.hook,
            refusal: TemplateGate.refusal(of: record, isJustInTime: request.isJustInTime))
    }
}
