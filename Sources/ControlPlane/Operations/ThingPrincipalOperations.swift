import Fleet
import HTTPTypes
import JSON
import Registry

/// The rows that attach certificates to things.
package enum ThingPrincipalOperations {
    private static let header = "x-amzn-principal"

    package static let all: [Operation] = [
        Operation(
            "AttachThingPrincipal", .put, "/things/{thingName}/principals",
            query: ["thingPrincipalType"],
            summary: "Attaches a certificate to a thing, exclusively or not",
            target: ThingOperations.thing, handle: Self.attach
        ).brief,
        Operation(
            "DetachThingPrincipal", .delete, "/things/{thingName}/principals",
            summary: "Detaches a certificate from a thing", target: ThingOperations.thing,
            handle: Self.detach
        ).brief,
        Operation(
            "ListThingPrincipals", .get, "/things/{thingName}/principals",
            query: Pagination.tokenQuery, summary: "The certificates of a thing",
            target: ThingOperations.thing, handle: Self.principals),
        Operation(
            "ListThingPrincipalsV2", .get, "/things/{thingName}/principals-v2",
            query: Pagination.tokenQuery + ["thingPrincipalType"],
            summary: "The certificates of a thing, with how each is attached",
            target: ThingOperations.thing, handle: Self.principalObjects),
        Operation(
            "ListPrincipalThings", .get, "/principals/things", query: Pagination.tokenQuery,
            summary: "The things of a certificate", target: Self.certificate,
            handle: Self.things),
        Operation(
            "ListPrincipalThingsV2", .get, "/principals/things-v2",
            query: Pagination.tokenQuery + ["thingPrincipalType"],
            summary: "The things of a certificate, with how it is attached to each",
            target: Self.certificate, handle: Self.thingObjects),
    ]

    /// AWS: a principal is a certificate's ARN, or an identity of a service that we have not.
    private static func principal(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> CertificateID {
        let text = try request.header(Self.header)
        let path = try realm.resourcePath(inARN: text)
        guard path.hasPrefix("cert/") else {
            throw FleetError(
                .invalidRequest,
                "\(Self.header) must be a certificate's ARN, not '\(text.clipped)'")
        }
        return try CertificateID(String(path.dropFirst("cert/".count)))
    }

    private static func certificate(
        _ request: OperationRequest, _ realm: Realm
    ) throws(FleetError) -> ARN {
        realm.certificate(try Self.principal(request, realm))
    }

    private static func exclusivity(
        _ request: OperationRequest
    ) throws(FleetError) -> ThingPrincipal.Exclusivity? {
        guard let text = request.queryText("thingPrincipalType") else { return nil }
        guard let word = ThingPrincipal.Exclusivity(rawValue: text) else {
            throw FleetError(
                .invalidRequest,
                "thingPrincipalType must be EXCLUSIVE_THING or NON_EXCLUSIVE_THING, not "
                    + "'\(text.clipped)'")
        }
        return word
    }

    private static func attach(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let attachment = ThingPrincipal(
            thing: try request.name("thingName"),
            certificate: try Self.principal(request, services.realm),
            exclusivity: try Self.exclusivity(request) ?? .nonExclusive)
        try request.authorize(
            "iot:AttachThingPrincipal", services.realm.certificate(attachment.certificate))
        _ = try await services.decide(
            ThingPrincipals.keysToAttach(attachment), by: request.actor
        ) { view, _ throws(FleetError) in
            try ThingPrincipals.attach(attachment, in: view)
        }
        return .null
    }

    private static func detach(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let thing: ThingName = try request.name("thingName")
        let certificate = try Self.principal(request, services.realm)
        try request.authorize(
            "iot:DetachThingPrincipal", services.realm.certificate(certificate))
        _ = try await services.decide(
            ThingPrincipals.keysToDetach(thing, from: certificate), by: request.actor
        ) { view, _ throws(FleetError) in
            try ThingPrincipals.detach(thing, from: certificate, in: view)
        }
        return .null
    }

    // MARK: Listing

    private static func attachments(
        _ page: ListPage
    ) -> [ThingPrincipal] {
        page.records.compactMap { record in
            if case .thingPrincipal(let attachment) = record { attachment } else { nil }
        }
    }

    private static func pageOfThing(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> ListPage {
        let name: ThingName = try request.name("thingName")
        _ = try Things.existing(name, in: try await services.store.load([.thing(name)]))
        return try await services.store.page(
            ListQuery(
                .principalsOfThing(name, try Self.exclusivity(request)),
                after: try request.pageToken, limit: try request.pageLimit))
    }

    private static func pageOfCertificate(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> ListPage {
        let id = try Self.principal(request, services.realm)
        guard try await services.store.load([.certificate(id)]).certificate(id) != nil else {
            throw FleetError(
                .notFound, "Certificate \(id) does not exist", resource: id.rawValue)
        }
        return try await services.store.page(
            ListQuery(
                .thingsOfCertificate(id, try Self.exclusivity(request)),
                after: try request.pageToken, limit: try request.pageLimit))
    }

    private static func principals(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let page = try await Self.pageOfThing(request, services)
        let principals = Self.attachments(page).map {
            JSONValue.arn(services.realm.certificate($0.certificate))
        }
        return .object(
            .present(
                ("principals", .array(principals)), ("nextToken", Pagination.token(page.next))))
    }

    private static func principalObjects(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let page = try await Self.pageOfThing(request, services)
        let objects = Self.attachments(page).map { attachment -> JSONValue in
            [
                "principal": .arn(services.realm.certificate(attachment.certificate)),
                "thingPrincipalType": .string(attachment.exclusivity.rawValue),
            ]
        }
        return .object(
            .present(
                ("thingPrincipalObjects", .array(objects)),
                ("nextToken", Pagination.token(page.next))))
    }

    private static func things(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let page = try await Self.pageOfCertificate(request, services)
        let things = Self.attachments(page).map { JSONValue.name($0.thing) }
        return .object(
            .present(("things", .array(things)), ("nextToken", Pagination.token(page.next))))
    }

    private static func thingObjects(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let page = try await Self.pageOfCertificate(request, services)
        let objects = Self.attachments(page).map { attachment -> JSONValue in
            [
                "thingName": .name(attachment.thing),
                "thingPrincipalType": .string(attachment.exclusivity.rawValue),
            ]
        }
        return .object(
            .present(
                ("principalThingObjects", .array(objects)),
                ("nextToken", Pagination.token(page.next))))
    }
}
