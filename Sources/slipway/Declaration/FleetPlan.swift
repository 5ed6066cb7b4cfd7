import Fleet
import JSON

/// What has to be done to make a service have what is declared. Nothing that is not declared is
/// taken away.
struct FleetPlan: Sendable {
    struct Change: Sendable {
        let resource: DeclaredResource
        let isNew: Bool
        let differences: [String]
        let steps: [DeclaredStep]

        var line: String {
            let what = "\(self.resource.kind.rawValue) \(self.resource.name)"
            return self.isNew
                ? "+ \(what)" : "~ \(what)  (\(self.differences.joined(separator: ", ")))"
        }

        /// What is there once it is done.
        var made: [DeclaredReference] {
            [DeclaredReference(kind: self.resource.kind, name: self.resource.name)]
                + self.resource.kind.behaviour.brought(self.resource.state)
        }

        var json: JSONValue {
            [
                "kind": .string(self.resource.kind.rawValue),
                "name": .string(self.resource.name), "action": self.isNew ? "create" : "update",
                "members": .array(self.differences.map { .string($0) }),
                "origin": .string(self.resource.origin),
            ]
        }
    }

    private(set) var changes: [Change] = []
    private(set) var unchanged = 0
    /// What cannot be done, each saying where it is declared.
    private(set) var failures: [FleetError] = []
    private var declared: Set<DeclaredReference> = []

    var newCount: Int { self.changes.count { $0.isNew } }
    var summary: String {
        "\(self.newCount) to create, \(self.changes.count - self.newCount) to change, "
            + "\(self.unchanged) unchanged"
            + (self.failures.isEmpty ? "" : ", \(self.failures.count) that cannot be")
    }

    /// Takes in every declaration of a kind; kinds come in the order of `DeclaredKind.allCases`.
    mutating func add(
        _ read: [Result<DeclaredResource, FleetError>], _ access: ControlAccess,
        counted: (Int) -> Void
    ) async throws(FleetError) {
        var resources: [DeclaredResource] = []
        for result in read {
            switch result {
            case .failure(let error): self.failures.append(error)
            case .success(let resource): resources.append(resource)
            }
        }
        for start in stride(from: 0, to: resources.count, by: FleetExport.atOnce) {
            let some = Array(resources[start..<min(start + FleetExport.atOnce, resources.count)])
            let found = try await AtOnce.map(some) { resource throws(FleetError) in
                await Self.change(of: resource, access)
            }
            for (resource, change) in zip(some, found) { self.take(resource, change) }
            counted(start + some.count)
        }
    }

    private mutating func take(
        _ resource: DeclaredResource, _ change: Result<Change?, FleetError>
    ) {
        let reference = DeclaredReference(kind: resource.kind, name: resource.name)
        switch change {
        case .failure(let error):
            self.failures.append(FleetError(error.code, "\(resource.origin): \(error.message)"))
        case .success(let change):
            guard self.declared.insert(reference).inserted else {
                self.failures.append(
                    FleetError(
                        .invalidRequest,
                        "\(resource.origin): \(resource.kind.rawValue) \(resource.name) is "
                            + "declared twice"))
                return
            }
            guard let change else { return self.unchanged += 1 }
            self.changes.append(change)
        }
    }

    /// nil where it is as it should be.
    private static func change(
        of resource: DeclaredResource, _ access: ControlAccess
    ) async -> Result<Change?, FleetError> {
        do throws(FleetError) {
            let behaviour = resource.kind.behaviour
            let current = try await behaviour.current(resource.name, access)
            let steps = try behaviour.steps(resource.name, from: current, to: resource.state)
            guard !steps.isEmpty else { return .success(nil) }
            try behaviour.check(resource.name, from: current, to: resource.state)
            return .success(
                Change(
                    resource: resource, isNew: current == nil,
                    differences: behaviour.differences(current, resource.state), steps: steps))
        } catch { return .failure(error) }
    }

    /// Takes out what refers to something that is neither declared nor there, so that nothing is
    /// made in half; and puts what others stand upon before them.
    mutating func settle(_ access: ControlAccess) async throws(FleetError) {
        var known: [DeclaredReference: Bool] = [:]
        var kept: [Change] = []
        var rest = self.changes
        self.changes = []
        var waiting = Set(rest.flatMap(\.made))
        // Each round settles what refers to nothing that waits; a tree of groups takes as many
        // rounds as it is deep.
        while !rest.isEmpty {
            var later: [Change] = []
            let before = rest.count
            for change in rest {
                let resource = change.resource
                let references = resource.kind.behaviour.references(resource.state)
                if references.contains(where: waiting.contains) {
                    later.append(change)
                    continue
                }
                var missing: DeclaredReference?
                for reference in references where missing == nil {
                    if known[reference] == nil {
                        known[reference] =
                            try await reference.kind.behaviour.current(reference.name, access)
                            != nil
                    }
                    if known[reference] == false { missing = reference }
                }
                waiting.subtract(change.made)
                guard let missing else {
                    for reference in change.made { known[reference] = true }
                    kept.append(change)
                    continue
                }
                known[DeclaredReference(kind: resource.kind, name: resource.name)] = !change.isNew
                self.failures.append(
                    FleetError(
                        .notFound,
                        "\(resource.origin): it needs the \(missing.kind.rawValue) "
                            + "'\(missing.name)', which is neither there nor declared well"))
            }
            rest = later
            guard rest.count < before else {
                for change in rest {
                    self.failures.append(
                        FleetError(
                            .invalidRequest,
                            "\(change.resource.origin): it refers to itself in a circle"))
                }
                break
            }
        }
        self.changes = kept
    }

    /// Carries the plan out. A resource that fails is told of, and what needs it is left alone.
    /// - Returns: how many were done, and what failed.
    func run(
        _ access: ControlAccess, counted: (Int) -> Void
    ) async -> (done: Int, failures: [FleetError]) {
        var failures: [FleetError] = []
        var failed: Set<DeclaredReference> = []
        var done = 0
        for batch in self.batches {
            let before = failed
            let outcomes: [FleetError?]
            do throws(FleetError) {
                outcomes = try await AtOnce.map(batch) { change throws(FleetError) in
                    await Self.failure(of: change, whereFailed: before, access)
                }
            } catch { outcomes = batch.map { _ in error } }
            for (change, failure) in zip(batch, outcomes) {
                guard let failure else {
                    done += 1
                    continue
                }
                failed.formUnion(change.made)
                failures.append(
                    FleetError(failure.code, "\(change.resource.origin): \(failure.message)"))
            }
            counted(done + failures.count)
        }
        return (done, failures)
    }

    /// In their order. Kinds of which there are many refer to none of their own: some of them are
    /// carried out at the same time, and share the service's commits.
    private var batches: [[Change]] {
        var batches: [[Change]] = []
        for change in self.changes {
            let kind = change.resource.kind
            if var last = batches.popLast() {
                let isRoom = last.count < FleetExport.atOnce && kind.form == .lines
                guard isRoom, last.first?.resource.kind == kind else {
                    batches += [last, [change]]
                    continue
                }
                last.append(change)
                batches.append(last)
            } else {
                batches.append([change])
            }
        }
        return batches
    }

    /// Carries one change out; nil where that went well.
    /// - Parameter failed: what failed before; what needs it is left alone.
    private static func failure(
        of change: Change, whereFailed failed: Set<DeclaredReference>, _ access: ControlAccess
    ) async -> FleetError? {
        let resource = change.resource
        let references = resource.kind.behaviour.references(resource.state)
        if let needed = references.first(where: failed.contains) {
            return FleetError(
                .notFound, "it needs the \(needed.kind.rawValue) '\(needed.name)', which failed")
        }
        do throws(FleetError) {
            for step in change.steps { try await step.run(access) }
            return nil
        } catch { return error }
    }
}
