import ArgumentParser
import CertificateAuthority
import Fleet
import Foundation
import JSON

extension CertCommand {
    struct Lint: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Run the linter that stands before the signer over certificates.",
            discussion: """
                slipway cert lint
                slipway cert lint pki/gateway.pem device.pem
                slipway cert lint device.pem --issuer pki/issuing-ca.pem

                Without files, over the whole store: this service's own authorities, and whatever \
                they signed. Exit code 2 where a certificate breaks a rule.
                """)

        @Argument(help: "PEM files, of one certificate or a chain") var files: [String] = []
        @Option(help: "The issuer's PEM file; else the store's authorities are asked")
        var issuer: String?
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            var report = LintReport()
            do throws(FleetError) {
                if self.files.isEmpty {
                    try await report.examine(try await FleetScan.open(self.settings))
                } else {
                    try await self.examineFiles(&report)
                }
            } catch { throw Failure.exit(error) }
            if self.json {
                Terminal.say(report.json)
            } else {
                for finding in report.findings {
                    Terminal.say("\(finding.place): \(finding.rule)")
                }
                Terminal.say(
                    "\(report.examined) certificates, \(report.findings.count) findings")
            }
            if !report.findings.isEmpty { throw ExitCode(2) }
        }

        private func examineFiles(_ report: inout LintReport) async throws(FleetError) {
            var authorities: [CertificateFacts] = []
            if let issuer {
                authorities = [try PrivateFile.certificate(issuer, as: "the issuer's certificate")]
            } else {
                for authority in try await FleetScan.open(self.settings).store.authorities() {
                    authorities.append(try CertificateFacts(pem: authority.pem))
                }
            }
            for file in self.files {
                let chain = try CertificateFile.read(file)
                for (index, facts) in chain.enumerated() {
                    let issuer = (authorities + chain).first { facts.isSigned(by: $0) }
                    report.add(
                        facts, issuer, as: index == 0 ? file : "\(file), number \(index + 1)")
                }
            }
        }
    }
}

/// What a linter's run came to.
struct LintReport {
    struct Finding {
        let place: String
        let rule: String
    }

    private(set) var examined = 0
    private(set) var findings: [Finding] = []

    mutating func add(
        _ certificate: CertificateFacts, _ issuer: CertificateFacts?, as place: String
    ) {
        self.examined += 1
        let rules =
            issuer.map { CertificateLint.findings(in: certificate, issuedBy: $0) }
            ?? ["no authority that is known here signed it"]
        self.findings += rules.map { Finding(place: place, rule: $0) }
    }

    /// Everything that this service's own authorities signed. What others signed follows rules of
    /// their own.
    mutating func examine(_ scan: FleetScan) async throws(FleetError) {
        var own: [CertificateID: CertificateFacts] = [:]
        for authority in try await scan.store.authorities() where authority.role != .registered {
            own[authority.id] = try CertificateFacts(pem: authority.pem)
        }
        for (id, facts) in own.sorted(by: { $0.key.rawValue < $1.key.rawValue }) {
            self.add(facts, own.values.first { facts.isSigned(by: $0) }, as: id.rawValue)
        }
        var report = self
        try await scan.certificates { certificate throws(FleetError) in
            guard let issuer = certificate.issuerID.flatMap({ own[$0] }) else { return }
            report.add(
                try CertificateFacts(pem: certificate.pem), issuer, as: certificate.id.rawValue)
        }
        self = report
    }

    var json: JSONValue {
        .object([
            "certificates": .int(self.examined),
            "findings": .array(
                self.findings.map { ["place": .string($0.place), "rule": .string($0.rule)] }),
        ])
    }
}
