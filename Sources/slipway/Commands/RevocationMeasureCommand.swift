import ArgumentParser
import CertificateAuthority
import Fleet
import Foundation
import JSON
import SQLiteStorage

extension CertCommand {
    /// For `make bench`: what lists of many revoked certificates cost, on a store of its own.
    struct Measure: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "measure-crl", abstract: "What a CRL of many entries costs.",
            discussion: "slipway cert measure-crl --entries 1000000 --json", shouldDisplay: false)

        private static let entriesPerCommit = 5_000

        @Option(help: "Revoked certificates") var entries = 1_000_000
        @Option(help: "Parts of the CRL, a power of two") var shards = 64
        @Flag(help: "Print JSON") var json = false

        func validate() throws {
            guard (1...10_000_000).contains(self.entries) else {
                throw ValidationError("--entries is a number from 1 to 10000000.")
            }
        }

        func run() async throws {
            do throws(FleetError) {
                let figures = try await MeasuredStore.with("crl") {
                    store async throws(FleetError) in try await self.figures(store)
                }
                self.show(figures)
            } catch { throw Failure.exit(error) }
        }

        private func show(_ figures: [(key: String, value: Int)]) {
            if self.json {
                let members = figures.map { ($0.key, JSONValue.int($0.value)) }
                return Terminal.say(.object(JSONObject(members)))
            }
            for (key, value) in figures { Terminal.say("\(key)  \(value)") }
        }

        private func figures(
            _ store: SQLiteFleetStore
        ) async throws(FleetError) -> [(key: String, value: Int)] {
            let passphrase = Secret(WipedBytes(SystemEntropy().bytes(count: 32)))
            let made = try AuthorityCeremony.root(
                passphrase: passphrase,
                AuthorityCeremony.Circumstances(
                    now: SystemClock().now, entropy: SystemEntropy()))
            var settings = RevocationAuthority.Settings()
            settings.publication = try RevocationPublication(
                url: "http://127.0.0.1", shards: self.shards)
            let authority = try RevocationAuthority(
                authority: try Self.opened(made, passphrase),
                store: store, clock: SystemClock(), entropy: SystemEntropy(), settings: settings)
            try await self.fill(store, issuer: made.certificate.id)

            ResidentMemory.forgetPeak()
            let before = ResidentMemory.bytes("VmRSS")
            let whole = try await Self.signed(authority, authority.listName)
            let peak = ResidentMemory.bytes("VmHWM")
            let shardName = authority.listName.dropLast(".crl".count) + "-0of\(self.shards).crl"
            _ = try await Self.signed(authority, String(shardName))
            await authority.note()
            let shard = try await Self.signed(authority, String(shardName))
            return [
                ("entries", self.entries), ("wholeMicroseconds", whole.microseconds),
                ("wholeBytes", whole.bytes), ("peakBytesMore", max(0, peak - before)),
                ("peakBytes", peak),
                ("shardMicroseconds", shard.microseconds), ("shardBytes", shard.bytes),
            ]
        }

        private static func opened(
            _ made: AuthorityCeremony.MadeAuthority, _ passphrase: borrowing Secret<WipedBytes>
        ) throws(FleetError) -> SigningAuthority {
            do {
                return try AuthorityCeremony.open(
                    certificatePEM: made.certificatePEM, encryptedKeyPEM: made.encryptedKeyPEM,
                    passphrase: passphrase)
            } catch {
                throw FleetError(.internalFailure, "the authority cannot be opened: \(error)")
            }
        }

        private func fill(
            _ store: SQLiteFleetStore, issuer: CertificateID
        ) async throws(FleetError) {
            let meter = CountMeter("revoking")
            defer { meter.clear() }
            let now = SystemClock().now
            let reasons = RevocationReason.allCases
            var done = 0
            while done < self.entries {
                let next = min(done + Self.entriesPerCommit, self.entries)
                var changes: [Change] = []
                for number in done..<next {
                    // 20 octets, as the longest serial number has (RFC 5280 4.1.2.2).
                    let serial = [0x53] + SystemEntropy().bytes(count: 19)
                    let id = SystemEntropy().bytes(count: 32)
                    changes.append(
                        .putRevocation(
                            Revocation(
                                certificate: CertificateID(sha256: id), issuerID: issuer,
                                serialNumber: serial.map { Self.hex($0) }.joined(),
                                notAfter: now.advanced(bySeconds: 86_400),
                                reason: reasons[number % reasons.count],
                                revokedAt: now.advanced(bySeconds: -Int64(number % 86_400)))))
                }
                _ = try await store.commit(
                    ChangeSet(action: "MeasureRevocations", changes: changes),
                    by: .service("measure"))
                done = next
                meter.show(done, of: self.entries)
            }
        }

        private static func hex(_ octet: UInt8) -> String {
            let digits = String(octet, radix: 16)
            return octet < 16 ? "0" + digits : digits
        }

        private static func signed(
            _ authority: RevocationAuthority, _ name: String
        ) async throws(FleetError) -> (microseconds: Int, bytes: Int) {
            let clock = ContinuousClock()
            let start = clock.now
            guard let list = try await authority.list(named: name) else {
                throw FleetError(.internalFailure, "there is no list \(name)")
            }
            let spent = (clock.now - start).components
            return (
                Int(spent.seconds) * 1_000_000 + Int(spent.attoseconds / 1_000_000_000_000),
                list.der.count
            )
        }
    }
}

/// What Linux says of this process's memory; nothing where there is no /proc.
private enum ResidentMemory {
    /// Has `VmHWM` begin anew (proc(5), clear_refs).
    static func forgetPeak() {
        try? Data("5".utf8).write(to: URL(fileURLWithPath: "/proc/self/clear_refs"))
    }

    /// - Parameter field: `VmRSS`, or `VmHWM` for the highest it has been.
    static func bytes(_ field: String) -> Int {
        guard let status = try? String(contentsOfFile: "/proc/self/status", encoding: .utf8),
            let line = status.split(separator: "\n").first(where: { $0.hasPrefix(field + ":") }),
            let kilobytes = line.split(whereSeparator: { " \t:".contains($0) }).dropFirst().first
        else { return 0 }
        return (Int(kilobytes) ?? 0) * 1024
    }
}
