import Fleet
import HTTPTypes
import JSON
import Registry

/// Pre-provisioning hooks: who wrote them, and who has read them.
package enum HookOperations {
    package static let all: [Operation] = [
        Operation(
            "ListHooks", .get, "/slipway/hooks", query: ["after"],
            summary: "Every hook with its digest, author and approver", handle: Self.list),
        Operation(
            "DescribeHook", .get, "/slipway/hooks/{hookName}", summary: "One hook with its text",
            target: Self.target, handle: Self.describe),
        Operation(
            "PutHook", .put, "/slipway/hooks/{hookName}",
            members: ["source", "message", "tests"],
            summary: "A hook's text, in place of the one before", target: Self.target,
            handle: Self.put),
        Operation(
            "ApproveHook", .post, "/slipway/hooks/{hookName}/approval", members: ["digest"],
            summary: "Vouch for a text that somebody else wrote", target: Self.target,
            handle: Self.approve),
        Operation(
            "ListHookVersions", .get, "/slipway/hooks/{hookName}/versions", query: ["after"],
            summary: "Every text a hook has had, oldest first", target: Self.target,
            handle: Self.versions),
        Operation(
            "DescribeHookVersion", .get, "/slipway/hooks/{hookName}/versions/{digest}",
            summary: "One text a hook has or had, by the beginning of its digest or its number",
            target: Self.target, handle: Self.describeVersion),
        Operation(
            "EnableHook", .post, "/slipway/hooks/{hookName}/enabled", members: ["digest"],
            summary: "Put a hook, or one of its earlier texts, in force", target: Self.target,
            handle: Self.enable),
        Operation(
            "DisableHook", .delete, "/slipway/hooks/{hookName}/enabled",
            summary: "Let a hook refuse every device", target: Self.target,
            handle: Self.disable),
    ]

    private static let target: Operation.Target = { request, realm throws(FleetError) in
        realm.hook(try request.name("hookName", as: HookName.self))
    }

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let page = try await services.store.page(ListQuery(.hooks, after: request.query["after"]))
        let hooks = page.records.compactMap { record -> JSONValue? in
            if case .hook(let hook) = record { .object(Self.json(hook)) } else { nil }
        }
        return ["hooks": .array(hooks), "next": page.next.map { .string($0) } ?? nil]
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("hookName", as: HookName.self)
        let hook = try await Self.existing(name, services)
        var answer = Self.json(hook)
        answer["source"] = .string(hook.source)
        return .object(answer)
    }

    /// A text that does not load would deny every device, and so is not stored.
    private static func put(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("hookName", as: HookName.self)
        let source = try request.text("source")
        guard let check = services.checkHook else {
            throw FleetError(
                .serviceUnavailable,
                "a hook is tried before it is stored, which only a running service can do: start "
                    + "it with 'slipway serve'")
        }
        let author = request.actor.person
        let message = try request.optionalText("message")
        if let problem = await check(
            HookScript(name: name, source: source, digest: "", createdAt: services.clock.now))
        {
            throw FleetError(
                .invalidRequest, "the hook '\(name)' does not load: \(problem)",
                resource: name.rawValue)
        }
        var tested = 0
        if let tests = request.body["tests"], tests != .null {
            tested = try await Self.test(source, tests, as: name, services)
        }
        _ = try await services.decide(
            HookScripts.keys(name, source: source), by: request.actor
        ) { view, now throws(FleetError) in
            try HookScripts.put(
                name, source: source, by: author, message: message, in: view, at: now)
        }
        var answer = Self.json(try await Self.existing(name, services))
        answer["casesPassed"] = .int(tested)
        return .object(answer)
    }

    private static func approve(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try request.name("hookName", as: HookName.self)
        let digest = try request.text("digest")
        let approver = request.actor.person
        _ = try await services.decide([.hook(name)], by: request.actor) {
            view, now throws(FleetError) in
            try HookScripts.approve(name, digest: digest, by: approver, in: view, at: now)
        }
        return .object(Self.json(try await Self.existing(name, services)))
    }

    static func existing(
        _ name: HookName, _ services: ControlPlaneServices
    ) async throws(FleetError) -> HookScript {
        guard let hook = try await services.store.load([.hook(name)]).hook(name) else {
            throw FleetError(.notFound, "there is no hook '\(name)'", resource: name.rawValue)
        }
        return hook
    }

    static func json(_ hook: HookScript) -> JSONObject {
        .present(
            ("name", .name(hook.name)), ("version", .int(hook.version)),
            ("enabled", .bool(hook.enabled)), ("digest", .string(hook.digest)),
            ("createdAt", .string(hook.createdAt.description)),
            ("author", hook.author.map { .string($0) }),
            ("message", hook.message.map { .string($0) }),
            ("approver", (hook.approval?.approver).map { .string($0) }),
            ("approvedAt", (hook.approval?.approvedAt).map { .string($0.description) }))
    }
}
