import ArgumentParser
import Fleet
import JSON

/// `30d`, `12h`, `45m` or `90s`.
struct TimeSpan: ExpressibleByArgument, Sendable {
    private static let units: [Character: Int64] = ["d": 86_400, "h": 3600, "m": 60, "s": 1]
    /// A thousand years: beyond any certificate's end.
    private static let secondsMax: Int64 = 1000 * 365 * 86_400

    let seconds: Int64

    init?(argument: String) {
        guard let unit = argument.last.flatMap({ Self.units[$0] }),
            let count = Int64(argument.dropLast()), count >= 0
        else { return nil }
        let (seconds, overflow) = count.multipliedReportingOverflow(by: unit)
        guard !overflow, seconds <= Self.secondsMax else { return nil }
        self.seconds = seconds
    }
}

/// What certificates can be counted by: where they came from.
enum ExpiryGroup: String, ExpressibleByArgument, CaseIterable, Sendable {
    case lot, station, template, claim, issuer

    func value(of certificate: Certificate) -> String {
        let registration = certificate.provenance?.registration
        let found: String? =
            switch self {
            case .lot: certificate.provenance?.lot
            case .station: certificate.provenance?.station
            case .template: registration?.template?.rawValue
            case .claim: certificate.provenance?.origin.claim?.rawValue
            case .issuer: certificate.issuer
            }
        return found ?? "-"
    }
}

extension CertCommand {
    struct Expiring: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Certificates that end soon, one by one or counted by where they came from.",
            discussion: """
                slipway cert expiring --within 30d
                slipway cert expiring --within 30d --by lot --json

                Only ACTIVE certificates count, those that ended already among them. One that was \
                renewed names its successor until it retires. Reads the database itself; a running \
                service is not disturbed.
                """)

        @Option(help: "How soon: 30d, 12h, 45m or 90s") var within: TimeSpan
        @Option(help: "Count by lot, station, template, claim or issuer") var by: ExpiryGroup?
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let scan = try await FleetScan.open(self.settings)
                let renewals = try await scan.openRenewals()
                let now = SystemClock().now
                let end = now.advanced(bySeconds: self.within.seconds)
                var found: [Certificate] = []
                var counts: [String: Tally] = [:]
                try await scan.certificates { certificate in
                    guard certificate.status == .active, certificate.notAfter <= end else { return }
                    if let by {
                        counts[by.value(of: certificate), default: Tally()].add(
                            certificate, isRenewed: renewals[certificate.id] != nil, now)
                    } else {
                        found.append(certificate)
                    }
                }
                if let by { self.say(counts, by) } else { self.say(found, renewals) }
            } catch { throw Failure.exit(error) }
        }

        private struct Tally {
            var count = 0
            var ended = 0
            var renewed = 0
            var first: UnixTime?

            mutating func add(_ certificate: Certificate, isRenewed: Bool, _ now: UnixTime) {
                self.count += 1
                if isRenewed { self.renewed += 1 }
                if certificate.notAfter < now { self.ended += 1 }
                self.first = min(self.first ?? certificate.notAfter, certificate.notAfter)
            }
        }

        private func say(_ counts: [String: Tally], _ by: ExpiryGroup) {
            let sorted = counts.sorted { ($1.value.count, $0.key) < ($0.value.count, $1.key) }
            guard !self.json else {
                return Terminal.say(
                    .object([
                        "by": .string(by.rawValue),
                        "groups": .array(
                            sorted.map { name, tally in
                                [
                                    by.rawValue: .string(name), "certificates": .int(tally.count),
                                    "ended": .int(tally.ended),
                                    "renewed": .int(tally.renewed),
                                    "firstEnd": tally.first.map { .string($0.description) } ?? nil,
                                ]
                            }),
                    ]))
            }
            let rows = sorted.map { name, tally in
                [
                    name, String(tally.count), String(tally.ended), String(tally.renewed),
                    tally.first?.description ?? "-",
                ]
            }
            let header = [
                by.rawValue.uppercased(), "CERTIFICATES", "ENDED", "RENEWED", "FIRST END",
            ]
            for line in Terminal.table([header] + rows) { Terminal.say(line) }
        }

        private static func link(_ id: CertificateID?) -> JSONValue {
            id.map { .string($0.rawValue) } ?? .null
        }

        private func say(
            _ found: [Certificate], _ renewals: [CertificateID: CertificateID]
        ) {
            let sorted = found.sorted {
                ($0.notAfter, $0.id.rawValue) < ($1.notAfter, $1.id.rawValue)
            }
            guard !self.json else {
                return Terminal.say(
                    .object([
                        "certificates": .array(
                            sorted.map {
                                [
                                    "certificateId": .string($0.id.rawValue),
                                    "notAfter": .string($0.notAfter.description),
                                    "kind": .string($0.kind.rawValue),
                                    "subject": .string($0.subject),
                                    "lot": .string(ExpiryGroup.lot.value(of: $0)),
                                    "renewedAs": Self.link(renewals[$0.id]),
                                ]
                            })
                    ]))
            }
            let rows = sorted.map {
                [
                    $0.id.rawValue, $0.kind.rawValue, $0.notAfter.description,
                    ExpiryGroup.lot.value(of: $0),
                    renewals[$0.id].map { String($0.rawValue.prefix(12)) } ?? "-", $0.subject,
                ]
            }
            let header = ["CERTIFICATE", "KIND", "ENDS", "LOT", "RENEWED AS", "SUBJECT"]
            for line in Terminal.table([header] + rows) { Terminal.say(line) }
        }
    }
}
