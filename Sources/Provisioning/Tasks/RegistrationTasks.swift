package import Fleet
import JSON

/// The rules of bulk registration tasks: how they begin, how they are stopped, how they end and
/// when they go. Each a decision about a record; the work itself is `RegistrationTaskRunner`'s.
package enum RegistrationTasks {
    /// AWS: roleArn.
    static let roleCharacters = 20...2048

    /// What a request says a task shall be.
    package struct Definition: Sendable {
        package let id: RegistrationTaskID
        package let templateBody: String
        package let input: RegistrationInput
        package let roleARN: String
        package let createsMissing: Bool
        /// The template that the body is.
        package let template: RegistrationOrder.Template
        /// What the lint warns of in it.
        var warnings: [String] { self.template.warnings }

        /// - Throws: `FleetError.invalidRequest` where the template or the role does not hold: a
        ///   task that cannot work is refused before it exists.
        package init(
            id: RegistrationTaskID, templateBody: String, input: RegistrationInput,
            roleARN: String, createsMissing: Bool = false,
            limits: TemplateLimits = .standard, realm: Realm = .standard
        ) throws(FleetError) {
            guard RegistrationTasks.roleCharacters.contains(roleARN.count) else {
                throw FleetError(
                    .invalidRequest, "roleArn has \(roleARN.count) characters; 20 to 2048")
            }
            self.template = try RegistrationOrder.Template(
                admitting: templateBody, limits: limits, realm: realm)
            self.id = id
            self.templateBody = templateBody
            self.input = input
            self.roleARN = roleARN
            self.createsMissing = createsMissing
        }
    }

    /// AWS: StartThingRegistrationTask.
    package static func start(
        _ definition: Definition, by actor: Actor, in view: RegistryView, at now: UnixTime
    ) -> ChangeSet {
        var detail: JSONObject = ["task": .string(definition.id.rawValue)]
        if !definition.warnings.isEmpty {
            detail["templateWarnings"] = .array(definition.warnings.map { .string($0) })
        }
        return ChangeSet(
            action: "StartThingRegistrationTask",
            preconditions: [view.asSeen(.registrationTask(definition.id))],
            changes: [
                .putRegistrationTask(
                    RegistrationTask(
                        id: definition.id, templateBody: definition.templateBody,
                        input: definition.input, roleARN: definition.roleARN,
                        createsMissing: definition.createsMissing, startedBy: actor.identity,
                        startedFrom: actor.sourceAddress, createdAt: now,
                        state: RegistrationTask.State(lastModifiedAt: now)))
            ],
            detail: detail)
    }

    /// AWS: StopThingRegistrationTask. What is done stays done; lines under way are finished.
    /// Stopping what is being stopped, or has ended one way or another, changes nothing: whoever
    /// stops a task cannot know how far it will have come.
    package static func stop(
        _ id: RegistrationTaskID, in view: RegistryView, at now: UnixTime
    ) throws(FleetError) -> ChangeSet {
        guard let task = view.registrationTask(id) else { throw Self.missing(id) }
        var set = Self.change("StopThingRegistrationTask", id, in: view)
        var state = task.state
        switch state.status {
        case .cancelling, .cancelled, .completed, .failed: return set
        case .inProgress:
            state.status = .cancelling
            state.lastModifiedAt = now
            set.changes = [.setRegistrationTaskState(id, state)]
            return set
        }
    }

    /// That a task has come further. A task that was stopped meanwhile stays stopped.
    ///
    /// - Returns: nil where there is nothing to tell: no further, or ended, or gone.
    static func advance(
        _ id: RegistrationTaskID, to progress: RegistrationTask.Progress, in view: RegistryView,
        at now: UnixTime
    ) -> ChangeSet? {
        guard let task = view.registrationTask(id), !task.state.status.isEnded,
            task.state.progress != progress
        else { return nil }
        var state = task.state
        state.progress = progress
        state.lastModifiedAt = now
        var set = Self.change("AdvanceThingRegistrationTask", id, in: view)
        set.changes = [
            .setRegistrationTaskState(id, state),
            .forgetRegisteredLines(id, through: progress.lines),
        ]
        return set
    }

    /// That a task has ended, as far as it came.
    static func end(
        _ id: RegistrationTaskID, as ending: Ending, in view: RegistryView, at now: UnixTime
    ) -> ChangeSet? {
        guard let task = view.registrationTask(id), !task.state.status.isEnded else { return nil }
        var state = task.state
        switch ending {
        case .finished(let failures):
            state.status = .completed
            state.message =
                failures == 0
                ? nil : "\(failures) lines were not registered: see the ERRORS report"
        case .stopped: state.status = .cancelled
        case .failed(let reason):
            state.status = .failed
            state.message = String(reason.prefix(Self.messageCharactersMax))
        }
        state.lastModifiedAt = now
        var set = Self.change("EndThingRegistrationTask", id, in: view)
        set.changes = [.setRegistrationTaskState(id, state)]
        set.detail["status"] = .string(state.status.rawValue)
        return set
    }

    enum Ending: Hashable, Sendable {
        case finished(failures: Int)
        case stopped
        case failed(String)
    }

    /// AWS: message, at most 2048 characters.
    static let messageCharactersMax = 2048

    /// That a task and what it left may go: ended for longer than AWS keeps one.
    static func isForgotten(_ task: RegistrationTask, at now: UnixTime) -> Bool {
        task.state.status.isEnded
            && task.state.lastModifiedAt.advanced(bySeconds: Limits.registrationTaskSeconds) <= now
    }

    /// AWS: a task that has not ended after 30 days is ended.
    static func isOverdue(_ task: RegistrationTask, at now: UnixTime) -> Bool {
        !task.state.status.isEnded
            && task.createdAt.advanced(bySeconds: Limits.registrationTaskSeconds) <= now
    }

    static func forget(_ id: RegistrationTaskID, in view: RegistryView) -> ChangeSet {
        var set = Self.change("SweepThingRegistrationTask", id, in: view)
        set.changes = [.deleteRegistrationTask(id)]
        return set
    }

    package static func missing(_ id: RegistrationTaskID) -> FleetError {
        FleetError(.notFound, "there is no registration task \(id)", resource: id.rawValue)
    }

    private static func change(
        _ action: String, _ id: RegistrationTaskID, in view: RegistryView
    ) -> ChangeSet {
        ChangeSet(
            action: action, preconditions: [view.asSeen(.registrationTask(id))],
            detail: ["task": .string(id.rawValue)])
    }
}
