package import Fleet
import JSON
package import Registry

/// What is said of a template beside its body: `NAME.settings.json` next to `NAME.json`. The body
/// itself stays exactly what AWS tools take.
package struct TemplateSettings: Hashable, Sendable {
    package var summary: String
    package var enabled: Bool
    package var hook: HookName?
    package var kind = ProvisioningTemplate.Kind.fleetProvisioning

    /// Without a settings file: enabled, no hook, no description.
    package init(summary: String = "", enabled: Bool = true, hook: HookName? = nil) {
        self.summary = summary
        self.enabled = enabled
        self.hook = hook
    }

    /// - Throws: `FleetError.invalidRequest`, naming what is wrong and where.
    package init(json text: String) throws(FleetError) {
        let root: JSONValue
        do { root = try JSONParser.parse(text) } catch {
            throw FleetError(.invalidRequest, "the settings are no JSON: \(error)")
        }
        guard let object = root.objectValue else {
            throw FleetError(.invalidRequest, "the settings are \(root.kindName), no object")
        }
        self.init()
        for (key, value) in object.members {
            switch (key, value) {
            case ("description", .string(let text)): self.summary = text
            case ("enabled", .bool(let flag)): self.enabled = flag
            case ("hook", .string(let name)): self.hook = try HookName(name)
            case ("hook", .null): self.hook = nil
            case ("type", .string(let name)):
                guard let kind = ProvisioningTemplate.Kind(rawValue: name) else {
                    throw FleetError(
                        .invalidRequest,
                        "/type is FLEET_PROVISIONING or JITP, not '\(name.clipped)'")
                }
                self.kind = kind
            default:
                throw FleetError(
                    .invalidRequest,
                    "/\(key.clipped): expected description (text), enabled (true or false), "
                        + "hook (a name or null) or type (FLEET_PROVISIONING or JITP)")
            }
        }
    }

    /// A template from its files, its body linted.
    /// - Throws: `FleetError.invalidRequest` with every error in the body.
    package func submission(
        name: TemplateName, body: String, in realm: Realm = .standard,
        limits: TemplateLimits = .standard, author: String? = nil,
        message: String? = nil
    ) throws(FleetError) -> TemplateSubmission {
        var context = TemplateLint.Context()
        context.realm = realm
        context.kind = self.kind
        context.limits = limits
        _ = try TemplateLint.admit(body, as: name, in: context)
        return TemplateSubmission(
            name: name, kind: self.kind, summary: self.summary, enabled: self.enabled,
            hook: self.hook,
            body: body, author: author, message: message)
    }
}
