package import Fleet
import Synchronization

/// Every issuing authority's voice on who is revoked, retired ones included: what they issued still
/// lives. A list or an answer is signed by the authority that it speaks for.
package final class RevocationAuthorities: RevocationPublisher {
    private let present: Mutex<[RevocationAuthority]>

    /// - Throws: `FleetError.invalidRequest` without a single one.
    package init(_ all: [RevocationAuthority]) throws(FleetError) {
        guard !all.isEmpty else {
            throw FleetError(.invalidRequest, "there is no issuing CA")
        }
        self.present = Mutex(all)
    }

    package var all: [RevocationAuthority] { self.present.withLock { $0 } }

    /// Speaks for these from now on. Whoever was here before keeps what it has signed.
    /// - Throws: `FleetError.invalidRequest` without a single one.
    package func use(
        _ issuers: [CertificateID],
        make: (CertificateID) throws(FleetError) -> RevocationAuthority
    ) throws(FleetError) {
        guard !issuers.isEmpty else {
            throw FleetError(.invalidRequest, "there is no issuing CA")
        }
        let known = self.all
        var next: [RevocationAuthority] = []
        for id in issuers {
            if let voice = known.first(where: { $0.issuerID == id }) {
                next.append(voice)
            } else {
                next.append(try make(id))
            }
        }
        let all = next
        self.present.withLock { $0 = all }
    }

    /// A revocation was committed.
    package func note() async {
        for authority in self.all { await authority.note() }
    }

    package func list(named name: String) async throws(FleetError) -> PublishedStatement? {
        for authority in self.all {
            if let list = try await authority.list(named: name) { return list }
        }
        return nil
    }

    package func authority(named name: String) -> [UInt8]? {
        self.all.lazy.compactMap { $0.authority(named: name) }.first
    }

    /// By whoever issued the first of the certificates that the request asks after and that is
    /// anybody's here. Of another's in the same request that one says `unknown` (RFC 6960 2.2).
    package func answer(ocsp request: [UInt8]) async -> PublishedStatement {
        let all = self.all
        var speaker = all.first
        if all.count > 1, let certificates = StatusRequest(der: request)?.certificates {
            for certificate in certificates {
                guard let found = all.first(where: { $0.speaks(for: certificate) }) else {
                    continue
                }
                speaker = found
                break
            }
        }
        // `init` saw to it that there is one.
        guard let speaker else {
            return PublishedStatement(
                der: StatusAnswer.Failure.internalError.der, thisUpdate: nil, nextUpdate: nil)
        }
        return await speaker.answer(ocsp: request)
    }
}
