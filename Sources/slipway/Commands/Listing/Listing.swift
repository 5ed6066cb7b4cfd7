import ArgumentParser
import ControlPlane
import Fleet
import JSON

/// How much of a listing is wanted.
struct PageOptions: ParsableArguments {
    @Option(help: "How many to ask for at a time, from 1 to \(Pagination.pageMax)")
    var pageSize = 100
    @Flag(help: "Go on until everything is listed") var pageAll = false

    /// All there is.
    static let everything = {
        var options = PageOptions()
        options.pageSize = Pagination.pageMax
        options.pageAll = true
        return options
    }()
}

/// Which rows of a listing are wanted that has few enough to be printed whole.
struct RowOptions: ParsableArguments {
    @Option(
        name: .customLong("where"), help: "MEMBER:VALUE, such as status:Active or name:line-*")
    var filter: String?
    @Flag(help: "List everything, which is done without it too") var pageAll = false
}

/// What a command prints, and which service it speaks to.
struct CommandOptions: ParsableArguments {
    @Flag(help: "Print JSON") var json = false
    @OptionGroup(title: "Settings") var settings: LocationOptions
}

/// A listing of the control plane, read page by page and printed as it comes: a fleet may be
/// larger than what fits in memory.
struct Listing: Sendable {
    /// How an operation is asked for the page after this one.
    enum Dialect: Sendable {
        /// `maxResults` and `nextToken` in the query.
        case token
        /// The same in the body.
        case bodyToken
        /// `pageSize` and `marker`; the answer says `nextMarker`.
        case marker
        /// This service's own listings; `sized` where they take a `limit`.
        case after(sized: Bool)
        /// All at once.
        case whole
    }

    struct Column: Sendable {
        let header: String
        let text: @Sendable (JSONValue) -> String

        init(_ header: String, text: @escaping @Sendable (JSONValue) -> String) {
            self.header = header
            self.text = text
        }

        /// - Parameter member: where it is, as in `metadata.creationDate`; empty for the item
        ///   itself.
        init(_ header: String, _ member: String) {
            self.init(header) { item in Details.text(item.member(at: member)) }
        }
    }

    var call: ControlCall
    let items: String
    let dialect: Dialect
    let columns: [Column]
    /// Which items are meant; nil for all of them.
    var filter: RowFilter?

    init(
        _ call: ControlCall, _ items: String, _ dialect: Dialect, _ columns: [Column],
        where filter: RowFilter? = nil
    ) {
        self.call = call
        self.items = items
        self.dialect = dialect
        self.columns = columns
        self.filter = filter
    }

    /// Prints as much of it as `pages` says; standard error tells when there is more.
    func say(
        _ access: ControlAccess, _ pages: PageOptions = .everything, json: Bool
    ) async throws(FleetError) {
        var printed = 0
        var token: String?
        var strangers: Set<String>?
        var known: [String] = []
        if json { Terminal.say("[") }
        repeat {
            let page = try await self.page(access, size: pages.pageSize, after: token)
            token = page.next
            let items = self.filter.map { page.items.filter($0.matches) } ?? page.items
            self.print(items, isFirst: printed == 0, json: json)
            printed += items.count
            if printed == 0, let filter = self.filter, let first = page.items.first {
                let absent = filter.members(absentFrom: page.items)
                strangers = strangers?.intersection(absent) ?? absent
                known = first.objectValue?.members.map(\.key) ?? []
            }
        } while token != nil && (pages.pageAll || printed == 0)
        if json { Terminal.say("]") }
        if token != nil {
            Terminal.complain("there are more; --page-all prints them all")
        } else if printed == 0, let stranger = strangers?.min() {
            Terminal.complain(
                "nothing here has a member '\(stranger.clipped)', which --where asks for; "
                    + "there are " + known.joined(separator: ", "))
        } else if printed == 0, !json {
            Terminal.complain("there is nothing to list")
        }
    }

    /// Hands every item to `take`, however many pages there are.
    func forEach(
        _ access: ControlAccess, _ take: (JSONValue) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        var token: String?
        repeat {
            let page = try await self.page(access, size: Pagination.pageMax, after: token)
            for item in page.items where self.filter?.matches(item) ?? true {
                try await take(item)
            }
            token = page.next
        } while token != nil
    }

    /// As it comes, unfiltered.
    private func page(
        _ access: ControlAccess, size: Int, after token: String?
    ) async throws(FleetError) -> (items: [JSONValue], next: String?) {
        var call = self.call
        var body = call.body.objectValue ?? [:]
        let next: String
        switch self.dialect {
        case .token:
            call.query["maxResults"] = String(size)
            call.query["nextToken"] = token
            next = "nextToken"
        case .bodyToken:
            body["maxResults"] = .int(size)
            body["nextToken"] = token.map { .string($0) }
            call.body = .object(body)
            next = "nextToken"
        case .marker:
            call.query["pageSize"] = String(size)
            call.query["marker"] = token
            next = "nextMarker"
        case .after(let isSized):
            if isSized { call.query["limit"] = String(size) }
            call.query["after"] = token
            next = "next"
        case .whole: next = "nextToken"
        }
        let answer = try await access.perform(call)
        return (
            answer[self.items]?.arrayValue ?? [],
            answer[next]?.stringValue.flatMap { $0.isEmpty ? nil : $0 }
        )
    }

    private func print(_ items: [JSONValue], isFirst: Bool, json: Bool) {
        guard !json else {
            for (number, item) in items.enumerated() {
                // The comma comes first: nobody knows yet whether another one follows.
                Terminal.say((isFirst && number == 0 ? "  " : ", ") + Terminal.json(item))
            }
            return
        }
        guard !items.isEmpty else { return }
        let rows = items.map { item in self.columns.map { $0.text(item) } }
        let header = isFirst ? [self.columns.map(\.header)] : []
        for line in Terminal.table(header + rows) { Terminal.say(line) }
    }
}

extension JSONValue {
    /// What lies at `path`, names with dots between them; the value itself for an empty path.
    func member(at path: String) -> JSONValue? {
        path.split(separator: ".").reduce(Optional(self)) { value, name in value?[String(name)] }
    }
}
