import Fleet
import Logging
import SQLiteStorage

extension Composition {
    /// Policies that are looked at, the oldest: a realm that was changed speaks out of the first.
    private static let policiesLookedAt = 100

    /// For a service whose region or account became another after policies were stored: they allow
    /// nothing any more, so that no claim and no device is let in, and no single refusal says why.
    func warnOfOtherRealms() async {
        let query = ListQuery(.policiesByCreation(.ascending), limit: Self.policiesLookedAt)
        guard let page = try? await self.store.page(query) else { return }
        var realms = ForeignRealms()
        for case .policy(let policy) in page.records {
            if let version = policy.defaultVersion { realms.add(text: version.document) }
        }
        let own = "\(self.realm.region):\(self.realm.account)"
        for other in realms.others(than: own) {
            self.logger.warning(
                "policies name another realm and allow nobody here: set what it was",
                metadata: [
                    "policies": "\(other.count)", "name": "\(other.realm)",
                    "realm": "\(own)", "settings": "realm.region, realm.account",
                ])
        }
    }
}
