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
                key, weakness, group, kind, and 'issued between A and B', joined by ' and '; \
                'slipway cert list --where' has the same. A revocation by --where names the digest \
                its preview printed, and does nothing where the set has changed since. Broken off, \
                the same command goes on where it was.

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
                    return try await self.revoke(ids, reason, access)
                }
                guard let plan else {
                    let preview = try await access.perform(
                        "PlanRevocation", body: ["where": .string(filter)])
                    return try self.show(preview, filter)
                }
                try await self.carryOut(plan, filter, reason, access)
            } catch { throw Failure.exit(error) }
        }

        /// One commit, and so one audit record, for each.
        private func revoke(
            _ ids: [CertificateID], _ reason: RevocationReason, _ access: ControlAccess
        ) async throws(FleetError) {
            let meter = CountMeter("revoking")
            defer { meter.clear() }
            var body: JSONObject = ["reason": .string(reason.rawValue)]
            if let note { body["note"] = .string(note) }
            var changed = 0
            for (index, id) in ids.enumerated() {
                let answer = try await access.perform(
                    "RevokeCertificate", path: ["certificateId": id.rawValue],
                    body: .object(body))
                if answer["changed"]?.boolValue == true { changed += 1 }
                meter.show(index + 1, of: ids.count)
            }
            meter.clear()
            self.tell(ids.count, changed, of: ids.first, reason)
            guard reason == .keyCompromise, !self.json else { return }
            for id in ids { await self.tellOfTheSameKey(as: id, access) }
        }

        /// A key that a stranger has is his in every certificate, such as that of a renewal which
        /// kept it. Whoever may not look is not told; what was asked for is done.
        private func tellOfTheSameKey(as id: CertificateID, _ access: ControlAccess) async {
            let certificate = try? await access.perform(
                "DescribeCertificateRecord", path: ["certificateId": id.rawValue])
            guard let key = certificate?["publicKeySHA256"]?.stringValue,
                let others = try? await access.perform(
                    "PlanRevocation", body: ["where": .string("key=\(key)")])
            else { return }
            let count =
                (others["count"]?.intValue ?? 0) - (others["revokedAlready"]?.intValue ?? 0)
            guard count > 0 else { return }
            Terminal.say(
                "\(count) more of the same key \(count == 1 ? "is" : "are") not revoked: "
                    + "slipway cert revoke --where 'key=\(key)' --reason keyCompromise")
        }

        /// Stage by stage; where it is broken off, the same command goes on.
        private func carryOut(
            _ plan: String, _ filter: String, _ reason: RevocationReason, _ access: ControlAccess
        ) async throws(FleetError) {
            let meter = CountMeter("revoking")
            defer { meter.clear() }
            var body: JSONObject = [
                "where": .string(filter), "plan": .string(plan),
                "reason": .string(reason.rawValue),
            ]
            if let note { body["note"] = .string(note) }
            var (count, done, changed) = (0, 0, 0)
            repeat {
                body["from"] = .int(done)
                let answer = try await access.perform("CarryOutRevocation", body: .object(body))
                guard let total = answer["count"]?.intValue,
                    let next = answer["done"]?.intValue, next > done || next == total
                else { throw FleetError(.internalFailure, "the service did not say how far it is") }
                (count, done) = (total, next)
                changed += answer["changed"]?.intValue ?? 0
                meter.show(done, of: count)
            } while done < count
            meter.clear()
            self.tell(count, changed, of: nil, reason)
        }

        private func tell(
            _ count: Int, _ changed: Int, of id: CertificateID?, _ reason: RevocationReason
        ) {
            guard !self.json else {
                return Terminal.say(["count": .int(count), "changed": .int(changed)])
            }
            let status = reason == .certificateHold ? "on hold (INACTIVE)" : "REVOKED"
            if count == 1, let id {
                let isNew = changed > 0
                return Terminal.say(
                    "\(id) is \(status)" + (isNew ? "" : " already; the first reason stays"))
            }
            Terminal.say("\(count) certificates are \(status), \(changed) of them since now")
        }

        private func show(_ preview: JSONValue, _ filter: String) throws(FleetError) {
            guard preview["count"]?.description != "0" else {
                throw FleetError(
                    .notFound,
                    "--where reaches no certificate: 'slipway claim list' has the claims, 'slipway "
                        + "cert show ID' where one came from, and 'slipway keys audit --record' "
                        + "finds weaknesses")
            }
            guard !self.json else { return Terminal.say(preview) }
            let rows = (preview.objectValue?.members ?? []).filter { $0.key != "certificates" }
                .map { member in [member.key, Details.text(member.value)] }
            for line in Terminal.table(rows) { Terminal.say(line) }
            guard preview["revokedAlready"] != preview["count"] else {
                return Terminal.say("All of these are revoked already.")
            }
            Terminal.say(
                "Nothing is revoked yet. To revoke these: slipway cert revoke --where '\(filter)' "
                    + "--plan \(preview["plan"]?.stringValue ?? "")")
        }
    }
}
