import Fleet
import JSON

/// The versions that a document has beside the one in force, oldest first: those made before it
/// and those made after. Numbers are the service's own, and are not declared.
struct VersionHistory: Sendable {
    private(set) var older: [JSONValue] = []
    private(set) var newer: [JSONValue] = []

    /// - Parameters:
    ///   - number: the member of a listed version that names it.
    ///   - request: the request for a version's text, and the member of its answer.
    static func read(
        _ listing: Listing, number: String, isDefault: (JSONValue) -> Bool,
        _ access: ControlAccess, _ request: (String) -> (ControlCall, String)
    ) async throws(FleetError) -> VersionHistory {
        var found: [(number: Int, isDefault: Bool)] = []
        do throws(FleetError) {
            try await listing.forEach(access) { version throws(FleetError) in
                let value = version[number]
                guard let id = value?.intValue ?? value?.stringValue.flatMap({ Int($0) }) else {
                    return
                }
                found.append((id, isDefault(version)))
            }
        } catch  where error.isOfUnknownOperation {
            return VersionHistory()
        }
        var history = VersionHistory()
        var isOlder = true
        for version in found.sorted(by: { $0.number < $1.number }) {
            if version.isDefault {
                isOlder = false
                continue
            }
            let (call, member) = request(String(version.number))
            // One that was deleted meanwhile is none.
            let answer: JSONValue
            do throws(FleetError) { answer = try await access.perform(call) } catch {
                guard error.code == .notFound else { throw error }
                continue
            }
            guard let text = answer[member]?.stringValue else { continue }
            if isOlder {
                history.older.append(.string(text))
            } else {
                history.newer.append(.string(text))
            }
        }
        return history
    }

    /// The texts as the documents they are.
    var documents: VersionHistory {
        var history = VersionHistory()
        history.older = self.older.compactMap { .document($0.stringValue) }
        history.newer = self.newer.compactMap { .document($0.stringValue) }
        return history
    }

    init() {}

    /// As a declaration says it.
    init(_ state: JSONObject?) {
        self.older = state?["olderVersions"]?.arrayValue ?? []
        self.newer = state?["newerVersions"]?.arrayValue ?? []
    }

    /// What of these a service does not have, which has a default version as well: one that is no
    /// longer the default is there too.
    func missing(
        from current: VersionHistory, default present: JSONValue?, wanted: JSONValue?
    ) -> [JSONValue] {
        var there = current.older + current.newer
        if let present, present != wanted { there.append(present) }
        return (self.older + self.newer).filter { version in
            guard let index = there.firstIndex(of: version) else { return true }
            there.remove(at: index)
            return false
        }
    }
}

extension JSONValue {
    /// nil for an empty list.
    static func list(_ values: [JSONValue]) -> JSONValue? {
        values.isEmpty ? .none : .some(.array(values))
    }
}
