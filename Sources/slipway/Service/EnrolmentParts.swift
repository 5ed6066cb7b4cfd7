import Fleet
import Provisioning
import SQLiteStorage
import ServiceLifecycle

/// What the service's settings say of serial numbers that are seen again, and what the store knows
/// of the time.
enum EnrolmentParts {
    static func settings(_ resolved: ResolvedSettings) -> EnrolmentSettings {
        var enrolment = EnrolmentSettings()
        enrolment.serialParameter = resolved.text("enrolment.serialParameter")
        func policy(
            _ key: String, _ standard: EnrolmentSettings.Policy
        ) -> EnrolmentSettings.Policy {
            // Only the four words get through the settings.
            EnrolmentSettings.Policy(rawValue: resolved.text(key)) ?? standard
        }
        enrolment.onRetry = policy("enrolment.onRetry", enrolment.onRetry)
        enrolment.onRework = policy("enrolment.onRework", enrolment.onRework)
        enrolment.onElsewhere = policy("enrolment.onElsewhere", enrolment.onElsewhere)
        enrolment.onCopiedImage = policy("enrolment.onCopiedImage", enrolment.onCopiedImage)
        enrolment.onClone = policy("enrolment.onClone", enrolment.onClone)
        enrolment.reworkSeconds = Int64(resolved.integer("enrolment.reworkSeconds"))
        return enrolment
    }

    static func clones(
        _ resolved: ResolvedSettings, _ store: SQLiteFleetStore, _ log: ProvisioningLog
    ) -> CloneJudge {
        CloneJudge(
            store: store, clock: SystemClock(), policy: Self.settings(resolved).onClone,
            observe: { log.note($0) })
    }

    /// The newest record says how late it is at least.
    static func seedClock(
        of provisioner: Provisioner, from store: SQLiteFleetStore
    ) async throws(FleetError) {
        let latest = try await store.latestSequence()
        guard latest > 0 else { return }
        let page = try await store.page(ListQuery(.commits, after: String(latest - 1), limit: 1))
        for case .commit(let commit) in page.records { provisioner.clockHasShown(commit.time) }
    }
}

/// Looks at the clock for as long as the service runs.
struct ClockWatching: Service {
    let provisioner: Provisioner

    /// A step back that is as long is not seen; no more than is tolerated anyway.
    private static let pause = Duration.seconds(1)

    func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                self.provisioner.watchClock()
                // Only a stop cuts the sleep short, and ends the loop with it.
                try? await Task.sleep(for: Self.pause)
            }
        }
    }
}
