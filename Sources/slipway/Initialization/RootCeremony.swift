import CertificateAuthority
import Crypto
import Fleet
import Foundation
import JSON

/// What a ceremony is to make, as its file has it: reviewed beforehand, and followed to the letter.
struct CeremonyFile: Sendable {
    struct Item: Sendable {
        let order: AuthorityOrder
        let isRoot: Bool
    }

    private static let witnessesMax = 16
    private static let authoritiesMax = 16

    let title: String
    let witnesses: [String]
    /// The root first.
    let items: [Item]
    /// SHA-256 of the file, hex.
    let digest: String

    /// - Throws: `FleetError.invalidRequest` saying what is wrong, and where.
    init(_ bytes: [UInt8], profiles: CertificateProfiles) throws(FleetError) {
        let value: JSONValue
        do throws(YAMLError) { value = try YAMLReader.parse(bytes) } catch {
            throw FleetError(.invalidRequest, "\(error)")
        }
        let fields = try ProfileFields(
            value, at: "", allowing: ["ceremony", "witnesses", "root", "authorities"])
        guard let title = try fields.text("ceremony") else {
            throw FleetError(.invalidRequest, "ceremony: its title is missing")
        }
        self.title = title
        self.witnesses = try fields.texts("witnesses", max: Self.witnessesMax) ?? []
        guard let root = fields.value("root"), let list = fields.value("authorities")?.arrayValue,
            (1...Self.authoritiesMax).contains(list.count)
        else {
            throw FleetError(
                .invalidRequest,
                "it needs a root, and authorities: a list of 1 to \(Self.authoritiesMax)")
        }
        var items = [
            Item(
                order: try Self.order(
                    root, at: "root", of: .rootAuthority, name: "root-ca"), isRoot: true)
        ]
        for (index, item) in list.enumerated() {
            items.append(
                Item(
                    order: try Self.order(
                        item, at: "authorities, number \(index + 1)", of: profiles.authority,
                        name: nil), isRoot: false))
        }
        self.items = items
        self.digest = SHA256.hash(data: bytes).hex
    }

    private static func order(
        _ value: JSONValue, at place: String, of base: CertificateProfile, name: String?
    ) throws(FleetError) -> AuthorityOrder {
        let isRoot = name != nil
        let fields = try ProfileFields(
            value, at: place,
            allowing: ["subject", "key", "validity"]
                + (isRoot ? [] : ["name", "for", "from", "name-constraints"]))
        guard let subject = try fields.text("subject"), let key = try fields.text("key"),
            let validity = try fields.text("validity"),
            let name = isRoot ? name : try fields.text("name")
        else {
            throw FleetError(
                .invalidRequest,
                "\(place): subject, key and validity are said in full"
                    + (isRoot ? "" : ", and a name"))
        }
        try AuthorityManifest.check(name: name)
        var profile = base
        profile.subject = try fields.at("subject") { () throws(FleetError) in
            try SubjectName(parsing: subject)
        }
        profile.hasNoEnd = validity == "none"
        // A reviewed file means what it says; nothing is cut short behind it.
        profile.pastIssuer = .refuse
        if !profile.hasNoEnd {
            profile.validitySeconds = try ProfileFile.seconds(validity, "\(place), validity")
        }
        if let texts = try fields.texts("name-constraints", max: NameConstraints.subtreesMax) {
            profile.nameConstraints = try fields.at("name-constraints") { () throws(FleetError) in
                try NameConstraints(parsing: texts)
            }
        }
        var order = AuthorityOrder(
            name: name, profile: profile)
        if key.contains(":") {
            order.keyURI = try fields.at("key") { () throws(FleetError) in try KeyURI(key) }
        } else {
            order.key = try fields.choice(key, "key", among: AuthorityKeyKind.allCases)
        }
        order.uses = try fields.at("for") { () throws(FleetError) in
            try Set<AuthorityUse>(
                words: try fields.texts("for", max: AuthorityUse.allCases.count) ?? [])
        }
        order.begin = try fields.text("from").map { text throws(FleetError) in
            try AuthorityManifest.time(text)
        }
        return order
    }
}

/// Makes a root and its issuing CAs by a file, and keeps a record of every step with its hashes.
struct RootCeremony: Sendable {
    let file: CeremonyFile
    let workshop: AuthorityWorkshop
    let isRehearsal: Bool

    /// - Throws: `FleetError.alreadyExists` where authorities are there already: a ceremony founds.
    /// - Returns: the transcript.
    func run() throws(FleetError) -> JSONValue {
        guard self.workshop.folder.isUnfounded else {
            throw FleetError(
                .alreadyExists,
                "'\(self.workshop.folder.installation.pki)' has authorities already: a ceremony "
                    + "founds a folder that has none")
        }
        let begin = self.workshop.clock.now
        var steps: [JSONValue] = []
        var root: CertificateFacts?
        for item in self.file.items {
            var order = item.order
            // A rehearsal has keys of its own, and those on tokens are not for practising.
            if self.isRehearsal { order.keyURI = nil }
            let made =
                item.isRoot ? try self.workshop.makeRoot(order) : try self.workshop.create(order)
            steps.append(try self.step(item, made, issuer: root ?? made))
            if item.isRoot { root = made }
        }
        return .object([
            "ceremony": .string(self.file.title), "rehearsal": .bool(self.isRehearsal),
            "program": .string(Slipway.versionText),
            "ceremonyFileSHA256": .string(self.file.digest),
            "witnesses": .array(self.file.witnesses.map { .string($0) }),
            "begin": .string(begin.description),
            "end": .string(self.workshop.clock.now.description), "steps": .array(steps),
            "listSHA256": .string(
                try Self.digest(self.workshop.folder.installation.authorities)),
        ])
    }

    private func step(
        _ item: CeremonyFile.Item, _ made: CertificateFacts, issuer: CertificateFacts
    ) throws(FleetError) -> JSONValue {
        let installation = self.workshop.folder.installation
        let order = item.order
        let findings = CertificateLint.findings(in: made, issuedBy: issuer)
        var files: JSONObject = [
            "\(order.name).pem": .string(
                try Self.digest(installation.authorityCertificate(order.name)))
        ]
        if order.keyURI == nil || self.isRehearsal {
            files["\(order.name).key"] = .string(
                try Self.digest(installation.authorityKey(order.name)))
        }
        return .object([
            "made": .string(item.isRoot ? "root" : "issuing"), "name": .string(order.name),
            "subject": .string(made.subject),
            "keyType": .string(order.keyURI?.text ?? order.key.rawValue),
            "for": .array(order.uses.words.map { .string($0) }),
            "notBefore": .string(made.notBefore.description),
            "notAfter": .string(made.notAfter.description),
            "serialNumber": .string(made.serialNumber),
            "certificateSHA256": .string(made.id.rawValue),
            "publicKeySHA256": .string(made.publicKey.rawValue),
            "issuerSHA256": .string(issuer.id.rawValue),
            "files": .object(files),
            "lint": .array(findings.map { .string($0) }),
        ])
    }

    private static func digest(_ path: String) throws(FleetError) -> String {
        SHA256.hash(data: try PrivateFile.read(path, as: "the file")).hex
    }
}
