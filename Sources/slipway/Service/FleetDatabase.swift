import Fleet
import SQLiteStorage

/// Opens the fleet's database, and says what to do where it cannot be opened.
enum FleetDatabase {
    static func open(
        _ path: String, _ mode: SQLiteFleetStore.Mode
    ) throws(FleetError) -> SQLiteFleetStore {
        do throws(StorageError) {
            return try SQLiteFleetStore.open(path: path, mode: mode, clock: SystemClock())
        } catch {
            guard case .inUse = error else { throw error.fleetError }
            throw FleetError(
                .serviceUnavailable, "\(error.description): only one may write it; stop that one")
        }
    }
}
