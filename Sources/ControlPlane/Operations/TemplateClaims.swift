import Fleet
import JSON
import Policies
import Provisioning

/// A claim whose devices a template is for: its terms name the template, or its policies and terms
/// let a device register by it.
struct TemplateClaims: Sendable {
    /// Claims that are looked at, in the order of their ids.
    private static let claimsReadMax = 1000

    let claim: Claim
    /// Whether a device may ask to be registered by the template.
    let isOpen: Bool
    /// What its policies lack of the whole dialogue, as it follows the claim's name.
    let problems: [String]

    static func of(
        _ name: TemplateName, _ services: ControlPlaneServices
    ) async throws(FleetError) -> [TemplateClaims] {
        let page = try await services.store.page(ListQuery(.claims, limit: Self.claimsReadMax))
        var found: [TemplateClaims] = []
        for case .claim(let claim) in page.records {
            guard let one = try await Self.of(name, claim, services) else { continue }
            found.append(one)
        }
        return found
    }

    private static func of(
        _ name: TemplateName, _ claim: Claim, _ services: ControlPlaneServices
    ) async throws(FleetError) -> TemplateClaims? {
        let target = PolicyTarget.certificate(claim.certificate)
        let view = try await services.store.load([
            .policiesOfTarget(target), .termsOfClaim(claim.certificate),
        ])
        let templates = view.claimTerms(of: claim.certificate)?.templates
        guard templates?.contains(name) ?? true else { return nil }
        let names = view.policiesOfTarget(target)
        let documents = try await services.store.load(Set(names.map { .policy($0) }))
        let policies = names.compactMap { documents.policy($0) }.map { CompiledPolicy($0) }
        let isOpen = try ClaimReach.reaches(name, with: policies, in: services.realm)
        guard isOpen || templates != nil else { return nil }
        return TemplateClaims(
            claim: claim, isOpen: isOpen,
            problems: try ClaimReach.problems(of: policies, for: name, in: services.realm))
    }

    var json: JSONValue { .object(self.members) }

    /// With what is missing.
    var checked: JSONValue {
        var members = self.members
        members["problems"] = .array(self.problems.map { .string($0) })
        return .object(members)
    }

    private var members: JSONObject {
        [
            "certificateId": .string(self.claim.certificate.rawValue),
            "label": .string(self.claim.label),
        ]
    }
}
