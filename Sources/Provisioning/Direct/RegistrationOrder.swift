package import Fleet
import JSON
import Registry

/// An operator's order to register one device: AWS RegisterThing over REST, or one line of a bulk
/// registration's file. The template is read once for all lines.
package struct RegistrationOrder: Sendable {
    /// A template body that has been read.
    package struct Template: Sendable {
        package let document: TemplateDocument
        /// SHA-256 of the body, hex.
        package let digest: String

        /// Of a body that came in, what the lint warns of: rule and place.
        package private(set) var warnings: [String] = []
        /// Whether devices get policies that come to be with them.
        package var writesPolicies: Bool {
            self.document.policies.contains { policy in
                if case .document = policy.source { true } else { false }
            }
        }

        /// As many as one record holds.
        private static let warningsMax = 32

        /// One that comes in. It passes the lint that `slipway template put` passes.
        /// - Throws: `FleetError.invalidRequest` with every error, each at its JSON pointer, line
        ///   and column.
        package init(
            admitting body: String, limits: TemplateLimits, realm: Realm
        ) throws(FleetError) {
            try self.init(body: body, limits: limits)
            var context = TemplateLint.Context()
            context.purpose = .direct
            context.realm = realm
            context.limits = limits
            let report = try TemplateLint.report(of: body, in: context)
            try report.requireSound("the templateBody")
            self.warnings = Array(report.warnings.prefix(Self.warningsMax))
        }

        /// One that is kept, and was let in.
        /// - Throws: `FleetError.invalidRequest` with every finding, each at its JSON pointer.
        package init(body: String, limits: TemplateLimits = .largest) throws(FleetError) {
            self.document = try TemplateChecker.document(ofOperators: body, limits: limits)
            self.digest = ContentDigest.sha256(of: body)
        }
    }

    package let template: Template
    package let parameters: [String: String]
    /// Which line of which task this is; nil for a call of its own.
    package let line: RegistrationLine?
    /// Beyond AWS: whether thing types and static groups that are missing come to be.
    package let createsMissing: Bool
    /// Whose body the template's is; nil where the body came along.
    package let version: TemplateVersion?
    /// Of a device that brings itself in; nil where an operator orders.
    package let clientID: String?

    package init(
        template: Template, parameters: [String: String], line: RegistrationLine? = nil,
        createsMissing: Bool = false, version: TemplateVersion? = nil, clientID: String? = nil
    ) {
        self.template = template
        self.parameters = parameters
        self.line = line
        self.createsMissing = createsMissing
        self.version = version
        self.clientID = clientID
    }

    /// What the device is kept to have been made by.
    var source: ProvisioningPlan.Source {
        if let version { return ProvisioningPlan.Source(version) }
        return ProvisioningPlan.Source(
            template: nil, version: nil, digest: self.template.digest,
            bodyFrom: self.clientID == nil ? "RegisterThing" : "the template of its CA")
    }

    /// Values that the certificate is made of are kept as the certificate, not as parameters.
    var parametersOfRecord: [String: String] {
        let spent = Set(
            (self.template.document.certificate?.expressions ?? []).flatMap(\.references))
        return self.parameters.filter { !spent.contains($0.key) }
    }
}
