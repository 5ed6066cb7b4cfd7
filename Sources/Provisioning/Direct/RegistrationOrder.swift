package import Fleet
import JSON
import Registry

/// An operator's order to register one device: AWS RegisterThing over REST.
package struct RegistrationOrder: Sendable {
    /// A template body that has been read.
    package struct Template: Sendable {
        package let document: TemplateDocument
        /// SHA-256 of the body, hex.
        package let digest: String

        /// - Throws: `FleetError.invalidRequest` with every finding, each at its JSON pointer.
        package init(body: String) throws(FleetError) {
            self.document = try TemplateChecker.document(ofOperators: body)
            self.digest = ContentDigest.sha256(of: body)
        }
    }

    package let template: Template
    package let parameters: [String: String]

    package init(template: Template, parameters: [String: String]) {
        self.template = template
        self.parameters = parameters
    }

    /// Values that the certificate is made of are kept as the certificate, not as parameters.
    var parametersOfRecord: [String: String] {
        let spent = Set(
            (self.template.document.certificate?.expressions ?? []).flatMap(\.references))
        return self.parameters.filter { !spent.contains($0.key) }
    }
}
