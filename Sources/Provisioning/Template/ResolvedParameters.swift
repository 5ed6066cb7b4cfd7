package import Fleet
import JSON

/// What every parameter of one registration came to be, and who said so.
package struct ResolvedParameters: Hashable, Sendable {
    package enum Origin: String, Hashable, Sendable {
        case device, hook
        /// Whoever registers the device on its behalf.
        case caller
        case templateDefault = "default"
    }

    package struct Value: Hashable, Sendable {
        package let text: String
        package let origin: Origin

        package init(text: String, origin: Origin) {
            self.text = text
            self.origin = origin
        }
    }

    private static let pseudoNames = PseudoParameter.allCases.map(\.rawValue)

    package private(set) var values: [String: Value]
    private let certificateID: String?
    private let realm: Realm

    /// The device's values, the hook's over them, the template's defaults for what is still
    /// missing. What the template does not declare is kept for the record and resolves nothing,
    /// since a reference to it was refused when the template was loaded.
    package init(
        sent: [String: String], overrides: [String: String], document: TemplateDocument,
        certificate: CertificateID, realm: Realm
    ) {
        self.init(
            Self.merged(sent, overrides), document: document, certificate: certificate,
            realm: realm)
    }

    /// An operator's values. Their wildcards are taken literally in policies all the same: a line
    /// of a file of devices is no author of policies.
    ///
    /// - Parameter certificate: nil until it is known which one is meant.
    package init(
        fromCaller sent: [String: String], document: TemplateDocument,
        certificate: CertificateID?, realm: Realm
    ) {
        self.init(
            sent.mapValues { Value(text: $0, origin: .caller) }, document: document,
            certificate: certificate, realm: realm)
    }

    private static func merged(
        _ sent: [String: String], _ overrides: [String: String]
    ) -> [String: Value] {
        var values = sent.mapValues { Value(text: $0, origin: .device) }
        for (name, text) in overrides { values[name] = Value(text: text, origin: .hook) }
        return values
    }

    private init(
        _ given: consuming [String: Value], document: TemplateDocument, certificate: CertificateID?,
        realm: Realm
    ) {
        var values = given
        for parameter in document.parameters where values[parameter.name] == nil {
            guard let text = parameter.defaultValue else { continue }
            values[parameter.name] = Value(text: text, origin: .templateDefault)
        }
        for name in Self.pseudoNames { values[name] = nil }
        self.values = values
        self.certificateID = certificate?.rawValue
        self.realm = realm
    }

    /// Every value by its name, without origins: what a certificate's provenance keeps.
    package var texts: [String: String] { self.values.mapValues(\.text) }

    /// A value, and whether somebody other than the template's author chose it; nil where nobody
    /// gave one. A template's own default is its author's text, wildcards and all.
    func value(of name: String) -> (text: String, isForeign: Bool)? {
        // A parameter cannot be called as a pseudo parameter is: `init` removes those.
        if let value = self.values[name] {
            return (value.text, value.origin != .templateDefault)
        }
        guard let pseudo = PseudoParameter(rawValue: name), let text = self.text(of: pseudo)
        else { return nil }
        return (text, false)
    }

    func text(of name: String) -> RenderedText? {
        self.value(of: name).map { RenderedText($0.text, isForeign: $0.isForeign) }
    }

    /// nil for a certificate that is not known yet.
    func text(of name: PseudoParameter) -> String? {
        switch name {
        case .certificateID: self.certificateID
        case .region: self.realm.region
        case .accountID: self.realm.account
        }
    }
}
