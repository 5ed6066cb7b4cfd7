import ArgumentParser
import Fleet
import JSON

extension CertCommand {
    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke certificates; their live connections are dropped.",
            discussion: """
                slipway cert revoke ID --reason keyCompromise --note 'stolen from dock 4'
                slipway cert revoke ID --reason certificateHold    # cert activate takes it back
                slipway cert revoke --where 'claim=line-4 and issued between 14:05 and 15:30'
                # a preview; changes nothing. Times without a date are today's, in UTC
                slipway cert revoke --where 'claim=line-4 and lot=B7' --plan DIGEST

                Fields of --where: claim, line, station, lot, template, version, hook, issuer, \
                key, group, and 'issued between A and B', joined by ' and '. A revocation by \
                --where names the digest its preview printed, and does nothing where the set has \
                changed since. Broken off, the same command goes on where it was.

                Reasons (RFC 5280): unspecified, keyCompromise, cACompromise, \
                affiliationChanged, superseded, cessationOfOperation, certificateHold, \
                privilegeWithdrawn, aACompromise.
                """)

        @Argument(help: "Certificate ids: 64 hex digits each") var ids: [String] = []
        @Option(
            name: .customLong("where"),
            help: "By provenance: 'claim=line-4 and lot=B7', for example")
        var filter: String?
        @Option(help: "The digest that the preview printed") var plan: String?
        @Option(help: "Why, by RFC 5280") var reason = "unspecified"
        @Option(help: "Why, in your words, for the audit log") var note: String?
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func validate() throws {
            guard self.ids.isEmpty != (self.filter == nil) else {
                throw ValidationError("Name certificates by their ids, or by --where.")
            }
            guard self.plan == nil || self.filter != nil else {
                throw ValidationError("--plan belongs to --where.")
            }
        }

        func run() async throws {
            do throws(FleetError) {
                let reason = try RevocationReason(named: self.reason)
                var ids: [CertificateID] = []
                for id in self.ids { ids.append(try CertificateID(id)) }
                let access = try await ControlAccess.open(self.settings)
                guard let filter else {
                    return try await self.revoke(ids, reason, decision: nil, access)
                }
                let preview = try await access.perform(
                    "PlanRevocation", body: ["where": .string(filter)])
                guard let plan else { return try self.show(preview, filter) }
                let digest = preview["plan"]?.stringValue ?? ""
                let count = preview["count"]?.description ?? "?"
                guard digest == plan else {
                    throw FleetError(
                        .conflict,
                        "--where no longer reaches what the plan \(plan.clipped) showed, and "
                            + "nothing was revoked: it reaches \(count) "
                            + "certificates now; look at the preview again, and name \(digest)")
                }
                for id in preview["certificates"]?.arrayValue ?? [] {
                    ids.append(try CertificateID(id.stringValue ?? ""))
                }
                try await self.revoke(ids, reason, decision: digest, access)
            } catch { throw Failure.exit(error) }
        }

        /// One commit, and so one audit record, for each.
        private func revoke(
            _ ids: [CertificateID], _ reason: RevocationReason, decision: String?,
            _ access: ControlAccess
        ) async throws(FleetError) {
            let meter = CountMeter("revoking")
            defer { meter.clear() }
            var body: JSONObject = ["reason": .string(reason.rawValue)]
            if let note { body["note"] = .string(note) }
            if let decision { body["decision"] = .string(decision) }
            var changed = 0
            for (index, id) in ids.enumerated() {
                let answer = try await access.perform(
                    "RevokeCertificate", path: ["certificateId": id.rawValue],
                    body: .object(body))
                if answer["changed"]?.boolValue == true { changed += 1 }
                meter.show(index + 1, of: ids.count)
            }
            meter.clear()
            guard !self.json else {
                return Terminal.say(["count": .int(ids.count), "changed": .int(changed)])
            }
            let status = reason == .certificateHold ? "on hold (INACTIVE)" : "REVOKED"
            if ids.count == 1, let id = ids.first { return Terminal.say("\(id) is \(status)") }
            Terminal.say(
                "\(ids.count) certificates are \(status), \(changed) of them since now")
        }

        private func show(_ preview: JSONValue, _ filter: String) throws(FleetError) {
            guard preview["count"]?.description != "0" else {
                throw FleetError(
                    .notFound,
                    "--where reaches no certificate: 'slipway claim list' has the claims, and "
                        + "'slipway cert show ID' where one came from")
            }
            guard !self.json else { return Terminal.say(preview) }
            let rows = (preview.objectValue?.members ?? []).filter { $0.key != "certificates" }
                .map { member in [member.key, Details.text(member.value)] }
            for line in Terminal.table(rows) { Terminal.say(line) }
            Terminal.say(
                "Nothing is revoked yet. To revoke these: slipway cert revoke --where '\(filter)' "
                    + "--plan \(preview["plan"]?.stringValue ?? "")")
        }
    }
}
