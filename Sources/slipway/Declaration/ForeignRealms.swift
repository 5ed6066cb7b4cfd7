import Fleet
import JSON

/// Whose ARNs declared policies and templates name: what is moved from another account allows
/// nothing in a service whose own ARNs have another region or account, and nothing else says so.
struct ForeignRealms {
    private static let prefix = "arn:aws:iot:"

    /// By `REGION:ACCOUNT`, how many resources name it.
    private var counts: [String: Int] = [:]

    mutating func add(_ resource: DeclaredResource) {
        guard resource.kind == .policy || resource.kind == .template else { return }
        self.add(text: JSONPrinter.print(.object(resource.state)))
    }

    /// - Parameter text: all of one resource's.
    mutating func add(text: String) {
        var found: Set<String> = []
        for rest in text.split(separator: Self.prefix, omittingEmptySubsequences: false).dropFirst()
        {
            let parts = rest.split(separator: ":", maxSplits: 2, omittingEmptySubsequences: false)
            // Wildcards and variables stand for any.
            guard parts.count == 3,
                let realm = try? Realm(region: String(parts[0]), account: String(parts[1]))
            else { continue }
            found.insert("\(realm.region):\(realm.account)")
        }
        for realm in found { self.counts[realm, default: 0] += 1 }
    }

    /// By `REGION:ACCOUNT`, how many resources name it.
    /// - Parameter own: the realm that is not told, in the same form.
    func others(than own: String) -> [(realm: String, count: Int)] {
        self.counts.sorted { $0.key < $1.key }.filter { $0.key != own }
            .map { (realm: $0.key, count: $0.value) }
    }

    /// What to say of them, one line for each other realm; nothing where the service does not tell
    /// its own.
    func notes(beside access: ControlAccess) async -> [String] {
        guard !self.counts.isEmpty,
            let status = try? await access.perform(ControlCall("DescribeService")),
            let region = status["region"]?.stringValue,
            let account = status["account"]?.stringValue
        else { return [] }
        let own = "\(region):\(account)"
        return self.others(than: own).map { realm, count in
            "note: \(count) policies and templates name \(Self.prefix)\(realm):…, and this "
                + "service's ARNs begin with \(Self.prefix)\(own): what they allow is allowed "
                + "nobody here until the settings realm.region and realm.account are those"
        }
    }
}
