extension Schema {
    /// Bulk registration tasks, and the lines of theirs that are done and not yet reported.
    static let registrationTasks = """
        CREATE TABLE registration_tasks (
            id TEXT NOT NULL PRIMARY KEY, template_body TEXT NOT NULL,
            input_bucket TEXT NOT NULL, input_key TEXT NOT NULL, role_arn TEXT NOT NULL,
            creates_missing INTEGER NOT NULL, started_by TEXT NOT NULL,
            created_at INTEGER NOT NULL, status TEXT NOT NULL, message TEXT,
            progress TEXT NOT NULL, last_modified_at INTEGER NOT NULL, revision INTEGER NOT NULL
        ) STRICT;
        CREATE INDEX registration_tasks_by_creation ON registration_tasks (created_at, id);
        CREATE INDEX registration_tasks_by_status ON registration_tasks (status, created_at, id);
        CREATE TABLE registered_lines (
            task TEXT NOT NULL REFERENCES registration_tasks (id) ON DELETE CASCADE,
            line INTEGER NOT NULL, thing TEXT NOT NULL, certificate TEXT, answer TEXT NOT NULL,
            revision INTEGER NOT NULL, PRIMARY KEY (task, line)
        ) STRICT, WITHOUT ROWID;
        """

    /// What conditions of whoever started a task may ask for.
    static let taskAddresses = """
        ALTER TABLE registration_tasks ADD COLUMN started_from TEXT;
        """
}
