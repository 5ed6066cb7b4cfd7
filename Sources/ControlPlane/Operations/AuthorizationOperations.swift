import Fleet
import HTTPTypes
import JSON
import Policies
import Registry

/// The rows that ask what policies come to.
package enum AuthorizationOperations {
    package static let all: [Operation] = [
        Operation(
            "GetEffectivePolicies", .post, "/effective-policies",
            members: ["principal", "cognitoIdentityPoolId"], query: ["thingName"],
            summary: "The policies that count for a principal, a thing, or both",
            differences: "no Amazon Cognito identities",
            target: Self.principal, handle: Self.effective),
        Operation(
            "TestAuthorization", .post, "/test-authorization",
            members: [
                "principal", "cognitoIdentityPoolId", "authInfos", "policyNamesToAdd",
                "policyNamesToSkip",
            ], query: ["clientId"],
            summary: "Whether a principal may do something, and by which policies",
            differences: "no Amazon Cognito identities",
            target: Self.principal, handle: Self.test),
    ]

    /// AWS: authInfos.
    private static let questionsMax = 10

    private static func principal(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        try Self.target(request, realm).map { realm.target($0) } ?? .everything
    }

    private static func target(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> PolicyTarget? {
        guard try request.optionalText("cognitoIdentityPoolId") == nil else {
            throw FleetError(
                .invalidRequest, "this service knows no Amazon Cognito identities")
        }
        guard let text = try request.optionalText("principal") else { return nil }
        return try realm.policyTarget(inARN: text)
    }

    // MARK: GetEffectivePolicies

    private static func effective(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let target = try Self.target(request, services.realm)
        let thing = try request.queryText("thingName").map { text throws(FleetError) in
            try ThingName(text)
        }
        guard target != nil || thing != nil else {
            throw FleetError(.invalidRequest, "name a principal, a thingName, or both")
        }
        let policies = try await Self.policies(
            EffectivePolicies(target: target, thing: thing), services)
        return [
            "effectivePolicies": .array(
                policies.map { policy in
                    [
                        "policyName": .name(policy.name),
                        "policyArn": .arn(services.realm.policy(policy.name)),
                        "policyDocument": .string(policy.defaultVersion?.document ?? ""),
                    ]
                })
        ]
    }

    private static func policies(
        _ effective: EffectivePolicies, _ services: ControlPlaneServices
    ) async throws(FleetError) -> [Policy] {
        let first = try await services.store.load(effective.keys)
        let targets = try effective.targets(in: first)
        let second = try await services.store.load(EffectivePolicies.keys(of: targets))
        return try await Self.policies(
            EffectivePolicies.names(of: targets, in: second), services)
    }

    private static func policies(
        _ names: [PolicyName], _ services: ControlPlaneServices
    ) async throws(FleetError) -> [Policy] {
        let view = try await services.store.load(Set(names.map { RecordKey.policy($0) }))
        var policies: [Policy] = []
        for name in names { policies.append(try PolicyVersions.policy(name, in: view)) }
        return policies
    }

    // MARK: TestAuthorization

    private static func test(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let questions = try Self.questions(request)
        let target = try Self.target(request, services.realm)
        var context = PolicyVariables(
            clientID: request.queryText("clientId"), now: services.clock.now)
        let thing = try await Self.describe(target, in: &context, services)
        var policies: [Policy] = []
        if target != nil {
            policies = try await Self.policies(
                EffectivePolicies(target: target, thing: thing), services)
        }
        let skipped = Set(try request.members.texts("policyNamesToSkip") ?? [])
        policies.removeAll { skipped.contains($0.name.rawValue) }
        var added: [PolicyName] = []
        for text in try request.members.texts("policyNamesToAdd") ?? [] {
            let name = try PolicyName(text)
            if !policies.contains(where: { $0.name == name }) { added.append(name) }
        }
        policies += try await Self.policies(added, services)
        let compiled = policies.map { CompiledPolicy($0) }
        let results = questions.map { question in
            Self.json(
                question, question.result(policies: compiled, context: context), services.realm)
        }
        return ["authResults": .array(results)]
    }

    private static func questions(
        _ request: OperationRequest
    ) throws(FleetError) -> [AuthorizationTest] {
        guard let infos = try request.members.objects("authInfos"),
            (1...Self.questionsMax).contains(infos.count)
        else {
            throw FleetError(
                .invalidRequest, "/authInfos must hold 1 to \(Self.questionsMax) questions")
        }
        var questions: [AuthorizationTest] = []
        for info in infos {
            try info.refuseUnknown(["actionType", "resources"])
            questions.append(
                try AuthorizationTest(
                    actionType: info.text("actionType"),
                    resources: try info.texts("resources") ?? []))
        }
        return questions
    }

    /// What is known of the connection that the principal would make.
    ///
    /// - Returns: the thing it would speak for.
    private static func describe(
        _ target: PolicyTarget?, in context: inout PolicyVariables,
        _ services: ControlPlaneServices
    ) async throws(FleetError) -> ThingName? {
        guard case .certificate(let id)? = target else { return nil }
        let view = try await services.store.load([.certificate(id), .thingsOfCertificate(id)])
        guard let certificate = view.certificate(id) else { return nil }
        context.certificateSerialNumber = certificate.serialNumber
        context.certificateFields = CertificateFields.of(certificate)
        let attachment = ThingPrincipal.associated(
            among: view.thingsOfCertificate(id), clientID: context.clientID
        ) { ($0.thing, $0.exclusivity) }
        guard let attachment else { return nil }
        let thing = try await services.store.load([.thing(attachment.thing)])
            .thing(attachment.thing)
        context.thing = thing.map {
            PolicyVariables.AssociatedThing(
                name: $0.name, typeName: $0.typeName, attributes: $0.attributes)
        }
        return thing?.name
    }

    private static func json(
        _ question: AuthorizationTest, _ result: AuthorizationTest.Result, _ realm: Realm
    ) -> JSONValue {
        [
            "authInfo": [
                "actionType": .string(question.actionType.rawValue),
                "resources": .array(question.resources.map { .string($0) }),
            ],
            "allowed": ["policies": PolicyShape.list(result.allowedBy, realm)],
            "denied": [
                "implicitDeny": ["policies": PolicyShape.list(result.implicitlyDeniedBy, realm)],
                "explicitDeny": ["policies": PolicyShape.list(result.explicitlyDeniedBy, realm)],
            ],
            "authDecision": .string(result.decision.word),
            "missingContextValues": .array(result.missingValues.map { .string($0) }),
        ]
    }
}
