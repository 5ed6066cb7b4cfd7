import ControlPlane
import Fleet
import JSON
import Logging
import Registry
import ServiceLifecycle

/// Publishes what happens in the registry, as far as somebody has switched it on (AWS:
/// UpdateEventConfigurations). It reads the change feed one commit at a time, which buffers
/// nothing for a slow reader, so it costs no more memory however fast the fleet changes.
///
/// What was committed while no service ran is not published: nobody was connected to hear it.
struct RegistryAnnouncements: Service {
    let store: any FleetStore
    let publisher: any MessagePublisher
    let realm: Realm
    let logger: Logger

    func run() async throws {
        await cancelWhenGracefulShutdown { await self.follow() }
    }

    private func follow() async {
        do throws(FleetError) {
            let start = try await self.store.latestSequence()
            let settings = try await self.store.load(EventSettings.keys).eventConfigurations
            var enabled = settings?.enabled ?? []
            var dynamic: DynamicMembership?
            for await commit in self.store.changes(after: start) {
                for case .putEventConfigurations(let settings) in commit.changes {
                    enabled = settings.enabled
                }
                if commit.changes.contains(where: Self.changesGroups) { dynamic = nil }
                guard !enabled.isEmpty else { continue }
                if enabled.contains(.thingGroupMembership), dynamic == nil {
                    dynamic = await self.dynamicGroups(commit)
                }
                await self.announce(commit, enabled, dynamic ?? .empty)
            }
        } catch {
            self.logger.error("registry events are not published", metadata: ["error": "\(error)"])
        }
    }

    /// Whether there may be other dynamic groups from here on.
    private static func changesGroups(_ change: Change) -> Bool {
        if case .putThingGroup = change { return true }
        if case .deleteThingGroup = change { return true }
        return false
    }

    /// nil where they cannot be had, so that the next commit asks again.
    private func dynamicGroups(_ commit: Commit) async -> DynamicMembership? {
        do throws(FleetError) {
            return try await DynamicMembership.load(from: self.store)
        } catch {
            self.logger.error(
                "events of dynamic thing groups were not published",
                metadata: ["commit": "\(commit.sequence)", "error": "\(error)"])
            return nil
        }
    }

    private func announce(
        _ commit: Commit, _ enabled: Set<EventConfigurations.EventType>,
        _ dynamic: DynamicMembership
    ) async {
        let events = RegistryEvents(realm: self.realm)
        let view: RegistryView
        do throws(FleetError) {
            let keys = events.keys(of: commit, enabled: enabled, dynamic: dynamic)
            view =
                keys.isEmpty
                ? RegistryView(keys: [], entries: [:]) : try await self.store.load(keys)
        } catch {
            self.logger.error(
                "registry events of one commit were not published",
                metadata: ["commit": "\(commit.sequence)", "error": "\(error)"])
            return
        }
        for event in events.events(of: commit, enabled: enabled, in: view, dynamic: dynamic) {
            let payload = JSONPrinter.bytes(.object(event.payload))
            guard !self.publisher.publish(topic: event.topic, payload: payload) else { continue }
            self.logger.warning(
                "a registry event did not reach all who subscribed: a queue was full",
                metadata: ["topic": "\(event.topic)"])
        }
    }
}
