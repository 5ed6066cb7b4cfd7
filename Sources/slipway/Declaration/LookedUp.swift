import Fleet
import Synchronization

/// What was asked of a service and does not change while a command runs, so that it is asked once
/// and not for every thing.
final class LookedUp: Sendable {
    /// Groups that have a query.
    static let dynamic = LookedUp()
    /// Authorities that are a service's own.
    static let own = LookedUp()
    /// Authorities that somebody registered.
    static let registered = LookedUp()

    /// More names than groups and authorities there are in one fleet; beyond, they are asked again.
    private static let answersMax = 100_000

    private struct Key: Hashable {
        let place: String
        let name: String
    }

    private let answers = Mutex<[Key: Bool]>([:])

    func holds(
        _ name: String, _ access: ControlAccess,
        _ ask: (String, ControlAccess) async throws(FleetError) -> Bool
    ) async throws(FleetError) -> Bool {
        let key = Key(place: access.place, name: name)
        if let known = self.answers.withLock({ $0[key] }) { return known }
        let answer = try await ask(name, access)
        self.answers.withLock { answers in
            if answers.count < Self.answersMax { answers[key] = answer }
        }
        return answer
    }
}
