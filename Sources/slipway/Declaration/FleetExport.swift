import Fleet
import JSON

/// Reads a whole fleet from a service, everything but keys.
struct FleetExport: Sendable {
    /// Resources that are asked for at the same time.
    static let atOnce = 8

    let access: ControlAccess
    let kinds: [DeclaredKind]

    /// - Parameters:
    ///   - skipped: told of kinds that the service knows nothing of.
    ///   - take: given each resource, kind by kind.
    func run(
        skipped: (DeclaredKind, FleetError) -> Void, counted: (DeclaredKind, Int) -> Void,
        take: (DeclaredResource) throws(FleetError) -> Void
    ) async throws(FleetError) {
        for kind in self.kinds {
            do throws(FleetError) {
                try await self.read(kind, counted, take)
            } catch  where error.isOfUnknownOperation { skipped(kind, error) }
        }
    }

    private func read(
        _ kind: DeclaredKind, _ counted: (DeclaredKind, Int) -> Void,
        _ take: (DeclaredResource) throws(FleetError) -> Void
    ) async throws(FleetError) {
        var names: [String] = []
        var count = 0
        try await kind.behaviour.forEachName(self.access) { name throws(FleetError) in
            names.append(name)
            guard names.count == Self.atOnce else { return }
            count += try await self.read(kind, names, take)
            counted(kind, count)
            names = []
        }
        count += try await self.read(kind, names, take)
        counted(kind, count)
    }

    private func read(
        _ kind: DeclaredKind, _ names: [String],
        _ take: (DeclaredResource) throws(FleetError) -> Void
    ) async throws(FleetError) -> Int {
        let found = try await AtOnce.map(names) { name throws(FleetError) in
            do throws(FleetError) {
                return try await kind.behaviour.current(name, self.access)
            } catch {
                // Half of a resource is none: only what cannot be listed at all is skipped.
                throw FleetError(
                    error.isOfUnknownOperation ? .internalFailure : error.code,
                    "\(kind.rawValue) '\(name)' cannot be read: \(error.message)")
            }
        }
        var count = 0
        for (name, current) in zip(names, found) {
            guard let current else { continue }
            let origin = "\(kind.rawValue) \(name)"
            try take(
                DeclaredResource(kind: kind, name: name, state: current.state, origin: origin))
            count += 1
        }
        return count
    }
}

enum AtOnce {
    /// Does the same for each of a few at the same time; the answers are in their order.
    static func map<Item: Sendable, Answer: Sendable>(
        _ items: [Item],
        _ work: @escaping @Sendable (Item) async throws(FleetError) -> Answer
    ) async throws(FleetError) -> [Answer] {
        let results = await withTaskGroup(of: (Int, Result<Answer, FleetError>).self) { group in
            for (index, item) in items.enumerated() {
                group.addTask {
                    do throws(FleetError) {
                        return (index, .success(try await work(item)))
                    } catch { return (index, .failure(error)) }
                }
            }
            var all: [(Int, Result<Answer, FleetError>)] = []
            for await result in group { all.append(result) }
            return all.sorted { $0.0 < $1.0 }
        }
        var answers: [Answer] = []
        for (_, result) in results { answers.append(try result.get()) }
        return answers
    }
}
