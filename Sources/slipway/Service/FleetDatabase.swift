import Fleet
import Foundation
import Logging
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
        case .inUse(let who): throw Self.taken(who)
        }
    }

    private static func taken(_ who: String) -> FleetError {
        FleetError(.serviceUnavailable, "\(who): only one may write it; stop that one")
    }

    /// How often a process looks again for whoever has the database, and how long it waits in
    /// between: longer than a service takes from its database to its socket, and than most commands
    /// take.
    private static let looksMax = 100
    private static let lookMilliseconds: Int64 = 100

    /// Who has the database, once that is known.
    enum Holder {
        /// Nobody else, from now on.
        case free(SQLiteFleetStore)
        /// A service that answers; in words, too.
        case service(ControlClient, String)
        /// A process that neither answers nor ends; in words.
        case inUse(String)
    }

    /// Waits for a command to end, or for a service that has just started to answer.
    /// - Parameter onWaiting: called once where there is something to wait for, with who it is.
    static func whenFree(
        _ installation: Installation, onWaiting: (_ who: String) -> Void = { _ in }
    ) async throws(FleetError) -> Holder {
        var looks = 1
        while true {
            let who: String
            switch try Self.look(installation.database) {
            case .open(let store): return .free(store)
            case .inUse(let name): who = name
            }
            if let client = await ControlClient.connect(socket: installation.controlSocket) {
                return .service(client, who)
            }
            guard looks < Self.looksMax else { return .inUse(who) }
            if looks == 1 { onWaiting(who) }
            looks += 1
            // A cancelled sleep ends at once, and the looks left are counted.
            try? await Task.sleep(for: .milliseconds(Self.lookMilliseconds))
        }
    }

    /// For a service: where a command has the database, it ends soon.
    static func take(
        _ installation: Installation, _ logger: Logger
    ) async throws(FleetError) -> SQLiteFleetStore {
        let holder = try await Self.whenFree(installation) { who in
            logger.notice("waiting for the database", metadata: ["explanation": "\(who)"])
        }
        switch holder {
        case .free(let store): return store
        case .service(_, let who), .inUse(let who): throw Self.taken(who)
        }
    }

    private enum Look {
        case open(SQLiteFleetStore)
        /// Another process writes it; in words.
        case inUse(String)
    }

    /// - Throws: what is wrong with a database that nobody else has open.
    private static func look(
        _ path: String, _ mode: SQLiteFleetStore.Mode = .exclusive, isNew: Bool = false
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
