import ArgumentParser
import CertificateAuthority
import Fleet
import JSON
import SQLiteStorage

struct KeysCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys", abstract: "The fleet's public keys: which nobody should trust.",
        subcommands: [Audit.self])

    struct Audit: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Look for keys that are weak, used again, or share a factor with another.",
            discussion: """
                slipway keys audit
                slipway keys audit --json
                slipway keys audit --record    # for cert revoke --where 'weakness=shared-factor'

                Every key of the store, certificates' and authorities': small moduli and \
                exponents, ROCA (CVE-2017-15361), primes too close (CVE-2022-26320), keys of more \
                than one certificate, and, by one batch GCD over all RSA keys, moduli that share \
                a prime. Reads the database itself. Exit code 2 where something was found.
                """)

        @Flag(help: "Keep what is found, so that certificates are selected by it")
        var record = false
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            var audit = KeyAudit()
            do throws(FleetError) {
                let scan = try await FleetScan.open(self.settings)
                try await audit.read(scan)
                await scan.store.close()
                try audit.findSharedFactors()
                if self.record { try await self.keep(audit.weaknesses) }
            } catch { throw Failure.exit(error) }
            if self.json {
                Terminal.say(audit.json)
            } else {
                for finding in audit.findings {
                    Terminal.say(
                        "\(finding.holder.id)  \(finding.defect.rawValue)  "
                            + "\(finding.holder.subject): \(finding.detail)")
                }
                Terminal.say(
                    "\(audit.keys) keys of \(audit.holders) certificates, \(audit.moduliCount) of "
                        + "them RSA; \(audit.findings.count) findings")
            }
            if !audit.findings.isEmpty { throw ExitCode(2) }
        }

        /// Findings that one request may carry.
        private static let findingsAtOnce = 1000

        private func keep(
            _ weaknesses: [PublicKeyFingerprint: KeyWeakness]
        ) async throws(FleetError) {
            guard !weaknesses.isEmpty else { return }
            let access = try await ControlAccess.open(self.settings)
            var rest = weaknesses.sorted { $0.key.rawValue < $1.key.rawValue }[...]
            while !rest.isEmpty {
                let findings = rest.prefix(Self.findingsAtOnce).map { finding -> JSONValue in
                    [
                        "key": .string(finding.key.rawValue),
                        "weakness": .string(finding.value.rawValue),
                    ]
                }
                rest = rest.dropFirst(Self.findingsAtOnce)
                _ = try await access.perform(
                    "NoteCertificateKeys", body: ["findings": .array(findings)])
            }
        }
    }
}

/// Every public key of a fleet, and what is wrong with it.
struct KeyAudit {
    enum Defect: String {
        case weak = "weak-key"
        case usedAgain = "key-used-again"
        case sharedFactor = "shared-factor"
    }

    /// A certificate or an authority.
    struct Holder {
        let id: String
        let subject: String
        /// A certificate that no thing has been registered with yet.
        var isPending = false
    }

    struct Finding {
        let holder: Holder
        let defect: Defect
        let detail: String
    }

    private(set) var findings: [Finding] = []
    /// What is worst of each key that is weak.
    private(set) var weaknesses: [PublicKeyFingerprint: KeyWeakness] = [:]
    private(set) var holders = 0
    private var holdersOfKey: [PublicKeyFingerprint: [Holder]] = [:]
    private var moduli: [(modulus: [UInt8], key: PublicKeyFingerprint)] = []

    var keys: Int { self.holdersOfKey.count }
    var moduliCount: Int { self.moduli.count }

    mutating func read(_ scan: FleetScan) async throws(FleetError) {
        var audit = self
        for authority in try await scan.store.authorities() {
            audit.add(try CertificateFacts(pem: authority.pem))
        }
        try await scan.certificates { certificate throws(FleetError) in
            audit.add(
                try CertificateFacts(pem: certificate.pem),
                isPending: certificate.status == .pendingActivation)
        }
        for (_, holders) in audit.holdersOfKey.sorted(by: { $0.key.rawValue < $1.key.rawValue })
        where holders.count > 1 {
            guard try await !Self.areOneDevice(holders, scan) else { continue }
            audit.findings += holders.map { holder in
                Finding(
                    holder: holder, defect: .usedAgain,
                    detail: "\(holders.count) certificates have its key")
            }
        }
        self = audit
    }

    /// A device may ask again with the key that it has: then all its certificates speak for one
    /// thing, or wait for one.
    private static func areOneDevice(
        _ holders: [Holder], _ scan: FleetScan
    ) async throws(FleetError) -> Bool {
        var things: Set<ThingName> = []
        for holder in holders {
            let id = try CertificateID(holder.id)
            things.formUnion(
                try await scan.store.load([.thingsOfCertificate(id)]).thingsOfCertificate(id)
                    .map(\.thing))
        }
        return things.count == 1 || things.isEmpty && holders.allSatisfy(\.isPending)
    }

    private mutating func add(_ facts: CertificateFacts, isPending: Bool = false) {
        let holder = Holder(
            id: facts.id.rawValue, subject: facts.subject, isPending: isPending)
        self.holders += 1
        let isNew = self.holdersOfKey[facts.publicKey] == nil
        self.holdersOfKey[facts.publicKey, default: []].append(holder)
        if let weakness = facts.keyWeakness {
            self.weaknesses[facts.publicKey] = weakness.kind
            self.findings.append(
                Finding(
                    holder: holder, defect: .weak,
                    detail: "\(weakness.kind.rawValue): \(weakness.reason)"))
        }
        if isNew, let modulus = facts.rsaModulus { self.moduli.append((modulus, facts.publicKey)) }
    }

    mutating func findSharedFactors() throws(FleetError) {
        var meter = ScanMeter()
        let what = "batch GCD over \(self.moduli.count) RSA keys"
        let affected = try SharedFactors.positions(in: self.moduli.map(\.modulus)) { done, total in
            meter.show(done, of: total, what)
        }
        meter.clear()
        for position in affected {
            self.weaknesses[self.moduli[position].key] = .sharedFactor
            for holder in self.holdersOfKey[self.moduli[position].key] ?? [] {
                self.findings.append(
                    Finding(
                        holder: holder, defect: .sharedFactor,
                        detail: "its RSA modulus shares a prime with another key: both private "
                            + "keys are public knowledge"))
            }
        }
    }

    var json: JSONValue {
        .object([
            "certificates": .int(self.holders), "keys": .int(self.keys),
            "rsaKeys": .int(self.moduli.count),
            "findings": .array(
                self.findings.map {
                    [
                        "certificateId": .string($0.holder.id),
                        "subject": .string($0.holder.subject),
                        "defect": .string($0.defect.rawValue),
                        "detail": .string($0.detail),
                    ]
                }),
        ])
    }
}
