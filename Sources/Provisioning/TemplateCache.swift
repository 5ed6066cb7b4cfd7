import Fleet
import Synchronization

/// Templates that have been read before. Bodies are known by their digest, so an entry can be
/// missing but never stale.
final class TemplateCache: Sendable {
    /// Templates, versions counted.
    static let entriesMax = 256

    /// What a template named when it was last looked at: a guess of what will be needed, which
    /// saves a round to the store when it is right and costs one more when it is wrong.
    struct Guess: Hashable, Sendable {
        let version: Int
        let hook: HookName?
    }

    private struct State {
        var documents: [String: TemplateDocument] = [:]
        var guesses: [TemplateName: Guess] = [:]
    }

    private let state = Mutex(State())

    func guess(_ name: TemplateName) -> Guess? {
        self.state.withLock { $0.guesses[name] }
    }

    func remember(_ guess: Guess, of name: TemplateName) {
        self.state.withLock { state in
            if state.guesses.count >= Self.entriesMax { state.guesses.removeAll() }
            state.guesses[name] = guess
        }
    }

    /// - Throws: `FleetError.internalFailure`-class errors where a stored body no longer holds,
    ///   as after a downgrade.
    func document(of version: TemplateVersion) throws(FleetError) -> TemplateDocument {
        if let known = self.state.withLock({ $0.documents[version.digest] }) { return known }
        let document = try TemplateChecker.document(
            of: version.body, named: version.template, limits: .largest)
        self.state.withLock { state in
            if state.documents.count >= Self.entriesMax { state.documents.removeAll() }
            state.documents[version.digest] = document
        }
        return document
    }
}
