import MQTT
import Synchronization

/// Which shards have somebody for which topics: what loops tell each other in place of who it is.
/// One table behind one lock; a shard asks once a publish and gets a machine word back.
final class InterestTable: Sendable {
    private struct State {
        var routes = RoutingTable()
        /// How many subscriptions of each shard there are for a filter.
        var counts: [TopicFilter: [UInt32: Int]] = [:]
        /// Kept for its storage; empty between calls.
        var found: [RouteMatch] = []
    }

    private let state = Mutex(State())

    func add(_ filter: TopicFilter, shard: Int) {
        let id = SubscriberID(rawValue: UInt32(clamping: shard))
        self.state.withLock { state in
            let count = state.counts[filter, default: [:]][id.rawValue, default: 0]
            state.counts[filter, default: [:]][id.rawValue] = count + 1
            if count == 0 {
                // It has as much room as a shard's own table, which took the filter just now.
                _ = state.routes.insert(filter, for: id, options: SubscriptionOptions())
            }
        }
    }

    func remove(_ filter: TopicFilter, shard: Int) {
        let id = SubscriberID(rawValue: UInt32(clamping: shard))
        self.state.withLock { state in
            guard let count = state.counts[filter]?[id.rawValue] else { return }
            if count > 1 {
                state.counts[filter]?[id.rawValue] = count - 1
                return
            }
            state.counts[filter]?[id.rawValue] = nil
            if state.counts[filter]?.isEmpty == true { state.counts[filter] = nil }
            _ = state.routes.remove(filter, for: id)
        }
    }

    func shards(for topic: TopicName) -> ShardSet {
        self.state.withLock { state in
            state.routes.match(topic, into: &state.found)
            var shards = ShardSet()
            for match in state.found { shards.insert(Int(match.subscriber.rawValue)) }
            state.found.removeAll(keepingCapacity: true)
            return shards
        }
    }
}
