import Fleet
import Provisioning
import Registry
import Synchronization
import TestSupport

/// An operator's own signer that answers what it is told to.
final class FakeSigner: CertificateSigner {
    private let outcome = Mutex<SigningOutcome>(.timedOut)
    private let asked = Mutex<[SigningQuestion]>([])

    var questions: [SigningQuestion] { self.asked.withLock { $0 } }

    func answer(_ outcome: SigningOutcome) { self.outcome.withLock { $0 = outcome } }

    func sign(_ question: SigningQuestion, by script: HookScript) async -> SigningOutcome {
        self.asked.withLock { $0.append(question) }
        return self.outcome.withLock { $0 }
    }
}

/// Reads certificates that are one line of text: `KEY|SUBJECT|ISSUER`, and `|CA` or `|old` behind
/// it. Whoever is called `liar` did not sign.
struct SignedInspector: CertificateInspector {
    func inspect(_ pem: String) throws(FleetError) -> InspectedCertificate {
        let parts = pem.split(separator: "|").map(String.init)
        guard parts.count >= 3 else {
            throw FleetError(.certificateValidation, "certificate: it is not one PEM block")
        }
        let isOld = parts.last == "old"
        return InspectedCertificate(
            id: CertificateID(sha256: FakeIssuer.digest(pem)), pem: pem, version: 3,
            serialNumber: "01", issuer: "CN=\(parts[2])", subject: "CN=\(parts[1])",
            subjectAttributes: [:], publicKey: FakeIssuer.fingerprint(Array(parts[0].utf8)),
            notBefore: ManualClock.start,
            notAfter: ManualClock.start.advanced(bySeconds: isOld ? -1 : 3600), subjectKeyID: nil,
            authorityKeyID: nil, isAuthority: parts.last == "CA")
    }

    func verify(_ pem: String, issuedBy authorityPEM: String) throws(FleetError) {
        guard pem.split(separator: "|").dropFirst(2).first != "liar" else {
            throw FleetError(.certificateValidation, "its signature does not verify")
        }
    }
}

extension ProvisioningFixture {
    static let provider = CertificateProviderName(checked: "factory")

    /// The account's certificate provider, and the webhook that it names.
    func putProvider(source: String = "{}") async throws {
        try await self.putHook("signer", source: source)
        let now = self.clock.now
        try await self.put([
            .putCertificateProvider(
                CertificateProvider(
                    name: Self.provider, target: "arn:aws:lambda:local:0:function:signer",
                    hook: HookName(checked: "signer"), clientToken: nil, createdAt: now,
                    lastModifiedAt: now))
        ])
    }
}
