package import Fleet

/// Every issuing authority's voice on who is revoked, retired ones included: what they issued still
/// lives. A list or an answer is signed by the authority that it speaks for.
package struct RevocationAuthorities: RevocationPublisher {
    package let all: [RevocationAuthority]

    /// - Throws: `FleetError.invalidRequest` without a single one.
    package init(_ all: [RevocationAuthority]) throws(FleetError) {
        guard !all.isEmpty else {
            throw FleetError(.invalidRequest, "there is no issuing CA")
        }
        self.all = all
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
        var speaker = self.all.first
        if self.all.count > 1, let certificates = StatusRequest(der: request)?.certificates {
            for certificate in certificates {
                guard let found = self.all.first(where: { $0.speaks(for: certificate) }) else {
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
