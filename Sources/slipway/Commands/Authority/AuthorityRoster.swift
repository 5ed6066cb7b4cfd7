import CertificateAuthority
import Fleet
import JSON

/// What each of this service's own authorities does at one moment, as the list in `pki/` has it.
struct AuthorityRoster {
    struct Use {
        let name: String
        /// What it signs now.
        let current: Set<AuthorityUse>
        let entry: AuthorityManifest.Entry

        var text: String {
            if let end = self.entry.retiredAt { return "retired \(end)" }
            if !self.current.isEmpty { return self.current.words.joined(separator: ",") }
            if let begin = self.entry.begin, !self.entry.uses.isEmpty {
                return "\(self.entry.uses.words.joined(separator: ",")) from \(begin)"
            }
            return "-"
        }
    }

    private let uses: [CertificateID: Use]

    /// - Throws: `FleetError` where the list or a certificate in it cannot be read.
    init(_ installation: Installation, at now: UnixTime) throws(FleetError) {
        let folder = AuthorityFolder(installation: installation)
        let manifest = try folder.manifest()
        var uses: [CertificateID: Use] = [:]
        let rota = try folder.rota(manifest)
        for entry in manifest.roots + manifest.issuing {
            let current = entry.uses.filter { use in
                rota.current(for: use, at: now)?.name == entry.name
            }
            uses[try folder.certificate(entry).id] = Use(
                name: entry.name, current: current, entry: entry)
        }
        self.uses = uses
    }

    /// nil for customers' authorities.
    func use(of id: CertificateID) -> Use? { self.uses[id] }

    func id(of name: String) -> CertificateID? {
        self.uses.first { $0.value.name == name }?.key
    }

    /// Name and URI of each key that is on a token, by name.
    var keysOnTokens: [(name: String, uri: KeyURI)] {
        self.uses.values.compactMap { use in
            use.entry.keyURI.map { (name: use.name, uri: $0) }
        }.sorted { $0.name < $1.name }
    }

    func current(_ use: AuthorityUse) -> Use? {
        self.uses.values.first { $0.current.contains(use) }
    }

    func json(_ authority: Authority) -> JSONValue {
        let use = self.use(of: authority.id)
        var object: JSONObject = [
            "id": .string(authority.id.rawValue), "role": .string(authority.role.rawValue),
            "status": .string(authority.status.rawValue),
            "signs": .bool(use.map { !$0.current.isEmpty } ?? false),
        ]
        if let use {
            object["name"] = .string(use.name)
            object["signsNow"] = .array(use.current.words.map { .string($0) })
            object["for"] = .array(use.entry.uses.words.map { .string($0) })
            if let begin = use.entry.begin { object["from"] = .string(begin.description) }
            if let name = use.entry.replaces { object["replaces"] = .string(name) }
            if let end = use.entry.retiredAt { object["retired"] = .string(end.description) }
            if let uri = use.entry.keyURI { object["key"] = .string(uri.text) }
        }
        object["subject"] = .string(authority.subject)
        object["publicKeySHA256"] = .string(authority.publicKey.rawValue)
        object["notBefore"] = .string(authority.notBefore.description)
        object["notAfter"] = .string(authority.notAfter.description)
        object["createdAt"] = .string(authority.createdAt.description)
        object["certificatePem"] = .string(authority.pem)
        return .object(object)
    }
}
