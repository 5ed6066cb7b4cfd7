package import Fleet

/// Certificates as a profile makes them, signed by authorities that exist for nothing else and are
/// gone with this value: to be looked at before the first device gets one.
package struct ProfileSamples: ~Copyable {
    /// RSA keys take long; a handful serves all samples.
    private static let slowKeysMax = 4
    /// Samples that each kind of issuer signs before the quick ones sign the rest.
    private static let eachKindMax = 20
    private static let standardKeyTypes = ["EC-P256", "EC-P256", "EC-P384", "RSA-2048"]

    /// A class, since an array holds no value that cannot be copied.
    private final class Held {
        let authority: SigningAuthority
        init(_ authority: consuming SigningAuthority) { self.authority = authority }
    }

    private let root: Held
    /// One of each kind of key.
    private let issuing: [Held]
    private let now: UnixTime
    private let entropy: any Entropy
    private var slowKeys: [String: [SubjectKey]] = [:]

    package init(at now: UnixTime, entropy: any Entropy) throws(FleetError) {
        var profile = CertificateProfile.rootAuthority
        profile.hasNoEnd = true
        let key: SigningKey
        do { key = try SigningKey() } catch { throw error.asFleetError }
        let root = Held(
            try SigningAuthority(founding: profile, key: key, at: now, entropy: entropy))
        var issuing: [Held] = []
        for kind in AuthorityKeyKind.allCases {
            var profile = CertificateProfile.issuingAuthority
            profile.hasNoEnd = true
            profile.subject = try SubjectName([.init(.commonName, "Sample CA \(kind.rawValue)")])
            let key: SigningKey
            do { key = try SigningKey(kind) } catch { throw error.asFleetError }
            let issued = try root.authority.sign(
                root.authority.prepare(
                    profile, subject: nil, key: key.publicKey, at: now, entropy: entropy))
            issuing.append(
                Held(
                    try SigningAuthority(
                        certificate: try CertificateFacts(pem: issued.pem), key: key)))
        }
        self.root = root
        self.issuing = issuing
        self.now = now
        self.entropy = entropy
    }

    /// The root and the issuing CAs, in PEM.
    package var authorities: String {
        ([self.root] + self.issuing).map { $0.authority.certificate.pem }.joined()
    }

    /// Number `index` of the profile's samples: keys, subjects and issuers vary with it.
    package mutating func certificate(
        _ profile: CertificateProfile, index: Int
    ) throws(FleetError) -> String {
        let key = try self.key(profile, index)
        let signer = profile.role.signer == .root ? self.root : self.issuer(index)
        let full = try Self.subject(index)
        do throws(FleetError) {
            return try self.sign(
                profile, index.isMultiple(of: 2) ? full : try Self.plainSubject(index), key,
                under: signer)
        } catch {
            // The profile takes more from a subject than a plain one has.
            guard error.code == .invalidCSR, !index.isMultiple(of: 2) else { throw error }
            return try self.sign(profile, full, key, under: signer)
        }
    }

    /// Every kind signs some; most are of those that sign in no time.
    private func issuer(_ index: Int) -> Held {
        let everyKind = Self.eachKindMax * self.issuing.count
        // P-256 and P-384 come first.
        return self.issuing[index % (index < everyKind ? self.issuing.count : 2)]
    }

    private func sign(
        _ profile: CertificateProfile, _ subject: SubjectName, _ key: SubjectKey,
        under signer: Held
    ) throws(FleetError) -> String {
        try signer.authority.sign(
            signer.authority.prepare(
                profile, subject: profile.takesRequestedSubject ? subject : nil, key: key,
                at: self.now, entropy: self.entropy)
        ).pem
    }

    private static func plainSubject(_ index: Int) throws(FleetError) -> SubjectName {
        try SubjectName([.init(.commonName, "sample-\(index)")])
    }

    /// Every attribute there is, letters beyond ASCII among them.
    private static func subject(_ index: Int) throws(FleetError) -> SubjectName {
        try SubjectName([
            .init(.country, "DE"), .init(.stateOrProvince, "Bayern"), .init(.locality, "München"),
            .init(.organization, "Pumpen & Söhne"), .init(.organizationalUnit, "Werk 3"),
            .init(.commonName, "sample-\(index)"), .init(.serialNumber, "SN-\(index)"),
        ])
    }

    private mutating func key(
        _ profile: CertificateProfile, _ index: Int
    ) throws(FleetError) -> SubjectKey {
        let types = profile.keyTypes.isEmpty ? Self.standardKeyTypes : profile.keyTypes
        let type = types[index % types.count]
        let kind: AuthorityKeyKind? =
            switch type {
            case "EC-P256": .p256
            case "EC-P384": .p384
            case "RSA-3072": .rsa3072
            case "RSA-4096": .rsa4096
            case "Ed25519": .ed25519
            default: nil
            }
        let isSlow = type.hasPrefix("RSA")
        if isSlow, let keys = self.slowKeys[type], keys.count == Self.slowKeysMax {
            return keys[index / types.count % keys.count]
        }
        let key: SubjectKey
        if let kind {
            do { key = try SigningKey(kind).publicKey } catch { throw error.asFleetError }
        } else {
            let pair = try KeyPairMaker.make(type == "RSA-2048" ? .rsa2048 : .p256)
            key = try SubjectKey(der: pair.publicKey, rules: KeyRules())
        }
        if isSlow { self.slowKeys[type, default: []].append(key) }
        return key
    }
}
