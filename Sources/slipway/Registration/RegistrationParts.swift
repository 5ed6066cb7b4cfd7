import CertificateAuthority
import ControlPlane
import Fleet
import Foundation
import Logging
import Provisioning
import ServiceLifecycle

/// What registers devices by operators' orders: one at a time, and files of them.
struct RegistrationParts: Sendable {
    let direct: DirectRegistration
    let runner: RegistrationTaskRunner
    let sweep: RegistrationTaskSweep
    let files: TaskFolders
    let inputs: ConfiguredInputs
    let links: ReportLinks

    init(
        _ settings: ResolvedSettings, _ installation: Installation, store: any FleetStore,
        issuer: any CertificateIssuer, logger: Logger
    ) throws(FleetError) {
        let clock = SystemClock()
        self.files = TaskFolders(root: installation.registrationTasks)
        self.inputs = ConfiguredInputs(
            sources: try RegistrationSource.sources(
                settings.list("bulk.sources"), root: installation.root))
        self.direct = DirectRegistration(
            ports: DirectRegistration.Ports(
                store: store, issuer: issuer, inspector: ForeignCertificateInspector(),
                clock: clock, entropy: SystemEntropy()),
            realm: try installation.realm)
        self.runner = RegistrationTaskRunner(
            ports: RegistrationTaskRunner.Ports(
                store: store, files: self.files, inputs: self.inputs, registration: self.direct,
                clock: clock, pause: { attempt in await Self.pause(attempt) }),
            lineWorkers: settings.integer("bulk.lineWorkers"),
            observe: { Self.note($0, logger) })
        self.sweep = RegistrationTaskSweep(store: store, files: self.files, clock: clock)
        self.links = ReportLinks(
            secret: Secret(
                WipedBytes(
                    try PrivateFile.read(installation.tokenKey, as: "the ownership token key"))),
            clock: clock)
    }

    var services: ControlPlaneServices.Registration {
        ControlPlaneServices.Registration(
            direct: self.direct, runner: self.runner, inputs: self.inputs, links: self.links)
    }

    /// A quarter of a second at first, twice as long each time, and never more than half a minute.
    private static func pause(_ attempt: Int) async {
        let milliseconds = min(250 << min(attempt - 1, 7), 30_000)
        try? await Task.sleep(for: .milliseconds(milliseconds))
    }

    private static func note(_ event: RegistrationTaskRunner.Event, _ logger: Logger) {
        switch event {
        case .began(let task):
            logger.notice(
                "registration task at work",
                metadata: [
                    "task": "\(task.id)", "input": "\(task.input)",
                    "lines": "\(task.state.progress.lines)",
                ])
        case .ended(let id, let status):
            logger.notice(
                "registration task ended",
                metadata: ["task": "\(id)", "status": "\(status.rawValue)"])
        case .interrupted(let id, let error):
            logger.error(
                "registration task interrupted",
                metadata: ["task": "\(id)", "error": "\(error.message)"])
        }
    }
}

/// Carries out registration tasks until asked to stop; each then stays at its next checkpoint.
struct TaskRunning: Service {
    let parts: RegistrationParts

    func run() async throws {
        let runner = self.parts.runner
        try await withGracefulShutdownHandler {
            try await runner.run()
        } onGracefulShutdown: {
            runner.stop()
        }
    }
}
