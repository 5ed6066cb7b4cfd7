import Fleet
import JSON
import Registry

/// A hook's texts: each stays, with who wrote it and why.
extension HookOperations {
    static func versions(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("hookName", as: HookName.self)
        let current = try await Self.existing(name, services)
        let page = try await services.store.page(
            ListQuery(.versionsOfHook(name), after: request.query["after"]))
        let versions = page.records.compactMap { record -> JSONValue? in
            guard case .hook(let version) = record else { return nil }
            return .object(Self.version(version, beside: current))
        }
        return ["versions": .array(versions), "next": page.next.map { .string($0) } ?? nil]
    }

    static func describeVersion(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("hookName", as: HookName.self)
        let current = try await Self.existing(name, services)
        let version = try await Self.version(
            named: request.label("digest"), of: name, services)
        var answer = Self.version(version, beside: current)
        answer["source"] = .string(version.source)
        return .object(answer)
    }

    static func enable(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("hookName", as: HookName.self)
        var digest: String?
        if let text = try request.optionalText("digest") {
            digest = try await Self.version(named: text, of: name, services).digest
        }
        let wanted = digest
        var keys: Set<RecordKey> = [.hook(name)]
        if let wanted { keys.insert(.hookVersion(name, wanted)) }
        _ = try await services.decide(keys, by: request.actor) { view, _ throws(FleetError) in
            try HookScripts.enable(name, digest: wanted, in: view)
        }
        return .object(Self.json(try await Self.existing(name, services)))
    }

    static func disable(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("hookName", as: HookName.self)
        _ = try await services.decide([.hook(name)], by: request.actor) {
            view, _ throws(FleetError) in
            try HookScripts.disable(name, in: view)
        }
        return .object(Self.json(try await Self.existing(name, services)))
    }

    /// Runs the tests that came along; a text that fails one is not stored.
    /// - Returns: how many cases passed.
    static func test(
        _ source: String, _ tests: JSONValue, as name: HookName, _ services: ControlPlaneServices
    ) async throws(FleetError) -> Int {
        guard let test = services.testHook else {
            throw FleetError(
                .serviceUnavailable, "only a running service can run a hook's tests")
        }
        let outcome = try await test(
            HookScript(name: name, source: source, digest: "", createdAt: services.clock.now),
            tests)
        guard let failure = outcome.failures.first else { return outcome.cases }
        throw FleetError(
            .invalidRequest,
            "\(outcome.failures.count) of \(outcome.cases) tests of hook '\(name)' fail, and so it "
                + "is not stored: \(failure)", resource: name.rawValue)
    }

    /// Digits in a beginning of a digest that stand for it; fewer are a version's number.
    private static let digestDigitsMin = 6

    private static func version(
        named text: String, of name: HookName, _ services: ControlPlaneServices
    ) async throws(FleetError) -> HookScript {
        var found: [HookScript] = []
        var after: String?
        repeat {
            let page = try await services.store.page(
                ListQuery(.versionsOfHook(name), after: after))
            for case .hook(let version) in page.records
            where String(version.version) == text
                || text.utf8.count >= Self.digestDigitsMin && version.digest.hasPrefix(text)
            {
                found.append(version)
            }
            after = page.next
        } while after != nil
        guard let first = found.first else {
            throw FleetError(
                .notFound,
                "hook '\(name)' has no version '\(text.clipped)': name it by its number "
                    + "or by at least \(Self.digestDigitsMin) digits of its digest",
                resource: name.rawValue)
        }
        guard found.count == 1 else {
            throw FleetError(
                .invalidRequest, "hook '\(name)' has \(found.count) versions '\(text.clipped)'")
        }
        return first
    }

    private static func version(_ version: HookScript, beside current: HookScript) -> JSONObject {
        var object = Self.json(version)
        object["inForce"] = .bool(version.digest == current.digest && current.enabled)
        object["enabled"] = nil
        return object
    }
}
