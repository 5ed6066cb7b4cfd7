import Fleet
import HTTPTypes
import JSON
import Provisioning

/// The rows by which operators register devices: one at a time, or a file of them.
package enum RegistrationOperations {
    static let ownPath = "/slipway/registration-tasks/"
    private static let download = "GetRegistrationReport"
    static var downloadAction: String { "slipway:" + Self.download }

    package static let all: [Operation] = [
        Operation(
            "RegisterThing", .post, "/things", members: ["templateBody", "parameters"],
            summary: "Makes a thing with its certificate and policies out of a template",
            differences: "the answer also holds deviceConfiguration where the template has one; "
                + "a body needs an AWS::IoT::Thing",
            handle: Self.registerThing),
        Operation(
            "StartThingRegistrationTask", .post, "/thing-registration-tasks",
            members: [
                "templateBody", "inputFileBucket", "inputFileKey", "roleArn", "createMissing",
            ],
            summary: "Begins to register what each line of a file describes",
            differences: "a bucket is a source that the setting bulk.sources names; any number of "
                + "tasks run at once; a member createMissing has types and groups made; "
                + "a body needs an AWS::IoT::Thing",
            handle: Self.start),
        Operation(
            "StopThingRegistrationTask", .put, "/thing-registration-tasks/{taskId}/cancel",
            summary: "Stops a task; what is registered stays", target: Self.target,
            handle: Self.stop),
        Operation(
            "DescribeThingRegistrationTask", .get, "/thing-registration-tasks/{taskId}",
            summary: "How far a task has come", target: Self.target, handle: Self.describe),
        Operation(
            "ListThingRegistrationTasks", .get, "/thing-registration-tasks",
            query: Pagination.tokenQuery + ["status"],
            summary: "Every task of the last 30 days, newest first", handle: Self.list),
        Operation(
            "ListThingRegistrationTaskReports", .get, "/thing-registration-tasks/{taskId}/reports",
            query: Pagination.tokenQuery + ["reportType"],
            summary: "Links to what became of a task's lines",
            differences: "one link, to a file of this service; it can be followed for an hour",
            target: Self.target, handle: Self.reports),
        Operation(
            "DescribeRegistrationProgress", .get, "/slipway/registration-tasks/{taskId}",
            summary: "How far a task has come, to the byte", target: Self.target,
            handle: Self.progress),
        Operation(
            download: Self.download, "/slipway/registration-tasks/{taskId}/{report}",
            query: ReportLinks.query,
            summary: "A report of a task, one JSON object a line: results or errors",
            target: Self.target, file: Self.report),
    ]

    private static let target: Operation.Target = { request, realm throws(FleetError) in
        realm.registrationTask(try Self.id(request))
    }

    /// Beside the row's own.
    private static func requireRights(
        _ request: OperationRequest, for template: RegistrationOrder.Template,
        createsMissing: Bool = false, _ realm: Realm
    ) throws(FleetError) {
        for right in template.neededRights(createsMissing: createsMissing, in: realm) {
            try request.authorize(right.action, right.resource)
        }
    }

    // MARK: One device

    private static func registerThing(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let order = RegistrationOrder(
            template: try RegistrationOrder.Template(
                admitting: request.text("templateBody"), limits: services.templateLimits,
                realm: services.realm),
            parameters: try request.stringMap("parameters") ?? [:])
        try Self.requireRights(request, for: order.template, services.realm)
        let device = try await services.requireRegistration().direct.register(
            order, by: request.actor)
        return .object(device.answer)
    }

    // MARK: Tasks

    private static func start(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let registration = try services.requireRegistration()
        let input = try RegistrationInput(
            bucket: request.text("inputFileBucket"), key: request.text("inputFileKey"))
        try registration.inputs.check(input)
        let definition = try RegistrationTasks.Definition(
            id: services.entropy.resourceID(), templateBody: request.text("templateBody"),
            input: input, roleARN: request.text("roleArn"),
            createsMissing: request.optionalFlag("createMissing") ?? false,
            limits: services.templateLimits, realm: services.realm)
        try Self.requireRights(
            request, for: definition.template, createsMissing: definition.createsMissing,
            services.realm)
        _ = try await services.decide([.registrationTask(definition.id)], by: request.actor) {
            view, now in
            RegistrationTasks.start(definition, by: request.actor, in: view, at: now)
        }
        registration.runner.submit(definition.id)
        return ["taskId": .string(definition.id.rawValue)]
    }

    private static func stop(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let id = try Self.id(request)
        // Without a runner the task stops when it would go on.
        let runner = services.registration?.runner
        _ = try await services.decide([.registrationTask(id)], by: request.actor) {
            view, now throws(FleetError) in
            try RegistrationTasks.stop(id, in: view, at: now)
        }
        runner?.notice(stopOf: id)
        return .null
    }

    private static func describe(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        .object(Self.description(try await Self.task(request, services)))
    }

    private static func description(_ task: RegistrationTask) -> JSONObject {
        .present(
            ("taskId", .string(task.id.rawValue)),
            ("creationDate", .epoch(task.createdAt)),
            ("lastModifiedDate", .epoch(task.state.lastModifiedAt)),
            ("templateBody", .string(task.templateBody)),
            ("inputFileBucket", .string(task.input.bucket)),
            ("inputFileKey", .string(task.input.key)), ("roleArn", .string(task.roleARN)),
            ("status", .string(task.state.status.rawValue)),
            ("message", task.state.message.map { .string($0) }),
            ("successCount", .int(task.state.progress.successes)),
            ("failureCount", .int(task.state.progress.failures)),
            ("percentageProgress", .int(task.state.progress.percentage)))
    }

    /// What AWS's description has no room for, without the template.
    private static func progress(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let task = try await Self.task(request, services)
        let progress = task.state.progress
        var answer = JSONObject()
        answer["taskId"] = .string(task.id.rawValue)
        answer["status"] = .string(task.state.status.rawValue)
        answer["message"] = task.state.message.map { .string($0) }
        answer["input"] = .string(task.input.description)
        answer["startedBy"] = .string(task.startedBy)
        answer["createMissing"] = .bool(task.createsMissing)
        answer["createdAt"] = .string(task.createdAt.description)
        answer["lastModifiedAt"] = .string(task.state.lastModifiedAt.description)
        answer["percentageProgress"] = .int(progress.percentage)
        answer["inputBytes"] = progress.inputBytes.map { .int(Int($0)) }
        answer["bytesDone"] = .int(Int(progress.bytes))
        answer["linesDone"] = .int(progress.lines)
        answer["successCount"] = .int(progress.successes)
        answer["failureCount"] = .int(progress.failures)
        answer["resultsBytes"] = .int(Int(progress.resultsBytes))
        answer["errorsBytes"] = .int(Int(progress.errorsBytes))
        return .object(answer)
    }

    private static func list(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        var status: RegistrationTask.Status?
        if let text = request.queryText("status") {
            status = RegistrationTask.Status(rawValue: text)
            guard status != nil else {
                throw FleetError(
                    .invalidRequest,
                    "status must be one of "
                        + RegistrationTask.Status.allCases.map(\.rawValue)
                        .joined(separator: ", ") + ", not '\(text.clipped)'")
            }
        }
        let page = try await services.store.page(
            ListQuery(
                .registrationTasks(status), after: request.pageToken, limit: request.pageLimit))
        let ids = page.records.compactMap { record -> JSONValue? in
            if case .registrationTask(let task) = record { .string(task.id.rawValue) } else { nil }
        }
        return .object(
            .present(("taskIds", .array(ids)), ("nextToken", Pagination.token(page.next))))
    }

    private static func id(_ request: OperationRequest) throws(FleetError) -> RegistrationTaskID {
        do throws(FleetError) { return try RegistrationTaskID(request.label("taskId")) } catch {
            throw FleetError(
                .notFound, "there is no registration task '\(request.label("taskId").clipped)'")
        }
    }

    private static func task(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> RegistrationTask {
        let id = try Self.id(request)
        let view = try await services.store.load([.registrationTask(id)])
        guard let task = view.registrationTask(id) else { throw RegistrationTasks.missing(id) }
        return task
    }

    // MARK: Reports

    /// One link where there is anything to read, as a report of ours is one file.
    private static func reports(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> JSONValue {
        let text = try request.requiredQueryText("reportType")
        guard let report = RegistrationReport(rawValue: text) else {
            throw FleetError(
                .invalidRequest, "reportType must be ERRORS or RESULTS, not '\(text.clipped)'")
        }
        _ = try request.pageLimit
        let task: RegistrationTask
        do throws(FleetError) { task = try await Self.task(request, services) } catch {
            // Of this operation, the model knows no ResourceNotFoundException.
            throw error.code == .notFound ? FleetError(.invalidRequest, error.message) : error
        }
        var links: [JSONValue] = []
        if Self.size(of: report, task) > 0 {
            let path = "\(Self.ownPath)\(task.id)/\(report.rawValue.lowercased())"
            let signed = services.registration?.links.signed(path) ?? path
            links.append(.string((request.origin ?? "") + signed))
        }
        return .object(
            .present(
                ("resourceLinks", .array(links)), ("reportType", .string(report.rawValue))))
    }

    private static func size(
        of report: RegistrationReport, _ task: RegistrationTask
    ) -> Int64 {
        switch report {
        case .results: task.state.progress.resultsBytes
        case .errors: task.state.progress.errorsBytes
        }
    }

    /// As much as holds: what is on disk and counted. Lines that are done are added to it while
    /// the task goes on, and what was read once never changes.
    private static func report(
        _ request: OperationRequest, _ services: ControlPlaneServices
    ) async throws(FleetError) -> OperationFile {
        let name = request.label("report")
        guard let report = RegistrationReport(rawValue: name.uppercased()),
            name == name.lowercased()
        else {
            throw FleetError(
                .notFound, "a task has no report '\(name.clipped)'; it has results and errors")
        }
        let task = try await Self.task(request, services)
        guard let files = services.registrationFiles else {
            throw FleetError(.serviceUnavailable, "the task's files are not here")
        }
        return OperationFile(
            contentType: "application/x-ndjson", bytesCount: Self.size(of: report, task)
        ) { offset, count async throws(FleetError) in
            try await files.read(report, of: task.id, at: offset, count: count)
        }
    }
}
