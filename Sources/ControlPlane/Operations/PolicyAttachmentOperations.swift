import Fleet
import HTTPTypes
import JSON
import Registry

/// The rows that say what policies hang on, in AWS's newer words and in its older ones.
package enum PolicyAttachmentOperations {
    package static let all: [Operation] = [
        Operation(
            "AttachPolicy", .put, "/target-policies/{policyName}", members: ["target"],
            summary: "Hangs a policy on a certificate or a static thing group",
            differences: "100 policies for a certificate and for a group, where AWS allows 10 and "
                + "2; no Amazon Cognito identities",
            target: Self.bodyTarget, handle: Self.attach
        ).brief,
        Operation(
            "DetachPolicy", .post, "/target-policies/{policyName}", members: ["target"],
            summary: "Takes a policy off what it hangs on", target: Self.bodyTarget,
            handle: Self.detach
        ).brief,
        Operation(
            "ListAttachedPolicies", .post, "/attached-policies/{target}",
            query: ["recursive", "marker", "pageSize"],
            summary: "The policies of a certificate or group; ?recursive=true adds those of the "
                + "groups above",
            target: { request, realm throws(FleetError) in
                realm.target(try realm.policyTarget(inARN: request.label("target")))
            }, handle: Self.listAttached),
        Operation(
            "ListTargetsForPolicy", .post, "/policy-targets/{policyName}",
            query: ["marker", "pageSize"], summary: "What a policy hangs on, in pages",
            target: PolicyOperations.policy, handle: Self.listTargets),
        Operation(
            "AttachPrincipalPolicy", .put, "/principal-policies/{policyName}",
            summary: "AttachPolicy, the certificate in a header", target: Self.headerTarget,
            handle: Self.attachPrincipal),
        Operation(
            "DetachPrincipalPolicy", .delete, "/principal-policies/{policyName}",
            summary: "DetachPolicy, the certificate in a header", target: Self.headerTarget,
            handle: Self.detachPrincipal),
        Operation(
            "ListPrincipalPolicies", .get, "/principal-policies", query: Pagination.markerQuery,
            summary: "The policies of the certificate in a header", target: Self.headerTarget,
            handle: Self.listPrincipal),
        Operation(
            "ListPolicyPrincipals", .get, "/policy-principals", query: Pagination.markerQuery,
            summary: "The certificates that a policy hangs on, in pages",
            target: { request, realm throws(FleetError) in
                realm.policy(try PolicyName(request.header(Self.policyHeader)))
            }, handle: Self.listPrincipals),
    ]

    private static let principalHeader = "x-amzn-iot-principal"
    private static let policyHeader = "x-amzn-iot-policy"

    private static func bodyTarget(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.target(try realm.policyTarget(inARN: request.text("target")))
    }

    private static func headerTarget(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.target(try realm.policyTarget(inARN: request.header(Self.principalHeader)))
    }

    // MARK: Attaching

    private static func attach(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        try await Self.attach(to: request.text("target"), request, services)
    }

    private static func attachPrincipal(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        try await Self.attach(to: request.header(Self.principalHeader), request, services)
    }

    private static func attach(
        to arn: String, _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: PolicyName = try request.name("policyName")
        let target = try services.realm.policyTarget(inARN: arn)
        var keys = Attachments.firstKeys(name, target)
        _ = try await services.decide(
            by: request.actor,
            load: { store async throws(FleetError) in
                let view = try await store.load(keys)
                keys = Attachments.keys(name, target)
                return Attachments.isFull(target, in: view) ? try await store.load(keys) : view
            }
        ) { view, _ throws(FleetError) in try Attachments.attach(name, to: target, in: view) }
        return .null
    }

    private static func detach(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        try await Self.detach(from: request.text("target"), request, services)
    }

    private static func detachPrincipal(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: PolicyName = try request.name("policyName")
        let view = try await services.store.load([.policy(name)])
        _ = try PolicyVersions.policy(name, in: view)
        return try await Self.detach(
            from: request.header(Self.principalHeader), request, services)
    }

    private static func detach(
        from arn: String, _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: PolicyName = try request.name("policyName")
        let target = try services.realm.policyTarget(inARN: arn)
        _ = try await services.decide(Attachments.keys(name, target), by: request.actor) {
            view, _ throws(FleetError) in
            Attachments.detach(name, from: target, in: view)
        }
        return .null
    }

    // MARK: Listing

    private static func listAttached(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let target = try services.realm.policyTarget(inARN: request.label("target"))
        let names = try await Self.policies(
            of: target, recursive: request.queryFlag("recursive"), services)
        return try Self.page(of: names, .ascending, request, services)
    }

    private static func listPrincipal(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let target = try services.realm.policyTarget(
            inARN: request.header(Self.principalHeader))
        let order: ListOrder =
            try request.queryFlag("isAscendingOrder") ? .ascending : .descending
        let names = try await Self.policies(of: target, recursive: false, services)
        return try Self.page(of: names, order, request, services)
    }

    private static func policies(
        of target: PolicyTarget, recursive: Bool, _ services: ControlPlaneServices
    ) async throws(FleetError) -> [PolicyName] {
        let effective = EffectivePolicies(target: target, thing: nil)
        let view = try await services.store.load(effective.keys)
        let targets = try effective.targets(in: view)
        guard recursive else { return view.policiesOfTarget(target) }
        let all = try await services.store.load(EffectivePolicies.keys(of: targets))
        return EffectivePolicies.names(of: targets, in: all)
    }

    /// One page of names that are few enough to be read at once; a marker is the last one's name.
    private static func page(
        of names: [PolicyName], _ order: ListOrder, _ request: OperationRequest,
        _ services: ControlPlaneServices
    ) throws(FleetError) -> JSONValue {
        let limit = try request.markerLimit()
        func precedes(_ left: String, _ right: String) -> Bool {
            switch order {
            case .ascending: left < right
            case .descending: left > right
            }
        }
        var rest = names.sorted { precedes($0.rawValue, $1.rawValue) }[...]
        if let place = try request.marker {
            rest = rest.drop { !precedes(place, $0.rawValue) }
        }
        let page = Array(rest.prefix(limit))
        let next = rest.count > limit ? page.last?.rawValue : nil
        return .object(
            .present(
                ("policies", PolicyShape.list(page, services.realm)),
                ("nextMarker", Pagination.token(next))))
    }

    private static func listTargets(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: PolicyName = try request.name("policyName")
        return try await Self.targets(
            .targetsOfPolicy(name), of: name, as: "targets", request, services)
    }

    private static func listPrincipals(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name = try PolicyName(request.header(Self.policyHeader))
        let order: ListOrder =
            try request.queryFlag("isAscendingOrder") ? .ascending : .descending
        return try await Self.targets(
            .principalsOfPolicy(name, order), of: name, as: "principals", request, services)
    }

    private static func targets(
        _ subject: ListQuery.Subject, of name: PolicyName, as member: String,
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let view = try await services.store.load([.policy(name)])
        _ = try PolicyVersions.policy(name, in: view)
        let page = try await services.store.page(
            ListQuery(subject, after: try request.marker, limit: try request.markerLimit()))
        let targets = page.records.compactMap { record -> JSONValue? in
            guard case .policyTarget(let target) = record else { return nil }
            return .arn(services.realm.target(target))
        }
        return .object(
            .present(
                (member, .array(targets)), ("nextMarker", Pagination.token(page.next))))
    }
}
