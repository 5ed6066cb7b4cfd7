import ArgumentParser
import Fleet
import JSON

struct TemplateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template",
        abstract: "Provisioning templates: what is wrong with one, what it will do, its versions.",
        discussion: """
            dry-run and test decide with the very code that the service registers devices by. The \
            commands about versions talk to the running service where there is one, else they \
            work on the database itself.
            """,
        subcommands: [
            LintTemplates.self, DryRunTemplate.self, TestTemplates.self,
            MeasureTemplate.self,
            PutTemplate.self, ListTemplates.self, ShowTemplate.self, TemplateVersions.self,
            DefaultTemplate.self, DiffTemplate.self, EnableTemplate.self, DisableTemplate.self,
            DeleteTemplate.self, PruneTemplate.self, ExportTemplate.self,
        ])

    static func path(_ name: String) throws(FleetError) -> [String: String] {
        ["templateName": try TemplateName(name).rawValue]
    }

    static func update(_ name: String, _ change: JSONObject) throws(FleetError) -> ControlCall {
        ControlCall("UpdateProvisioningTemplate", path: try Self.path(name), body: change)
    }
}
