import CertificateAuthority
import Fleet
import Foundation
import SQLiteStorage

/// Reads every certificate of the fleet's database itself; a running service is not disturbed.
struct FleetScan {
    let store: SQLiteFleetStore

    /// Where the fleet's files are.
    /// - Throws: `FleetError.invalidRequest` where a service elsewhere was named: what lies here
    ///   would be taken for what lies there.
    static func installation(_ options: LocationOptions) async throws(FleetError) -> Installation {
        guard options.endpointURL == nil else {
            throw FleetError(
                .invalidRequest,
                "this command reads the fleet's files itself: run it beside the service, without "
                    + "--endpoint-url")
        }
        return Installation(try await options.resolve())
    }

    static func open(_ options: LocationOptions) async throws(FleetError) -> FleetScan {
        let installation = try await Self.installation(options)
        guard FileManager.default.fileExists(atPath: installation.database) else {
            throw FleetError(
                .notFound,
                "there is no fleet at '\(installation.database)': run 'slipway init' there, or "
                    + "name the folder with --directory")
        }
        return FleetScan(store: try FleetDatabase.open(installation.database, .readOnly))
    }

    /// A page at a time, in the order of ids.
    func certificates(
        _ body: (Certificate) throws(FleetError) -> Void
    ) async throws(FleetError) {
        let meter = ScanMeter()
        defer { meter.clear() }
        var after: String?
        var count = 0
        repeat {
            let page = try await self.store.page(ListQuery(.certificates, after: after))
            for case .certificate(let certificate) in page.records { try body(certificate) }
            count += page.records.count
            meter.tell("\(count) certificates read")
            after = page.next
        } while after != nil
    }

    /// The successors of the certificates that were renewed and have not retired yet.
    func openRenewals() async throws(FleetError) -> [CertificateID: CertificateID] {
        var found: [CertificateID: CertificateID] = [:]
        var after: String?
        repeat {
            let page = try await self.store.page(ListQuery(.renewalsOpen, after: after))
            for case .renewal(let renewal) in page.records {
                found[renewal.predecessor] = renewal.successor
            }
            after = page.next
        } while after != nil
        return found
    }

    func authority(_ id: CertificateID) async throws(FleetError) -> Authority? {
        try await self.store.load([.authority(id)]).authority(id)
    }
}

/// A bar on standard error that is written over again; nothing where that is no terminal.
struct ScanMeter {
    private let isTerminal = isatty(STDERR_FILENO) == 1
    private var shown = -1
    /// Characters.
    private static let barWidth = 30

    mutating func show(_ done: Int, of total: Int, _ what: String) {
        guard self.isTerminal, total > 0 else { return }
        let percentage = 100 * done / total
        guard percentage != self.shown else { return }
        self.shown = percentage
        let filled = Self.barWidth * done / total
        let bar =
            String(repeating: "#", count: filled)
            + String(repeating: ".", count: Self.barWidth - filled)
        self.write("\r\u{1B}[K[\(bar)] \(percentage)%  \(what)")
    }

    /// Where nobody knows how much there is.
    func tell(_ text: String) {
        if self.isTerminal { self.write("\r\u{1B}[K\(text)") }
    }

    func clear() {
        if self.isTerminal { self.write("\r\u{1B}[K") }
    }

    private func write(_ text: String) {
        try? FileHandle.standardError.write(contentsOf: Data(text.utf8))
    }
}
