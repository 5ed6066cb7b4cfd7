import ArgumentParser
import CertificateAuthority
import Fleet
import Foundation
import JSON
import SQLiteStorage

extension CertCommand {
    /// For `make bench`: what a certificate costs from its request to its PEM, lint included, and
    /// how many become durable in a second.
    struct MeasureIssue: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "measure-issue", abstract: "What issuing a certificate costs.",
            discussion: "slipway cert measure-issue --csr device.csr --count 5000 --json",
            shouldDisplay: false)

        @Option(help: "A certificate signing request in PEM", completion: .file()) var csr: String
        @Option(help: "Certificates to issue") var count = 5_000
        @Option(help: "Certificates on their way to the disk at once") var atOnce = 64
        @Option(help: "New folder to keep the store in", completion: .directory)
        var keep: String?
        @Flag(help: "Print JSON") var json = false

        func validate() throws {
            guard (1...1_000_000).contains(self.count), (1...1024).contains(self.atOnce) else {
                throw ValidationError(
                    "--count is a number from 1 to 1000000, and --at-once one from 1 to 1024.")
            }
        }

        func run() async throws {
            do throws(FleetError) {
                let text = try await TextFile.read(self.csr)
                let issuer = try Self.issuer()
                let spent = try await self.issueOnly(issuer, text)
                let unstored = try await self.issueSeveral(issuer, text, into: nil)
                let before = Self.processorMicroseconds()
                let seconds = try await self.issueDurably(issuer, text)
                let spentDurably = Self.processorMicroseconds() - before
                let figures: JSONObject = [
                    "certificates": .int(self.count),
                    "cpuMicrosecondsEach": .int(spent / self.count),
                    "issuedPerSecond": .int(Int(Double(self.count) / unstored)),
                    "durablePerSecond": .int(Int(Double(self.count) / seconds)),
                    "durableCPUMicrosecondsEach": .int(spentDurably / self.count),
                    "atOnce": .int(self.atOnce),
                ]
                guard !self.json else { return Terminal.say(.object(figures)) }
                for member in figures.members {
                    Terminal.say("\(member.key)  \(member.value)")
                }
            } catch { throw Failure.exit(error) }
        }

        private static func issuer() throws(FleetError) -> Issuer {
            let passphrase = Secret(WipedBytes(SystemEntropy().bytes(count: 32)))
            let circumstances = AuthorityCeremony.Circumstances(
                now: SystemClock().now, entropy: SystemEntropy())
            let root = try AuthorityCeremony.root(passphrase: passphrase, circumstances)
            let made = try AuthorityCeremony.issuingAuthority(
                under: try Self.opened(root, passphrase), passphrase: passphrase, circumstances)
            return try Issuer(
                authority: try Self.opened(made, passphrase), profile: .device,
                rules: KeyRules(), entropy: SystemEntropy())
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

        /// - Returns: microseconds of the processor for all of them.
        private func issueOnly(_ issuer: Issuer, _ csr: String) async throws(FleetError) -> Int {
            let before = Self.processorMicroseconds()
            for _ in 0..<self.count { _ = try await issuer.issue(csr: csr, at: SystemClock().now) }
            return Self.processorMicroseconds() - before
        }

        private static func processorMicroseconds() -> Int {
            var time = timespec()
            guard clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time) == 0 else { return 0 }
            return Int(time.tv_sec) * 1_000_000 + Int(time.tv_nsec) / 1000
        }

        /// Each in a commit of its own with its audit record, on the disk before it counts.
        /// - Returns: seconds for all of them.
        private func issueDurably(_ issuer: Issuer, _ csr: String) async throws(FleetError)
            -> Double
        {
            try await MeasuredStore.with("issue", kept: self.keep) {
                store async throws(FleetError) in
                try await self.issueSeveral(issuer, csr, into: store)
            }
        }

        /// So many at once; without a store it is what the processors can sign at the most.
        /// - Returns: seconds for all of them.
        private func issueSeveral(
            _ issuer: Issuer, _ csr: String, into store: SQLiteFleetStore?
        ) async throws(FleetError) -> Double {
            let clock = ContinuousClock()
            let start = clock.now
            let failure = await withTaskGroup(of: FleetError?.self) { group in
                var left = self.count
                func begin() {
                    left -= 1
                    group.addTask { await Self.issue(issuer, csr, into: store) }
                }
                while left > self.count - self.atOnce, left > 0 { begin() }
                var failure: FleetError?
                while let result = await group.next() {
                    failure = failure ?? result
                    if failure == nil, left > 0 { begin() }
                }
                return failure
            }
            let spent = (clock.now - start).components
            if let failure { throw failure }
            return Double(spent.seconds) + Double(spent.attoseconds) / 1e18
        }

        private static func issue(
            _ issuer: Issuer, _ csr: String, into store: SQLiteFleetStore?
        ) async -> FleetError? {
            do throws(FleetError) {
                let now = SystemClock().now
                let issued = try await issuer.issue(csr: csr, at: now)
                guard let store else { return nil }
                let certificate = Certificate(
                    issued: issued, kind: .device, status: .active, reason: nil, at: now)
                _ = try await store.commit(
                    ChangeSet(
                        action: "MeasureIssue", preconditions: [.absent(.certificate(issued.id))],
                        changes: [.putCertificate(certificate)]), by: .service("measure"))
                return nil
            } catch { return error }
        }
    }
}
