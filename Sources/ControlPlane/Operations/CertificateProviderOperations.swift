import Fleet
import HTTPTypes
import JSON
import Registry

/// The rows of certificate providers.
package enum CertificateProviderOperations {
    private static let path: OperationPath = "/certificate-providers/{certificateProviderName}"

    package static let all: [Operation] = [
        Operation(
            "CreateCertificateProvider", .post, Self.path,
            members: [
                "lambdaFunctionArn", "accountDefaultForOperations", "clientToken", "tags",
            ],
            summary: "Has a webhook sign what devices send to CreateCertificateFromCsr",
            differences: "the function's name is that of a webhook of this service; a template "
                + "that names an issuer or a profile keeps them",
            target: Self.provider, handle: Self.create),
        Operation(
            "DescribeCertificateProvider", .get, Self.path, summary: "The certificate provider",
            target: Self.provider, handle: Self.describe),
        Operation(
            "UpdateCertificateProvider", .put, Self.path,
            members: ["lambdaFunctionArn", "accountDefaultForOperations"],
            summary: "Another webhook signs", target: Self.provider, handle: Self.update),
        Operation(
            "DeleteCertificateProvider", .delete, Self.path,
            summary: "Takes the provider away; this service signs again", target: Self.provider,
            handle: Self.delete),
        Operation(
            "ListCertificateProviders", .get, "/certificate-providers/",
            query: ["nextToken", "isAscendingOrder"],
            summary: "Certificate providers, of which there is one at most", handle: Self.list),
    ]

    private static let operation = "CreateCertificateFromCsr"
    /// AWS: CertificateProviderFunctionArn.
    private static let targetCharacters = 1...2048
    /// AWS: ClientToken, `\S{36,64}`.
    private static let tokenCharacters = 36...64

    private static func provider(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.tagged(.certificateProvider(try request.name("certificateProviderName")))
    }

    private static func create(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        guard let target = try Self.target(request) else {
            throw FleetError(.invalidRequest, "/lambdaFunctionArn is missing")
        }
        guard try Self.namesTheOperation(request) else {
            throw FleetError(.invalidRequest, "/accountDefaultForOperations is missing")
        }
        let definition = CertificateProviderDefinition(
            name: try request.name("certificateProviderName"), target: target,
            clientToken: try Self.clientToken(request), tags: try TagShape.tags(request))
        let keys = try CertificateProviders.keys(definition.name, target: target)
        _ = try await services.decide(keys, by: request.actor) { view, now throws(FleetError) in
            try CertificateProviders.create(definition, in: view, at: now)
        }
        return .object(Self.reference(definition.name, services.realm))
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: CertificateProviderName = try request.name("certificateProviderName")
        let provider = try CertificateProviders.existing(
            name, in: try await services.store.load([.certificateProvider(name)]))
        var object = Self.reference(name, services.realm)
        object["lambdaFunctionArn"] = .string(provider.target)
        object["accountDefaultForOperations"] = [.string(Self.operation)]
        object["creationDate"] = .epoch(provider.createdAt)
        object["lastModifiedDate"] = .epoch(provider.lastModifiedAt)
        return .object(object)
    }

    private static func update(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: CertificateProviderName = try request.name("certificateProviderName")
        let target = try Self.target(request)
        _ = try Self.namesTheOperation(request)
        let keys = try CertificateProviders.keys(name, target: target)
        _ = try await services.decide(keys, by: request.actor) { view, now throws(FleetError) in
            try CertificateProviders.update(name, target: target, in: view, at: now)
        }
        return .object(Self.reference(name, services.realm))
    }

    private static func delete(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let name: CertificateProviderName = try request.name("certificateProviderName")
        let keys = try CertificateProviders.keys(name, target: nil)
        _ = try await services.decide(keys, by: request.actor) { view, _ throws(FleetError) in
            try CertificateProviders.delete(name, in: view)
        }
        return .null
    }

    /// All there are fit on one page, so that no token was ever given.
    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let place = try request.pageToken
        let isAscending = try request.queryFlag("isAscendingOrder")
        let found = try await services.store.load([.certificateProviders]).certificateProviders
        let names = isAscending ? found.map(\.name) : found.map(\.name).reversed()
        return [
            "certificateProviders": .array(
                (place == nil ? names : []).map { .object(Self.reference($0, services.realm)) })
        ]
    }

    private static func reference(_ name: CertificateProviderName, _ realm: Realm) -> JSONObject {
        [
            "certificateProviderName": .name(name),
            "certificateProviderArn": .arn(realm.tagged(.certificateProvider(name))),
        ]
    }

    // MARK: Members

    private static func target(_ request: OperationRequest) throws(FleetError) -> String? {
        guard let target = try request.optionalText("lambdaFunctionArn") else { return nil }
        guard Self.targetCharacters.contains(target.count) else {
            throw FleetError(
                .invalidRequest,
                "/lambdaFunctionArn has \(target.count) characters; "
                    + "\(Self.targetCharacters.lowerBound) to \(Self.targetCharacters.upperBound)")
        }
        return target
    }

    /// AWS: exactly one element, and only this operation has a default.
    /// - Returns: false where the request does not say.
    private static func namesTheOperation(
        _ request: OperationRequest
    ) throws(FleetError) -> Bool {
        guard let operations = try request.members.texts("accountDefaultForOperations") else {
            return false
        }
        guard operations == [Self.operation] else {
            throw FleetError(
                .invalidRequest,
                "/accountDefaultForOperations must be [\"\(Self.operation)\"]")
        }
        return true
    }

    private static func clientToken(_ request: OperationRequest) throws(FleetError) -> String? {
        guard let token = try request.optionalText("clientToken") else { return nil }
        guard Self.tokenCharacters.contains(token.count), !token.contains(where: \.isWhitespace)
        else {
            throw FleetError(
                .invalidRequest,
                "/clientToken is \(Self.tokenCharacters.lowerBound) to "
                    + "\(Self.tokenCharacters.upperBound) characters, none of them a space")
        }
        return token
    }
}
