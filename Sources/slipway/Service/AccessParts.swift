import ControlPlane
import Fleet
import Logging
import SQLiteStorage
import ServiceLifecycle

/// Who may use the control plane, and the two logs that tell who did.
struct AccessParts: Sendable {
    let services: AccessServices
    let refusals = RefusalAudit()
    let control: AccessControl
    let log: AccessLog

    init(
        _ settings: ResolvedSettings, _ realm: Realm, store: SQLiteFleetStore, logger: Logger
    ) throws(FleetError) {
        let installation = Installation(settings)
        let region = settings.text("rights.region")
        self.services = AccessServices(
            vault: try AccessFounding.vault(installation, SystemEntropy()), store: store)
        self.control = AccessControl(
            verifier: SignatureV4(
                services: SigningService.controlPlane, region: region.isEmpty ? nil : region),
            directory: self.services.directory, refusals: self.refusals, clock: SystemClock(),
            realm: realm)
        self.log = try AccessLog(path: installation.accessLog) { message in
            logger.error("calls are missing from the access log", metadata: ["why": "\(message)"])
        }
    }
}

/// Writes refusals of the control plane to the audit log, those that are queued at the end as
/// well, and hears of credentials that changed.
struct AccessKeeping: Service {
    let composition: Composition

    func run() async throws {
        let parts = self.composition.access
        let store = self.composition.store
        let logger = self.composition.logger
        let commits = store.changes(after: try await store.latestSequence())
        await withTaskGroup(of: Void.self) { group in
            group.addTask {
                await cancelWhenGracefulShutdown {
                    await parts.services.directory.follow(commits)
                }
            }
            group.addTask {
                await withGracefulShutdownHandler {
                    await parts.refusals.drain(into: store) { count in
                        logger.error(
                            "refusals are missing from the audit log",
                            metadata: ["count": "\(count)"])
                    }
                } onGracefulShutdown: {
                    parts.refusals.finish()
                }
            }
        }
    }
}
