/// After a run, every device that shares its serial number with another one connects once more:
/// just one of them may still be let in. What the service says of itself is not asked.
struct RollCall: Sendable {
    /// Connections at once.
    private static let concurrency = 20
    /// How often the devices of a serial number try before none of them counts as let in.
    private static let attemptsMax = 3

    let context: SimulationContext

    /// - Parameter groups: the identities that devices of one serial number ended with.
    /// - Returns: how many of each group are let in.
    func take(_ groups: [[DeviceIdentity]]) async -> [Int] {
        await withTaskGroup(of: Int.self) { tasks in
            var counts: [Int] = []
            var rest = groups[...]
            for group in rest.prefix(Self.concurrency) {
                tasks.addTask { await self.count(group) }
            }
            rest = rest.dropFirst(Self.concurrency)
            while let count = await tasks.next() {
                counts.append(count)
                guard let group = rest.popFirst() else { continue }
                tasks.addTask { await self.count(group) }
            }
            return counts
        }
    }

    private func count(_ group: [DeviceIdentity]) async -> Int {
        for _ in 0..<Self.attemptsMax {
            var count = 0
            for identity in group where await self.isLetIn(identity) { count += 1 }
            if count > 0 || group.isEmpty { return count }
        }
        return 0
    }

    private func isLetIn(_ identity: DeviceIdentity) async -> Bool {
        do throws(DeviceFailure) {
            let connection = try await DeviceConnection.open(
                step: .deviceConnect, tls: try self.context.tls(for: identity.credentials),
                clientID: identity.thingName, context: self.context)
            await connection.disconnect()
            return true
        } catch { return false }
    }
}
