/// The report files of a registration task.
package enum RegistrationReport: String, Sendable, CaseIterable {
    /// AWS: reportType.
    case results = "RESULTS"
    case errors = "ERRORS"
}

/// Where bulk registrations come from: the sources that the settings name, and no others.
package protocol RegistrationInputs: Sendable {
    /// Whether the settings name the bucket, and the key stays inside it. Looks at names only.
    /// - Throws: `FleetError.invalidRequest`, saying which sources there are.
    func check(_ input: RegistrationInput) throws(FleetError)

    /// The input as it arrives, piece by piece, in memory never more than a piece or two.
    /// - Parameter take: called for each piece, in order.
    /// - Throws: `FleetError.invalidRequest` where there is no such file or it may not be read;
    ///   `.serviceUnavailable` where its server does not answer; whatever `take` throws.
    func read(
        _ input: RegistrationInput,
        _ take: @Sendable ([UInt8]) async throws(FleetError) -> Void
    ) async throws(FleetError)
}

/// A task's own files: its copy of the input, and its reports. What a call has written is on disk
/// when the call returns, unless it says otherwise.
package protocol RegistrationFiles: Sendable {
    /// Begins the copy of the input, in place of what an earlier attempt left of it.
    func beginInput(of task: RegistrationTaskID) async throws(FleetError)
    /// Adds to the copy that was begun; on disk only after `finishInput`.
    func appendInput(_ bytes: [UInt8], of task: RegistrationTaskID) async throws(FleetError)
    /// Makes the copy whole. Until this has returned there is none.
    /// - Returns: its size in bytes.
    func finishInput(of task: RegistrationTaskID) async throws(FleetError) -> Int64
    /// - Returns: up to `count` bytes from `offset`; none at the end.
    /// - Throws: `FleetError.notFound` where there is no whole copy.
    func readInput(
        of task: RegistrationTaskID, at offset: Int64, count: Int
    ) async throws(FleetError) -> [UInt8]
    func removeInput(of task: RegistrationTaskID) async throws(FleetError)

    /// Writes `bytes` at `offset` and ends the file after them: what a crash left beyond is gone.
    func write(
        _ bytes: [UInt8], to report: RegistrationReport, of task: RegistrationTaskID,
        at offset: Int64
    ) async throws(FleetError)
    /// - Returns: up to `count` bytes from `offset`; none at the end or without a file.
    func read(
        _ report: RegistrationReport, of task: RegistrationTaskID, at offset: Int64, count: Int
    ) async throws(FleetError) -> [UInt8]

    /// Every task that has files.
    func tasks() async throws(FleetError) -> [RegistrationTaskID]
    func removeAll(of task: RegistrationTaskID) async throws(FleetError)
}
