import Fleet
import Foundation
import SQLiteStorage

/// Opens the fleet's database, and says what to do where it cannot be opened.
enum FleetDatabase {
    /// - Parameter isNew: whether a file that is missing or empty becomes a database. Everybody but
    ///   the founder of a fleet takes it for one that was lost: what was torn off by a full disk
    ///   must not come up as a fleet that knows no device.
    static func open(
        _ path: String, _ mode: SQLiteFleetStore.Mode, isNew: Bool = false
    ) throws(FleetError) -> SQLiteFleetStore {
        switch try Self.look(path, mode, isNew: isNew) {
        case .open(let store): return store
        case .inUse(let who):
            throw FleetError(
                .serviceUnavailable, "\(who): only one may write it; stop that one")
        }
    }

    enum Look {
        case open(SQLiteFleetStore)
        /// Another process writes it; in words.
        case inUse(String)
    }

    /// - Throws: what is wrong with a database that nobody else has open.
    static func look(
        _ path: String, _ mode: SQLiteFleetStore.Mode, isNew: Bool = false
    ) throws(FleetError) -> Look {
        if !isNew, Self.isEmpty(path) {
            throw FleetError(
                .notFound,
                "'\(path)' is missing or empty: put a backup in its place, or make a new fleet "
                    + "with 'slipway init'")
        }
        do throws(StorageError) {
            return .open(try SQLiteFleetStore.open(path: path, mode: mode, clock: SystemClock()))
        } catch {
            guard case .inUse = error else { throw error.fleetError }
            return .inUse(error.description)
        }
    }

    private static func isEmpty(_ path: String) -> Bool {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.size] as? Int ?? 0) == 0
    }
}
