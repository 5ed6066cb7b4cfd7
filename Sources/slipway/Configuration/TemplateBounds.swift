import Provisioning

extension ResolvedSettings {
    /// What a template may have that is handed in from now on.
    var templateLimits: TemplateLimits {
        TemplateLimits(
            bodyBytesMax: self.integer("templates.bodyBytesMax"),
            valuesMax: self.integer("templates.valuesMax"),
            versionsMax: self.integer("templates.versionsMax"))
    }
}
