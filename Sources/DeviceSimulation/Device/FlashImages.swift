import Synchronization

/// What copies take from the devices before them: the key, which is in the image from the
/// beginning, and the identity, once there is one.
final class FlashImages: Sendable {
    private enum Outcome {
        case waiting([CheckedContinuation<DeviceIdentity?, Never>])
        case known(DeviceIdentity?)
    }

    private struct State {
        var keys: [Int: DeviceKey] = [:]
        var outcomes: [Int: Outcome] = [:]
    }

    private let state = Mutex(State())

    /// The key that the device with this index and its copy have in common; whoever asks second
    /// takes it away.
    func key(of index: Int, commonName: String) throws -> DeviceKey {
        if let key = self.state.withLock({ $0.keys.removeValue(forKey: index) }) { return key }
        let made = try DeviceKey(commonName: commonName)
        return self.state.withLock { state in
            if let key = state.keys.removeValue(forKey: index) { return key }
            state.keys[index] = made
            return made
        }
    }

    /// The life of the device with this index is over; nil where it has no identity.
    func finish(_ index: Int, _ identity: DeviceIdentity?) {
        let waiting = self.state.withLock {
            state -> [CheckedContinuation<DeviceIdentity?, Never>] in
            guard case .waiting(let waiting) = state.outcomes[index] else {
                state.outcomes[index] = .known(identity)
                return []
            }
            state.outcomes[index] = nil
            return waiting
        }
        for one in waiting { one.resume(returning: identity) }
    }

    /// What became of the device with this index. It has begun before its copy, so it ends.
    func identity(of index: Int) async -> DeviceIdentity? {
        await withCheckedContinuation { continuation in
            let known: DeviceIdentity?? = self.state.withLock { state in
                if case .known(let identity) = state.outcomes[index] {
                    state.outcomes[index] = nil
                    return .some(identity)
                }
                var waiting: [CheckedContinuation<DeviceIdentity?, Never>] = []
                if case .waiting(let before) = state.outcomes[index] { waiting = before }
                state.outcomes[index] = .waiting(waiting + [continuation])
                return nil
            }
            if let known { continuation.resume(returning: known) }
        }
    }
}
