internal import Fleet
internal import GRDB
internal import JSON

/// Bulk registration tasks and their registered lines: their SQL, both ways.
enum TaskTables {
    static let taskColumns = """
        id, template_body, input_bucket, input_key, role_arn, creates_missing, started_by, \
        started_from, created_at, status, message, progress, last_modified_at
        """

    static func task(_ row: inout RowReader) throws -> RegistrationTask {
        RegistrationTask(
            id: try row.resourceID(), templateBody: try row.text(),
            input: try RegistrationInput(bucket: row.text(), key: row.text()),
            roleARN: try row.text(), createsMissing: try row.flag(), startedBy: try row.text(),
            startedFrom: try row.optionalText(), createdAt: try row.time(),
            state: RegistrationTask.State(
                status: try row.oneOf(), message: try row.optionalText(),
                progress: try RegistrationTask.Progress(json: row.json()),
                lastModifiedAt: try row.time()))
    }

    static func put(_ task: RegistrationTask, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO registration_tasks (\(Self.taskColumns), revision)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (id) DO UPDATE SET template_body = excluded.template_body,
                input_bucket = excluded.input_bucket, input_key = excluded.input_key,
                role_arn = excluded.role_arn, creates_missing = excluded.creates_missing,
                started_by = excluded.started_by, started_from = excluded.started_from,
                created_at = excluded.created_at, status = excluded.status,
                message = excluded.message, progress = excluded.progress,
                last_modified_at = excluded.last_modified_at, revision = excluded.revision
            """,
            task.id.rawValue, task.templateBody.storable, task.input.bucket, task.input.key,
            task.roleARN.storable, task.createsMissing, task.startedBy.storable,
            task.startedFrom?.storable, task.createdAt.milliseconds, task.state.status.rawValue,
            task.state.message?.storable, task.state.progress.json.description,
            task.state.lastModifiedAt.milliseconds, revision)
    }

    static func set(
        _ id: RegistrationTaskID, _ state: RegistrationTask.State, _ revision: Revision,
        _ db: Database
    ) throws {
        try db.run(
            """
            UPDATE registration_tasks SET status = ?, message = ?, progress = ?,
                last_modified_at = ?, revision = ? WHERE id = ?
            """, state.status.rawValue, state.message?.storable, state.progress.json.description,
            state.lastModifiedAt.milliseconds, revision, id.rawValue)
        guard db.changesCount > 0 else {
            throw FleetError.conflict("\(RecordKey.registrationTask(id)) does not exist")
        }
    }

    static func delete(_ id: RegistrationTaskID, _ db: Database) throws {
        try db.run("DELETE FROM registration_tasks WHERE id = ?", id.rawValue)
    }

    // MARK: Lines

    static let lineColumns = "task, line, thing, certificate, answer"

    static func line(_ row: inout RowReader) throws -> RegisteredLine {
        RegisteredLine(
            line: RegistrationLine(task: try row.resourceID(), number: try row.int()),
            thing: try row.name(), certificate: try row.optionalCertificateID(),
            answer: try row.text())
    }

    /// A line is done once.
    static func record(_ line: RegisteredLine, _ revision: Revision, _ db: Database) throws {
        try db.run(
            """
            INSERT INTO registered_lines (\(Self.lineColumns), revision) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT (task, line) DO NOTHING
            """, line.line.task.rawValue, line.line.number, line.thing.rawValue,
            line.certificate?.rawValue, line.answer.storable, revision)
        guard db.changesCount > 0 else {
            throw FleetError.conflict("\(line.line) was recorded before")
        }
    }

    static func forgetLines(
        of id: RegistrationTaskID, through number: Int, _ db: Database
    ) throws {
        try db.run(
            "DELETE FROM registered_lines WHERE task = ? AND line <= ?", id.rawValue, number)
    }
}
