package import Fleet

/// Refusals on their way to the audit log. A reply does not wait for them, and a flood of bad
/// requests fills a bounded queue and not the memory.
package struct RefusalQueue: Sendable {
    package static let refusalsQueuedMax = 1024

    private struct Item: Sendable {
        let refusal: Refusal
        let actor: Actor
    }

    private let stream: AsyncStream<Item>
    private let continuation: AsyncStream<Item>.Continuation

    package init() {
        (self.stream, self.continuation) = AsyncStream.makeStream(
            bufferingPolicy: .bufferingOldest(Self.refusalsQueuedMax))
    }

    /// - Returns: whether there was room.
    package func add(_ refusal: Refusal, by actor: Actor) -> Bool {
        switch self.continuation.yield(Item(refusal: refusal, actor: actor)) {
        case .enqueued: true
        case .dropped, .terminated: false
        @unknown default: false
        }
    }

    package func finish() { self.continuation.finish() }

    /// Writes what is queued until `finish` is called or the task is cancelled.
    package func drain(into store: any FleetStore, lost: @Sendable (Int) -> Void) async {
        for await item in self.stream {
            do { try await store.record(item.refusal, by: item.actor) } catch { lost(1) }
        }
    }
}
