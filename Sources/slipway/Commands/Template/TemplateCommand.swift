import ArgumentParser

struct TemplateCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "template",
        abstract: "Provisioning templates: what is wrong with one, what it will do, its versions.",
        discussion: """
            dry-run and test decide with the very code that the service registers devices by.
            """,
        subcommands: [
            DryRunTemplate.self
        ])
}
