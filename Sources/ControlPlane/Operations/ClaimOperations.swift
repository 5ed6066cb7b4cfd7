import Fleet
import HTTPTypes
import JSON
import Registry

/// The row by which a trusted user gets a claim that ends within minutes.
package enum ClaimOperations {
    package static let all: [Operation] = [
        Operation(
            "CreateProvisioningClaim", .post,
            "/provisioning-templates/{templateName}/provisioning-claim",
            summary: "A claim for one template that ends within minutes",
            target: TemplateOperations.template, handleSecret: Self.create)
    ]

    private static func create(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> SecretAnswer {
        let template: TemplateName = try request.name("templateName")
        let issuing = try services.requireIssuing()
        // Before a key is made for a template that is not there.
        try TrustedUserClaim.template(
            template, in: try await services.store.load([.template(template)]))
        let pair = try await issuing.keyPairs.next()
        let now = services.clock.now
        let issued = try await issuing.issuer.issueClaim(
            publicKey: pair.publicKey, validitySeconds: TrustedUserClaim.lifeSeconds, at: now)
        let claim = TrustedUserClaim(
            issued, template: template, in: services.realm, by: request.actor, at: now)
        _ = try await services.decide(
            TrustedUserClaim.keys(of: template), by: request.actor
        ) { view, now throws(FleetError) in
            try claim.changeSet(in: view, at: now)
        }
        return SecretAnswer(
            [
                "certificateId": .string(issued.id.rawValue),
                "certificatePem": .string(issued.pem),
                "expiration": .epoch(issued.notAfter),
            ], keyPair: pair)
    }
}
