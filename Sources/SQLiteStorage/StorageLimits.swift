/// Every bound of the store, with its unit last.
package enum StorageLimits {
    /// Requests that may wait for the writer; one more is answered `.throttled`.
    package static let writesQueuedMax = 4096
    /// Requests that may wait for a reader; one more is answered `.throttled`.
    package static let readsQueuedMax = 8192
    /// What one transaction may hold, counted in changes and allowlist rows: it bounds how long a
    /// request waits behind others, and what a failed transaction must repeat.
    static let changesPerTransactionMax = 8192
    /// How long a transaction of several requests waits for more of them (`GatheringPace`).
    static let gatheringSeconds = 0.001
    /// Reads answered from one snapshot.
    static let readsPerSnapshotMax = 32
    /// Keys of one load that is answered on the thread that asks; more go to a reader thread.
    static let keysReadBrieflyMax = 32
    /// Rows of a page that is read on the thread that asks.
    static let rowsReadBrieflyMax = 128
    static let readersMin = 2
    static let readersMax = 8
    /// Rows of an allowlist draft written by one request to the writer.
    static let draftRowsPerRequestMax = 4096
    /// What indexes may give for a search before looking at every thing in turn is the better way.
    static let searchCandidatesMax = 20_000
    /// What an index has in the order of names is counted as far as this: beyond, only as much of
    /// it is read as a page needs.
    static let searchProbedMax = 1000
    /// Names of types, groups or beginnings of things that one term of a search is looked up by.
    static let searchNamesMax = 32
    /// Look-ups along indexes that one search is put together from.
    static let searchStatementsMax = 100
    /// Things that one read of a search looks at where no index serves it: a fraction of a second.
    static let searchedThingsPerReadMax = 20_000
    /// The same of groups, which are read whole.
    static let searchedGroupsPerReadMax = 2000
    /// Notes of who is connected, written by one request to the writer.
    static let connectivityNotesPerRequestMax = 1024
    /// Rows looked at by one step of the sweep of dead allowlist rows.
    static let sweptRowsPerTransactionMax = 8192
    /// Enrolment findings kept of each kind, and every how many commits the oldest are taken away.
    static let findingsPerKindMax = 100_000
    static let findingsTrimmedEvery: Int64 = 256
    /// A ChangeSet's changes as JSON. Larger sets belong into a draft.
    package static let changesBytesMax = 16 << 20
    /// Commits kept in memory for readers of the feed that keep up, at the least.
    static let recentCommitsMax = 1024
    /// Commits read at a time for a reader of the feed that does not.
    static let replayCommitsMax = 256
    /// Rows read at a time by the verification of the audit log.
    static let verifiedRowsMax = 1000
    /// Findings of a verification that are reported one by one.
    static let findingsMax = 100
    /// How long a connection waits for another process's lock.
    static let busySecondsMax = 5.0
    /// The write-ahead log is moved into the database when it has grown by this many pages.
    static let checkpointPages = 4000
    /// What remains of the write-ahead log file after a checkpoint.
    static let journalBytesMax = 64 << 20
    /// The writer's page cache.
    static let writerCacheKiB = 64 << 10
    static let readerCacheKiB = 8 << 10
}
