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
            for await commit in self.store.changes(after: start) {
                for case .putEventConfigurations(let settings) in commit.changes {
                    enabled = settings.enabled
                }
                if !enabled.isEmpty { await self.announce(commit, enabled) }
            }
        } catch {
            self.logger.error("registry events are not published", metadata: ["error": "\(error)"])
        }
    }

    private func announce(
        _ commit: Commit, _ enabled: Set<EventConfigurations.EventType>
    ) async {
        let events = RegistryEvents(realm: self.realm)
        let view: RegistryView
        do throws(FleetError) {
            let keys = events.keys(of: commit, enabled: enabled)
            view =
                keys.isEmpty
                ? RegistryView(keys: [], entries: [:]) : try await self.store.load(keys)
        } catch {
            self.logger.error(
                "registry events of one commit were not published",
                metadata: ["commit": "\(commit.sequence)", "error": "\(error)"])
            return
        }
        for event in events.events(of: commit, enabled: enabled, in: view) {
            let payload = JSONPrinter.bytes(.object(event.payload))
            guard !self.publisher.publish(topic: event.topic, payload: payload) else { continue }
            self.logger.warning(
                "a registry event did not reach all who subscribed: a queue was full",
                metadata: ["topic": "\(event.topic)"])
        }
    }
}
