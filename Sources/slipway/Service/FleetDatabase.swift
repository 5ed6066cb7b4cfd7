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
        if !isNew, Self.isEmpty(path) {
            throw FleetError(
                .notFound,
                "'\(path)' is missing or empty: put a backup in its place, or make a new fleet "
                    + "with 'slipway init'")
        }
        do throws(StorageError) {
            return try SQLiteFleetStore.open(path: path, mode: mode, clock: SystemClock())
        } catch {
            guard case .inUse = error else { throw error.fleetError }
            throw FleetError(
                .serviceUnavailable, "\(error.description): only one may write it; stop that one")
        }
    }

    private static func isEmpty(_ path: String) -> Bool {
        let attributes = try? FileManager.default.attributesOfItem(atPath: path)
        return (attributes?[.size] as? Int ?? 0) == 0
    }
}
