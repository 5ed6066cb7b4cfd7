/// The name of a bulk registration task (AWS: taskId, at most 40 characters).
package typealias RegistrationTaskID = ResourceID

/// One line of a task's input. Lines count from 1.
package struct RegistrationLine: Hashable, Sendable, CustomStringConvertible {
    package let task: RegistrationTaskID
    package let number: Int

    package init(task: RegistrationTaskID, number: Int) {
        self.task = task
        self.number = number
    }

    package var description: String { "registration task \(self.task) line \(self.number)" }
}

/// That a line has been carried out, written in the very commit that did it: a line that a crash
/// brings back is recognised by it. It goes once the task's report holds the line.
package struct RegisteredLine: Hashable, Sendable {
    package let line: RegistrationLine
    package let thing: ThingName
    package let certificate: CertificateID?
    /// The answer without the certificate's PEM, as JSON.
    package let answer: String

    package init(
        line: RegistrationLine, thing: ThingName, certificate: CertificateID?, answer: String
    ) {
        self.line = line
        self.thing = thing
        self.certificate = certificate
        self.answer = answer
    }
}

/// A bulk registration: a file of parameters, a template, and how far it has come.
/// AWS: StartThingRegistrationTask.
package struct RegistrationTask: Hashable, Sendable {
    /// AWS: the status of a bulk thing provisioning task.
    package enum Status: String, Sendable, CaseIterable {
        case inProgress = "InProgress"
        case completed = "Completed"
        case failed = "Failed"
        case cancelled = "Cancelled"
        case cancelling = "Cancelling"

        /// Whether nothing of the task is left to be done.
        package var isEnded: Bool {
            switch self {
            case .completed, .failed, .cancelled: true
            case .inProgress, .cancelling: false
            }
        }
    }

    /// How far a task has come. What it says is on disk: a crash takes a task back to here.
    package struct Progress: Hashable, Sendable {
        /// Size of the task's own copy of its input; nil until there is one.
        package var inputBytes: Int64?
        /// Lines and bytes of the input that are done.
        package var lines = 0
        package var bytes: Int64 = 0
        package var successes = 0
        package var failures = 0
        /// Sizes of the report files as far as they hold.
        package var resultsBytes: Int64 = 0
        package var errorsBytes: Int64 = 0

        package init(
            inputBytes: Int64? = nil, lines: Int = 0, bytes: Int64 = 0, successes: Int = 0,
            failures: Int = 0, resultsBytes: Int64 = 0, errorsBytes: Int64 = 0
        ) {
            self.inputBytes = inputBytes
            self.lines = lines
            self.bytes = bytes
            self.successes = successes
            self.failures = failures
            self.resultsBytes = resultsBytes
            self.errorsBytes = errorsBytes
        }

        /// AWS: percentageProgress. Of bytes, since nobody has counted the lines.
        package var percentage: Int {
            guard let total = self.inputBytes else { return 0 }
            guard total > 0 else { return 100 }
            return Int(min(total, self.bytes) * 100 / total)
        }
    }

    /// What changes while a task is carried out.
    package struct State: Hashable, Sendable {
        package var status: Status
        /// Why the task ended as it did.
        package var message: String?
        package var progress: Progress
        package var lastModifiedAt: UnixTime

        package init(
            status: Status = .inProgress, message: String? = nil, progress: Progress = Progress(),
            lastModifiedAt: UnixTime
        ) {
            self.status = status
            self.message = message
            self.progress = progress
            self.lastModifiedAt = lastModifiedAt
        }
    }

    package let id: RegistrationTaskID
    package let templateBody: String
    package let input: RegistrationInput
    /// AWS: roleArn. A label here; the rights are the caller's.
    package let roleARN: String
    /// Beyond AWS: whether thing types and static groups that are missing come to be.
    package let createsMissing: Bool
    /// Who started it: what its lines change is done in this name.
    package let startedBy: String
    /// From what address; nil for a task from before this was kept.
    package let startedFrom: String?
    package let createdAt: UnixTime
    package var state: State

    package init(
        id: RegistrationTaskID, templateBody: String, input: RegistrationInput, roleARN: String,
        createsMissing: Bool, startedBy: String, startedFrom: String?, createdAt: UnixTime,
        state: State
    ) {
        self.id = id
        self.templateBody = templateBody
        self.input = input
        self.roleARN = roleARN
        self.createsMissing = createsMissing
        self.startedBy = startedBy
        self.startedFrom = startedFrom
        self.createdAt = createdAt
        self.state = state
    }
}

/// Where a task's input lies, in AWS's words: a bucket is a source that the settings name, a key a
/// path in it.
package struct RegistrationInput: Hashable, Sendable, CustomStringConvertible {
    package static let bucketCharacters = 3...256
    package static let keyCharacters = 1...1024

    package let bucket: String
    package let key: String

    /// - Throws: `FleetError.invalidRequest` unless both obey AWS's patterns.
    package init(bucket: String, key: String) throws(FleetError) {
        guard Self.bucketCharacters.contains(bucket.utf8.count),
            bucket.utf8.allSatisfy({ isAlphanumeric($0) || "._-".utf8.contains($0) })
        else {
            throw FleetError(
                .invalidRequest,
                "'\(bucket.clipped)' is no inputFileBucket: 3 to 256 of a-z A-Z 0-9 . _ -")
        }
        guard Self.keyCharacters.contains(key.utf8.count),
            key.utf8.allSatisfy({ isAlphanumeric($0) || "!_.*'()+,-/".utf8.contains($0) })
        else {
            throw FleetError(
                .invalidRequest,
                "'\(key.clipped)' is no inputFileKey: 1 to 1024 of a-z A-Z 0-9 "
                    + "! _ . * ' ( ) + , - /")
        }
        self.bucket = bucket
        self.key = key
    }

    package var description: String { "\(self.bucket)/\(self.key)" }
}
