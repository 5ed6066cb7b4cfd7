import Fleet
import JSON
import Policies

/// A claim's terms as an answer says them.
enum ClaimShape {
    static func json(_ terms: ClaimTerms, spent: Int) -> JSONObject {
        func text(_ text: String?) -> JSONValue? { text.map { .string($0) } }
        func texts(_ texts: [String]) -> JSONValue? {
            texts.isEmpty ? .none : .some(.array(texts.map { .string($0) }))
        }
        return .present(
            ("name", .string(terms.name.rawValue)), ("status", .string(terms.status.rawValue)),
            ("statusReason", text(terms.statusReason)),
            ("statusChangedAt", .string(terms.statusChangedAt.description)),
            ("spent", .int(spent)), ("budget", terms.budget.map { .int($0) }),
            ("remaining", terms.budget.map { .int(max(0, $0 - spent)) }),
            ("templates", terms.templates.map { .array($0.map { .string($0.rawValue) }) }),
            ("registrationsPerUnit", .int(terms.registrationsPerUnit)),
            ("pendingMax", .int(terms.pendingMax)),
            ("perMinute", terms.perMinute.map { .int($0) }),
            ("notBefore", text(terms.notBefore?.description)),
            ("notAfter", text(terms.notAfter?.description)), ("networks", texts(terms.networks)),
            ("serials", text(terms.serials?.description)),
            ("shifts", texts(terms.shifts.map(\.description))),
            ("station", text(terms.station)), ("lot", text(terms.lot)),
            ("createdAt", .string(terms.createdAt.description)),
            ("createdBy", text(terms.createdBy)))
    }
}

/// The terms that a request names: what it leaves out stays, and null takes a bound away.
struct ClaimTermsBody: Sendable {
    private let members: RequestMembers
    /// Those that are named.
    private(set) var templates: [TemplateName]?

    init(_ request: OperationRequest) throws(FleetError) {
        self.members = request.members
        // Read once for its errors: they come before a key is made, and before the claim is read.
        var trial = ClaimTerms(
            name: ClaimName(checked: "trial"), createdAt: UnixTime(milliseconds: 0))
        try self.apply(to: &trial)
        self.templates = trial.templates
    }

    private func names(_ member: String) -> Bool { self.members.object[member] != nil }

    func apply(to terms: inout ClaimTerms) throws(FleetError) {
        if self.names("templates") {
            terms.templates = try self.members.texts("templates").map { names throws(FleetError) in
                var templates: [TemplateName] = []
                for name in names { templates.append(try TemplateName(name)) }
                return templates
            }
        }
        if self.names("budget") { terms.budget = try self.members.optionalInteger("budget") }
        if self.names("registrationsPerUnit") {
            terms.registrationsPerUnit =
                try self.members.optionalInteger("registrationsPerUnit")
                ?? ClaimTerms.registrationsPerUnitDefault
        }
        if self.names("pendingMax") {
            terms.pendingMax =
                try self.members.optionalInteger("pendingMax") ?? ClaimTerms.pendingDefault
        }
        if self.names("perMinute") {
            terms.perMinute = try self.members.optionalInteger("perMinute")
        }
        if self.names("notBefore") { terms.notBefore = try self.time("notBefore") }
        if self.names("notAfter") { terms.notAfter = try self.time("notAfter") }
        if self.names("networks") { terms.networks = try self.members.texts("networks") ?? [] }
        if self.names("serials") {
            terms.serials = try self.members.optionalText("serials").map {
                text throws(FleetError) in try SerialRange(text)
            }
        }
        if self.names("shifts") {
            var shifts: [Shift] = []
            for text in try self.members.texts("shifts") ?? [] { shifts.append(try Shift(text)) }
            terms.shifts = shifts
        }
        if self.names("station") { terms.station = try self.members.optionalText("station") }
        if self.names("lot") { terms.lot = try self.members.optionalText("lot") }
    }

    private func time(_ member: String) throws(FleetError) -> UnixTime? {
        guard let text = try self.members.optionalText(member) else { return nil }
        guard let milliseconds = PolicyDate.milliseconds(text) else {
            throw FleetError(
                .invalidRequest,
                "/\(member) is '\(text.clipped)'; it must be a time such as 2026-12-24T18:00:00Z")
        }
        return UnixTime(milliseconds: milliseconds)
    }
}
