import ArgumentParser
import ControlPlane
import Fleet
import Foundation
import Hooks
import JSON
import Provisioning
import SQLiteStorage

/// What a dry run is weighed against.
enum DryRunAgainst: String, ExpressibleByArgument, CaseIterable {
    /// The running service.
    case live = "LIVE"
    /// The database itself, read only, with or without a service.
    case database = "DATABASE"
    /// No registry but what is described.
    case empty = "EMPTY"

    init?(argument: String) { self.init(rawValue: argument.uppercased()) }
}

/// Carries dry runs out, here or in the service.
enum DryRunDesk: Sendable {
    case service(ControlAccess)
    case here(DryRun, HookPool)

    static func open(
        _ against: DryRunAgainst?, registry: RegistrySketch?, _ options: LocationOptions
    ) async throws(FleetError) -> DryRunDesk {
        let settings = try await options.resolve()
        let installation = Installation(settings)
        switch against {
        case .live: return .service(try await ControlAccess.openRunning(options))
        case .database: return try Self.database(installation, settings)
        case .empty: return try Self.sketch(registry ?? RegistrySketch(), settings, installation)
        case nil:
            if let registry { return try Self.sketch(registry, settings, installation) }
            // Whoever names a service means that one, and no database of this machine.
            if options.endpointURL != nil {
                return .service(try await ControlAccess.openRunning(options))
            }
            if let client = await ControlClient.connect(socket: installation.controlSocket) {
                return .service(.service(client))
            }
            return try Self.database(installation, settings)
        }
    }

    /// Against what is described, and nothing else.
    static func sketch(
        _ registry: RegistrySketch, _ settings: ResolvedSettings, _ installation: Installation
    ) throws(FleetError) -> DryRunDesk {
        let hooks = HookPool(settings: .standard(cores: 1), lookup: registry)
        let foresight = try CertificateForesight(settings, beside: installation)
        return .here(
            DryRun(
                load: { keys async throws(FleetError) in registry.view(keys) },
                askHook: { await hooks.run($0, request: $1) },
                foresee: { enquiry throws(FleetError) in try foresight.certificate(enquiry) },
                clock: SystemClock(), realm: (try? installation.realm) ?? .standard,
                templateLimits: settings.templateLimits, registry: .empty,
                enrolment: EnrolmentParts.settings(settings),
                surroundings: Self.surroundings(isBesideService: false)), hooks)
    }

    private static func database(
        _ installation: Installation, _ settings: ResolvedSettings
    ) throws(FleetError) -> DryRunDesk {
        guard FileManager.default.fileExists(atPath: installation.database) else {
            throw FleetError(
                .notFound,
                "there is no fleet at '\(installation.database)': name its folder with "
                    + "--directory, or try the template --against EMPTY")
        }
        let store = try FleetDatabase.open(installation.database, .readOnly)
        let hooks = HookPool(
            settings: .standard(cores: 1), lookup: StoreAllowlistLookup(store: store))
        let foresight = try CertificateForesight(settings, beside: installation)
        return .here(
            DryRun(
                load: { keys async throws(FleetError) in try await store.load(keys) },
                askHook: { await hooks.run($0, request: $1) },
                foresee: { enquiry throws(FleetError) in try foresight.certificate(enquiry) },
                clock: SystemClock(), realm: try installation.realm,
                requiresHookApproval: settings.flag("rights.fourEyes"),
                templateLimits: settings.templateLimits,
                enrolment: EnrolmentParts.settings(settings), names: DryRun.names(in: store),
                surroundings: Self.surroundings(isBesideService: true)),
            hooks)
    }

    private static func surroundings(isBesideService: Bool) -> DryRun.Surroundings {
        var surroundings = DryRun.Surroundings()
        surroundings.isBesideService = isBesideService
        return surroundings
    }

    func run(_ request: JSONObject) async throws(FleetError) -> JSONValue {
        switch self {
        case .service(let access):
            return try await access.perform("DryRunProvisioningTemplate", body: .object(request))
        case .here(let trial, _):
            return try await trial.answer(DryRunRequest(json: .object(request)))
        }
    }

    func close() async {
        if case .here(_, let hooks) = self { await hooks.shutdown() }
    }
}
