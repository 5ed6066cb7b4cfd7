package import Fleet
import JSON
import Provisioning
import Synchronization

/// Refusals of the control plane on their way to the audit log: bounded in memory by their queue,
/// on the disk by their budget.
package final class RefusalAudit: Sendable {
    private let queue = RefusalQueue()
    private let budget = Mutex(RefusalBudget())

    package init() {}

    /// - Parameter operation: what was asked for, by its name.
    package func note(
        _ error: FleetError, of operation: String, on target: ARN?, by actor: Actor,
        at now: UnixTime
    ) {
        let cause = "\(actor.identity) \(actor.sourceAddress ?? "") \(error.code.rawValue)"
        guard let suppressed = self.budget.withLock({ $0.admit(cause, at: now) }) else { return }
        var detail: JSONObject = [:]
        if let target { detail["target"] = .string(target.rawValue) }
        if suppressed > 0 { detail["refusalsNotRecorded"] = .int(suppressed) }
        _ = self.queue.add(
            Refusal(action: operation, error: error, detail: detail), by: actor)
    }

    /// Writes what is noted until `finish` is called or the task is cancelled.
    package func drain(into store: any FleetStore, lost: @Sendable (Int) -> Void) async {
        await self.queue.drain(into: store, lost: lost)
    }

    package func finish() { self.queue.finish() }
}
