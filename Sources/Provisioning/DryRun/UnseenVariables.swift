import Fleet

/// What policies read of a connection and nobody can know before there is one. It counts as absent,
/// and whoever is told what a policy decides is told that too.
struct UnseenVariables {
    private struct Doubt {
        /// In lower case, as names of keys are compared.
        let reads: [String]
        let what: String
        var why = ""
    }

    private let doubts: [Doubt]

    init(hasAddress: Bool, hasSubject: Bool, hasIssuer: Bool) {
        var doubts = [
            Doubt(
                reads: ["iot:domainname"],
                what: "the server name that a device asks for (iot:DomainName)"),
            Doubt(
                reads: ["iot:connectattributes", "iot:lastwilltopic"],
                what: "persistent sessions and wills (iot:ConnectAttributes, iot:LastWillTopic)",
                why: ": a connection here has neither"),
        ]
        if !hasAddress {
            doubts.append(
                Doubt(
                    reads: ["aws:sourceip"],
                    what: "the address that a device connects from (aws:SourceIp)",
                    why: ": there is none (--source-address)"))
        }
        if !hasSubject {
            doubts.append(
                Doubt(
                    reads: ["iot:certificate."],
                    what: "the certificate's fields (iot:Certificate…)",
                    why: ": there is no signing request (--csr) and no subject (--subject)"))
        } else {
            let issuer = hasIssuer ? [] : ["iot:certificate.issuer."]
            doubts.append(
                Doubt(
                    reads: [
                        "iot:certificate.serialnumber", ".alternativename.",
                        "iot:certificate.availablekeys",
                    ] + issuer,
                    what: "what is not known of the certificate beforehand (iot:Certificate…)"))
        }
        self.doubts = doubts
    }

    /// A sentence for each kind of thing that a policy reads and that is not there.
    func doubts(of policies: [Policy]) -> [String] {
        let texts = policies.compactMap { policy in
            policy.defaultVersion.map { (policy.name, $0.document.lowercased()) }
        }
        return self.doubts.compactMap { doubt in
            let readers = texts.compactMap { name, text in
                doubt.reads.contains { text.contains($0) } ? "'\(name)'" : nil
            }
            guard !readers.isEmpty else { return nil }
            return "what policies make of \(doubt.what), which "
                + readers.joined(separator: ", ") + " read" + doubt.why
        }
    }
}
