import Fleet
import Synchronization

/// Answers a request with its own payload on `…/accepted`. While it is held, requests wait.
final class EchoService: ReservedTopicService {
    private struct State {
        var isHeld = false
        var waiting: [CheckedContinuation<Void, Never>] = []
        var publishers: [Publisher] = []
        var cancelledCount = 0
    }

    private let state = Mutex(State())

    var publishers: [Publisher] { self.state.withLock { $0.publishers } }

    /// Requests that were given up while they were held.
    var cancelledCount: Int { self.state.withLock { $0.cancelledCount } }

    func isRequest(topic: String) -> Bool {
        topic == "$aws/certificates/create/json" || topic == "$aws/certificates/create/cbor"
            || self.isOpenToEnded(topic: topic)
    }

    static let tooLarge = "too large"

    func replyTooLarge(to topic: String) -> ReservedReply? {
        ReservedReply(topic: topic + "/rejected", payload: Array(Self.tooLarge.utf8))
    }

    func isOpenToEnded(topic: String) -> Bool { topic == "$slipway/certificates/renew/json" }

    func isOpenToEnded(filter: String) -> Bool {
        filter == "$slipway/certificates/renew/json/accepted"
    }

    func isReply(filter: String) -> Bool {
        if self.isOpenToEnded(filter: filter) { return true }
        return ["accepted", "rejected"].contains { word in
            filter == "$aws/certificates/create/json/\(word)"
                || filter == "$aws/certificates/create/cbor/\(word)"
                || filter == "$aws/certificates/create/+/\(word)"
        }
    }

    func handle(
        topic: String, payload: [UInt8], from publisher: Publisher
    ) async -> [ReservedReply] {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let goesOn = self.state.withLock { state in
                    state.publishers.append(publisher)
                    if state.isHeld { state.waiting.append(continuation) }
                    return !state.isHeld
                }
                if goesOn { continuation.resume() }
            }
        } onCancel: {
            self.state.withLock { $0.cancelledCount += 1 }
        }
        return [ReservedReply(topic: topic + "/accepted", payload: payload)]
    }

    func hold() { self.state.withLock { $0.isHeld = true } }

    func release() {
        let waiting = self.state.withLock { state in
            state.isHeld = false
            defer { state.waiting = [] }
            return state.waiting
        }
        for continuation in waiting { continuation.resume() }
    }
}
