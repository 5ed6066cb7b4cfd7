package import Fleet
internal import GRDB

/// Why a database file cannot be opened, in words that say what to do.
package enum StorageError: Error, Hashable, Sendable, CustomStringConvertible {
    case notFound(path: String)
    case notADatabase(path: String)
    /// SQLite can read it, but another program made it.
    case foreignDatabase(path: String)
    case newerVersion(path: String, found: Int, known: Int)
    /// A read-only opening finds tables that only a writer may bring up to date.
    case olderVersion(path: String, found: Int, known: Int)
    case inUse(path: String, holder: String?)
    case folderNotWritable(path: String, cause: String)
    case notWritable(path: String)
    case unreadable(path: String, cause: String)
    case damaged(path: String, cause: String)

    package var description: String {
        switch self {
        case .notFound(let path):
            "there is no database \(path); the first start of the service makes it"
        case .notADatabase(let path):
            "\(path) is not a database; name another file, or move this one away"
        case .foreignDatabase(let path):
            "\(path) is a database of another program; name another file"
        case .newerVersion(let path, let found, let known):
            "\(path) was written by a newer release (schema \(found); this one knows up to "
                + "\(known)); start that release instead"
        case .olderVersion(let path, let found, let known):
            "\(path) has schema \(found), this release reads \(known); start the service once "
                + "to bring it up to date"
        case .inUse(let path, let holder):
            "\(path) is in use by another process\(holder.map { " (\($0))" } ?? "")"
        case .folderNotWritable(let path, let cause):
            "no file can be made beside \(path): \(cause)"
        case .notWritable(let path): "\(path) is read-only; give it write permission"
        case .unreadable(let path, let cause): "\(path) cannot be opened: \(cause)"
        case .damaged(let path, let cause):
            "\(path) is damaged (\(cause)); restore it from a backup"
        }
    }

    package var fleetError: FleetError { FleetError(.serviceUnavailable, self.description) }

    /// What SQLite's answer at opening means for the person who started the service.
    init(_ error: any Error, path: String) {
        guard let error = error as? DatabaseError else {
            self = (error as? StorageError) ?? .unreadable(path: path, cause: "\(error)")
            return
        }
        switch error.resultCode {
        case .SQLITE_NOTADB: self = .notADatabase(path: path)
        case .SQLITE_CORRUPT, .SQLITE_FORMAT: self = .damaged(path: path, cause: error.cause)
        case .SQLITE_READONLY, .SQLITE_PERM: self = .notWritable(path: path)
        case .SQLITE_BUSY, .SQLITE_LOCKED: self = .inUse(path: path, holder: nil)
        default: self = .unreadable(path: path, cause: error.cause)
        }
    }
}

extension DatabaseError {
    /// SQLite's own words: no SQL and no values, since values are the fleet's business.
    var cause: String {
        "\(self.message ?? "no message") (SQLite \(self.extendedResultCode.rawValue))"
    }
}

/// A row that says what no version of this program has written.
struct DamagedRow: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

extension FleetError {
    static let storeClosed = FleetError(.serviceUnavailable, "the store is closed")
    static let writerBusy = FleetError(
        .throttled, "\(StorageLimits.writesQueuedMax) changes are waiting for the disk already")
    static let readersBusy = FleetError(
        .throttled, "\(StorageLimits.readsQueuedMax) reads are waiting for the disk already")
    static let readOnlyStore = FleetError(
        .internalFailure, "the store was opened for reading only")

    static func conflict(_ message: String) -> FleetError { FleetError(.conflict, message) }

    /// Any failure below the port, as the port states it.
    init(storage error: any Error) {
        switch error {
        case let error as FleetError: self = error
        case let error as StorageError: self = error.fleetError
        case let error as DatabaseError
        where error.resultCode == .SQLITE_BUSY || error.resultCode == .SQLITE_LOCKED:
            // Another program holds the file longer than is waited: nothing is wrong with ours.
            self = FleetError(.serviceUnavailable, "the store is busy: \(error.cause)")
        case let error as DatabaseError:
            self = FleetError(.internalFailure, "the store failed: \(error.cause)")
        default: self = FleetError(.internalFailure, "the store failed: \(error)")
        }
    }
}
