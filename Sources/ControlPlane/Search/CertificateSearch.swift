import Fleet
import Registry

/// `--where` of certificates, answered page by page.
struct CertificateSearch {
    private let filters: [CertificateFilter]
    private let store: any FleetStore

    init(
        _ query: CertificateQuery, _ services: ControlPlaneServices
    ) async throws(FleetError) {
        self.store = services.store
        var claims: [String: [CertificateID]] = [:]
        for line in query.lines where claims[line] == nil {
            let key = RecordKey.certificatesOfClaim(ClaimName(checked: line))
            guard case .certificates(let ids)? = try await self.store.load([key]).entry(key)?.record
            else { continue }
            claims[line] = ids
        }
        self.filters = query.filters(claims: claims)
    }

    /// - Parameter place: where the page before ended: which filter, and the place in its list.
    func page(
        after place: String?, limit: Int
    ) async throws(FleetError) -> (certificates: [Certificate], next: String?) {
        var (index, after): (Int, String?) = (0, nil)
        if let place {
            let parts = place.split(
                separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
            guard parts.count == 2, let number = Int(parts[0]), number >= 0 else {
                throw FleetError(.invalidRequest, "'\(place.clipped)' is no place in this list")
            }
            (index, after) = (number, parts[1].isEmpty ? nil : String(parts[1]))
        }
        guard index < self.filters.count else { return ([], nil) }
        let page = try await self.store.page(
            ListQuery(.certificatesWhere(self.filters[index]), after: after, limit: limit))
        let certificates = page.records.compactMap { record -> Certificate? in
            if case .certificate(let certificate) = record { certificate } else { nil }
        }
        if let next = page.next { return (certificates, "\(index).\(next)") }
        let isLast = index + 1 == self.filters.count
        return (certificates, isLast ? nil : "\(index + 1).")
    }

    /// Hands out all of them, a page at a time. A certificate may come more than once.
    func everyPage(
        _ take: ([Certificate]) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        var place: String?
        repeat {
            let page = try await self.page(after: place, limit: ListQuery.limitMax)
            try await take(page.certificates)
            place = page.next
        } while place != nil
    }
}
