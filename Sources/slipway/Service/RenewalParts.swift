import CertificateAuthority
import Fleet
import Logging
import Provisioning
import SQLiteStorage
import ServiceLifecycle

/// Renewals as the settings have them.
enum RenewalParts {
    private static let secondsPerDay: Int64 = 86_400

    static func settings(_ settings: ResolvedSettings) -> RenewalSettings {
        var renewal = RenewalSettings()
        renewal.windowSeconds =
            Int64(settings.integer("renewal.windowDays")) * Self.secondsPerDay
        renewal.overlapSeconds = Int64(settings.integer("renewal.overlapHours")) * 3600
        renewal.graceSeconds = Self.graceSeconds(settings)
        renewal.intervalSeconds = Int64(settings.integer("renewal.intervalSeconds"))
        return renewal
    }

    /// Whom TLS lets in, the ended ones that may renew among them.
    static func trust(
        _ settings: ResolvedSettings, store: SQLiteFleetStore, direct: DirectRegistration,
        realm: Realm
    ) -> JustInTimeRegistration {
        JustInTimeRegistration(
            store: store, inspector: ForeignCertificateInspector(), direct: direct,
            clock: SystemClock(), realm: realm, renewalGraceSeconds: Self.graceSeconds(settings))
    }

    /// No grace where nobody renews.
    static func graceSeconds(_ settings: ResolvedSettings) -> Int64 {
        guard settings.integer("renewal.windowDays") > 0 else { return 0 }
        return Int64(settings.integer("renewal.graceDays")) * Self.secondsPerDay
    }
}

extension Composition {
    var retirement: RenewalRetirement {
        RenewalRetirement(store: self.store, clock: self.clock)
    }
}

/// Retires certificates that were renewed as soon as their successors are seen. Those whose
/// overlap ends are found by the sweep, and so is what was missed here.
struct RenewalRetiring: Service {
    let retirement: RenewalRetirement
    let store: SQLiteFleetStore
    let logger: Logger

    func run() async throws {
        let commits = self.store.changes(after: try await self.store.latestSequence())
        await cancelWhenGracefulShutdown {
            for await commit in commits where Self.isFirstSight(commit) {
                await self.note(commit)
            }
        }
    }

    private static func isFirstSight(_ commit: Commit) -> Bool {
        commit.changes.contains { if case .recordFirstSeen = $0 { true } else { false } }
    }

    private func note(_ commit: Commit) async {
        do throws(FleetError) { _ = try await self.retirement.note(commit) } catch {
            self.logger.error(
                "a certificate that was renewed is not retired yet",
                metadata: ["error": "\(error)"])
        }
    }
}
