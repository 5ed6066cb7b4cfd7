import Fleet
import Foundation
import Hooks
import JSON
import Provisioning
import Registry

/// Brings `Templates/` and `Hooks/` into the store: what is new is added, a changed template
/// becomes a new version, and what is the same changes nothing. Every file is read and checked
/// before the first is committed, so that a bad one loads none.
struct FleetFiles: Sendable {
    /// What loading did, by name, for people.
    struct Report: Sendable {
        var templates: [String] = []
        var hooks: [String] = []
        var changes: [String] = []
        /// Templates that are deleted, and whose files are as they were then.
        var leftDeleted: [String] = []
        /// What lies in the templates' folder and says nothing: settings without a template, and
        /// folders.
        var passedOver: [String] = []
    }

    /// A lost race is decided afresh, this often.
    private static let attemptsMax = 3

    let store: any FleetStore
    let clock: any WallClock
    let realm: Realm
    let limits: TemplateLimits
    /// What is wrong with a hook's text; nil where nothing is.
    let check: @Sendable (HookScript) async -> String?

    func load(templates: String, hooks: String, by actor: Actor) async throws(FleetError) -> Report
    {
        let hookFiles = try Self.readHooks(hooks)
        let submissions = try self.readTemplates(templates, hooks: Set(hookFiles.map(\.name)))
        for file in hookFiles { try await self.refuseBroken(file, by: actor) }
        var report = Report()
        report.passedOver = Self.passedOver(templates)
        for file in hookFiles {
            let changed = try await self.commit(by: actor) { () async throws(FleetError) in
                try HookScripts.load(
                    file.name, source: file.source, by: actor.person,
                    in: try await self.store.load(
                        HookScripts.keys(file.name, source: file.source)), at: self.clock.now)
            }
            report.hooks.append(file.name.rawValue)
            if changed { report.changes.append("hook \(file.name)") }
        }
        for submission in submissions {
            let changed = try await self.commit(by: actor) { () async throws(FleetError) in
                let view = try await self.store.load(submission.fileKeys) { view in
                    view.template(submission.name).map(Templates.keys) ?? []
                }
                return try Templates.load(
                    submission, in: view, at: self.clock.now, versionsMax: self.limits.versionsMax)
            }
            if changed {
                report.changes.append("template \(submission.name)")
            } else if Templates.isLeftDeleted(
                submission, in: try await self.store.load(submission.fileKeys))
            {
                report.leftDeleted.append(submission.name.rawValue)
                continue
            }
            report.templates.append(submission.name.rawValue)
        }
        return report
    }

    /// A text that does not load would deny every device, and versions stay for good. One that was
    /// loaded before is not tried again.
    private func refuseBroken(_ file: HookFile, by actor: Actor) async throws(FleetError) {
        let view = try await self.store.load(HookScripts.keys(file.name, source: file.source))
        let now = self.clock.now
        let set = try HookScripts.load(
            file.name, source: file.source, by: actor.person, in: view, at: now)
        let script = HookScript(
            name: file.name, source: file.source, digest: ContentDigest.sha256(of: file.source),
            createdAt: now)
        guard !set.changesNothing, let problem = await self.check(script) else { return }
        throw FleetError(
            .invalidRequest, "the hook '\(file.name)' does not load: \(problem)",
            resource: file.name.rawValue)
    }

    private func commit(
        by actor: Actor, _ decide: () async throws(FleetError) -> ChangeSet
    ) async throws(FleetError) -> Bool {
        for attempt in 1...Self.attemptsMax {
            let set = try await decide()
            if set.changesNothing { return false }
            do throws(FleetError) {
                _ = try await self.store.commit(set, by: actor)
                return true
            } catch {
                guard error.code == .conflict, attempt < Self.attemptsMax else { throw error }
            }
        }
        return false
    }
}

// MARK: Files

extension FleetFiles {
    private struct HookFile {
        let name: HookName
        let source: String
    }

    private static let hookSuffix = ".lua"
    /// What is beside it as `NAME.json` would be is no hook: tests end in `.test.json`.
    private static let webhookSuffix = ".webhook.json"
    private static let templateSuffix = ".json"
    private static let otherTemplateFiles = [
        ".settings.json", ".parameters.json", ".test.json", ".golden.json",
    ]

    private static func readHooks(_ folder: String) throws(FleetError) -> [HookFile] {
        var files: [HookFile] = []
        for suffix in [Self.hookSuffix, Self.webhookSuffix] {
            for file in try Self.names(in: folder, ending: suffix) {
                let name = try HookName(String(file.dropLast(suffix.count)))
                guard !files.contains(where: { $0.name == name }) else {
                    throw FleetError(
                        .invalidRequest,
                        "'\(folder)/\(file)': there is a '\(name)\(Self.hookSuffix)' too, and a "
                            + "hook is one of the two")
                }
                let source = try Self.text("\(folder)/\(file)", as: "the hook")
                if suffix == Self.webhookSuffix { try Self.check(webhook: source, name, file) }
                files.append(HookFile(name: name, source: source))
            }
        }
        return files
    }

    private static func check(
        webhook source: String, _ name: HookName, _ file: String
    ) throws(FleetError) {
        do throws(FleetError) {
            _ = try Webhook(
                HookScript(
                    name: name, source: source, digest: "", createdAt: UnixTime(milliseconds: 0)))
        } catch { throw FleetError(error.code, "'\(file)', \(error.message)") }
    }

    private func readTemplates(
        _ folder: String, hooks: Set<HookName>
    ) throws(FleetError) -> [TemplateSubmission] {
        var submissions: [TemplateSubmission] = []
        for file in try Self.names(in: folder, ending: Self.templateSuffix)
        where !Self.otherTemplateFiles.contains(where: { file.hasSuffix($0) }) {
            let stem = String(file.dropLast(Self.templateSuffix.count))
            let name = try TemplateName(stem)
            let body = try Self.text("\(folder)/\(file)", as: "the template")
            let settings = try Self.settings("\(folder)/\(stem).settings.json")
            if let hook = settings.hook, !hooks.contains(hook) {
                throw FleetError(
                    .invalidRequest,
                    "'\(folder)/\(stem).settings.json', /hook: there is no hook '\(hook)' in the "
                        + "hooks folder")
            }
            submissions.append(
                try settings.submission(
                    name: name, body: body, in: self.realm, limits: self.limits, author: "file",
                    message: "loaded from \(file)"))
        }
        return submissions
    }

    private static func passedOver(_ folder: String) -> [String] {
        let suffix = ".settings.json"
        let names = (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []
        return names.filter { name in
            guard !name.hasPrefix(".") else { return false }
            if name.hasSuffix(suffix) {
                return !names.contains(String(name.dropLast(suffix.count)) + Self.templateSuffix)
            }
            var isFolder: ObjCBool = false
            return FileManager.default.fileExists(
                atPath: "\(folder)/\(name)", isDirectory: &isFolder) && isFolder.boolValue
        }.sorted()
    }

    /// Without the file, the template is loaded but not enabled: nobody has said that it may run.
    private static func settings(_ path: String) throws(FleetError) -> TemplateSettings {
        guard PrivateFile.exists(path) else { return TemplateSettings(enabled: false) }
        do throws(FleetError) {
            return try TemplateSettings(json: try Self.text(path, as: "the template's settings"))
        } catch {
            throw FleetError(error.code, "'\(path)', \(error.message)")
        }
    }

    private static func names(
        in folder: String, ending suffix: String
    ) throws(FleetError) -> [String] {
        guard let names = try? FileManager.default.contentsOfDirectory(atPath: folder) else {
            throw FleetError(
                .notFound,
                "the folder '\(folder)' cannot be read: make it, or name another in the settings")
        }
        return names.filter { $0.hasSuffix(suffix) && !$0.hasPrefix(".") }.sorted()
    }

    private static func text(_ path: String, as what: String) throws(FleetError) -> String {
        let bytes = try PrivateFile.read(path, as: what)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            let place = JSONSourceMap.Position(endOfUTF8In: bytes).map { " (\($0))" } ?? ""
            throw FleetError(.invalidRequest, "\(what) '\(path)' is not valid UTF-8\(place)")
        }
        guard !text.allSatisfy(\.isWhitespace) else {
            throw FleetError(.invalidRequest, "\(what) '\(path)' is empty")
        }
        return text
    }
}
