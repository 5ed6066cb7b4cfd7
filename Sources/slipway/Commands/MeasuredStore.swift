import Fleet
import Foundation
import SQLiteStorage

/// A store of one measurement's own, which goes when that is over.
enum MeasuredStore {
    /// - Parameter kept: a folder that is not there yet, for a store that stays.
    static func with<Result>(
        _ name: String, kept: String? = nil,
        _ body: (SQLiteFleetStore) async throws(FleetError) -> Result
    ) async throws(FleetError) -> Result {
        let folder =
            kept.map { URL(fileURLWithPath: $0) }
            ?? FileManager.default.temporaryDirectory
            .appendingPathComponent("slipway-\(name)-\(UUID().uuidString)")
        do {
            try FileManager.default.createDirectory(
                at: folder, withIntermediateDirectories: true,
                attributes: [.posixPermissions: 0o700])
        } catch {
            throw FleetError(.internalFailure, "\(folder.path) cannot be made: \(error)")
        }
        defer { if kept == nil { try? FileManager.default.removeItem(at: folder) } }
        let store = try FleetDatabase.open(
            folder.appendingPathComponent("fleet.db").path, .exclusive, isNew: true)
        do throws(FleetError) {
            let result = try await body(store)
            await store.close()
            return result
        } catch {
            await store.close()
            throw error
        }
    }
}
