import ControlPlane
import Fleet
import Foundation
import JSON
import SQLiteStorage

/// How a command reaches the fleet: through the running service where there is one, since only
/// one process may write the database; else by running the very same operation on the database.
enum ControlAccess: Sendable {
    case service(ControlClient)
    case database(ControlPlaneServices)

    static func open(_ options: LocationOptions) async throws(FleetError) -> ControlAccess {
        if let endpoint = try await options.endpoint() { return .service(ControlClient(endpoint)) }
        let settings = try await options.resolve()
        let installation = Installation(settings)
        if let client = await ControlClient.connect(socket: installation.controlSocket) {
            return .service(client)
        }
        return try await Self.withoutService(installation, settings)
    }

    /// The database itself; or the service that has just taken it and whose socket is yet to come.
    private static func withoutService(
        _ installation: Installation, _ settings: ResolvedSettings
    ) async throws(FleetError) -> ControlAccess {
        guard FileManager.default.fileExists(atPath: installation.database) else {
            throw FleetError(
                .notFound,
                "there is no fleet at '\(installation.database)': run 'slipway init' there, or "
                    + "name the folder with --directory")
        }
        switch try await FleetDatabase.whenFree(installation) {
        case .free(let store): return .database(try Self.services(store, installation, settings))
        case .service(let client, _): return .service(client)
        case .inUse(let who):
            throw FleetError(
                .serviceUnavailable,
                "\(who), which answers nobody yet: a service that is starting, or another command; "
                    + "try again")
        }
    }

    private static func services(
        _ store: SQLiteFleetStore, _ installation: Installation, _ settings: ResolvedSettings
    ) throws(FleetError) -> ControlPlaneServices {
        var services = ControlPlaneServices(
            store: store, drafts: store, clock: SystemClock(), entropy: SystemEntropy(),
            realm: try installation.realm)
        services.templateLimits = settings.templateLimits
        services.serialParameter = settings.text("enrolment.serialParameter")
        services.registrationFiles = TaskFolders(root: installation.registrationTasks)
        services.access = try Self.access(installation, store)
        services.revocationPlanMax = settings.integer("revocation.planMax")
        return services
    }

    /// nil in an installation from before there were credentials.
    private static func access(
        _ installation: Installation, _ store: any FleetStore
    ) throws(FleetError) -> AccessServices? {
        guard PrivateFile.exists(installation.accessKey) else { return nil }
        return AccessServices(
            vault: try AccessFounding.vault(installation, SystemEntropy()), store: store)
    }

    static func openRunning(_ options: LocationOptions) async throws(FleetError) -> ControlAccess {
        if let endpoint = try await options.endpoint() { return .service(ControlClient(endpoint)) }
        let installation = Installation(try await options.resolve())
        guard let client = await ControlClient.connect(socket: installation.controlSocket) else {
            throw FleetError(
                .serviceUnavailable,
                "no service answers at '\(installation.controlSocket)': start it with 'slipway "
                    + "serve', or name its folder with --directory")
        }
        return .service(client)
    }

    /// What tells one service from another: its socket or its URL.
    var place: String {
        switch self {
        case .service(let client): client.name
        case .database: ""
        }
    }

    /// Whether it is known to be this program; at the far end of a URL anything may be.
    var isSlipway: Bool {
        switch self {
        case .service(let client): client.isLocal
        case .database: true
        }
    }

    func perform(
        _ name: String, path: [String: String] = [:], query: [String: String] = [:],
        headers: [String: String] = [:], body: JSONValue = .null, stream: FileChunks? = nil
    ) async throws(FleetError) -> JSONValue {
        guard let operation = OperationTable.operation(name) else {
            preconditionFailure("\(name) is not in the operation table")
        }
        try Self.check(path)
        switch self {
        case .service(let client):
            return try await client.perform(
                operation, path: path, query: query, headers: headers, body: body,
                stream: stream)
        case .database(let services):
            let request = OperationRequest(
                actor: Actor(
                    kind: .operator, identity: NSUserName(), sourceAddress: "local"),
                labels: path, query: query, headers: headers, body: body,
                stream: stream ?? OperationRequest.emptyStream)
            return try await operation.perform(request, services)
        }
    }

    /// An empty segment, `.` and `..` are taken out of a URL's path (RFC 3986 5.2.4), and what is
    /// left may be another operation's.
    private static func check(_ path: [String: String]) throws(FleetError) {
        for (label, value) in path.sorted(by: { $0.key < $1.key })
        where value.isEmpty || value == "." || value == ".." {
            throw FleetError(.invalidRequest, "'\(value)' is no \(label)")
        }
    }

    /// Answers an operation that answers with a file.
    /// - Parameter sink: where the file goes; made once it is known that there is one.
    func download(
        _ name: String, path: [String: String],
        to sink: @Sendable () throws(FleetError) -> ReportSink
    ) async throws(FleetError) {
        guard let operation = OperationTable.operation(name) else {
            preconditionFailure("\(name) is not in the operation table")
        }
        try Self.check(path)
        switch self {
        case .service(let client): try await client.download(operation, path: path, to: sink)
        case .database(let services):
            let request = OperationRequest(
                actor: Actor(kind: .operator, identity: NSUserName(), sourceAddress: "local"),
                labels: path)
            guard case .file(let file) = try await operation.answer(request, services) else {
                preconditionFailure("\(name) answers with no file.")
            }
            let sink = try sink()
            do { try await file.pieces { try sink.write($0) } } catch let error as FleetError {
                throw error
            } catch {
                throw FleetError(.internalFailure, "the file cannot be read: \(error)")
            }
        }
    }
}
