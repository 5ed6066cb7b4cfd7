internal import Fleet
internal import JSON

// Bulk registration tasks as JSON, for the audit log; a task's progress for its own column as well.

extension RegistrationTask {
    var json: JSONValue {
        RecordJSON.object(
            ("id", RecordJSON.id(self.id)), ("templateBody", .string(self.templateBody)),
            ("inputBucket", .string(self.input.bucket)), ("inputKey", .string(self.input.key)),
            ("roleARN", .string(self.roleARN)), ("createsMissing", .bool(self.createsMissing)),
            ("startedBy", .string(self.startedBy)),
            ("startedFrom", RecordJSON.text(self.startedFrom)),
            ("createdAt", RecordJSON.time(self.createdAt)), ("state", self.state.json))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a registration task")
        self.init(
            id: try fields.presentResourceID("id"), templateBody: try fields.text("templateBody"),
            input: try RegistrationInput(
                bucket: fields.text("inputBucket"), key: fields.text("inputKey")),
            roleARN: try fields.text("roleARN"), createsMissing: try fields.flag("createsMissing"),
            startedBy: try fields.text("startedBy"),
            startedFrom: try fields.optionalText("startedFrom"),
            createdAt: try fields.time("createdAt"), state: try State(json: fields.value("state")))
    }
}

extension RegistrationTask.State {
    var json: JSONValue {
        RecordJSON.object(
            ("status", .string(self.status.rawValue)), ("message", RecordJSON.text(self.message)),
            ("progress", self.progress.json),
            ("lastModifiedAt", RecordJSON.time(self.lastModifiedAt)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a registration task's state")
        self.init(
            status: try fields.oneOf("status"), message: try fields.optionalText("message"),
            progress: try RegistrationTask.Progress(json: fields.value("progress")),
            lastModifiedAt: try fields.time("lastModifiedAt"))
    }
}

extension RegistrationTask.Progress {
    var json: JSONValue {
        RecordJSON.object(
            ("inputBytes", self.inputBytes.map { .int(Int($0)) }), ("lines", .int(self.lines)),
            ("bytes", .int(Int(self.bytes))), ("successes", .int(self.successes)),
            ("failures", .int(self.failures)), ("resultsBytes", .int(Int(self.resultsBytes))),
            ("errorsBytes", .int(Int(self.errorsBytes))))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a registration task's progress")
        self.init(
            inputBytes: try fields.optionalInt("inputBytes").map(Int64.init),
            lines: try fields.int("lines"), bytes: Int64(try fields.int("bytes")),
            successes: try fields.int("successes"), failures: try fields.int("failures"),
            resultsBytes: Int64(try fields.int("resultsBytes")),
            errorsBytes: Int64(try fields.int("errorsBytes")))
    }
}

extension RegisteredLine {
    var json: JSONValue {
        RecordJSON.object(
            ("task", RecordJSON.id(self.line.task)), ("line", .int(self.line.number)),
            ("thing", RecordJSON.name(self.thing)),
            ("certificate", RecordJSON.id(self.certificate)), ("answer", .string(self.answer)))
    }

    init(json: JSONValue?) throws {
        let fields = try JSONFields(json, "a registered line")
        self.init(
            line: RegistrationLine(
                task: try fields.presentResourceID("task"), number: try fields.int("line")),
            thing: try fields.name("thing"), certificate: try fields.optionalID("certificate"),
            answer: try fields.text("answer"))
    }
}
