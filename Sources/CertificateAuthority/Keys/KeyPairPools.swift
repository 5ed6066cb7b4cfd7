package import Fleet
import Synchronization

/// Key pairs of every kind that a template or a profile may ask for. The service's own kind is kept
/// ready from the start; another gets a pool of its own when it is first asked for, set up alike.
package final class KeyPairPools: KeyPairSource {
    /// Of the service's own kind (`keys.algorithm`).
    package let standard: KeyPairPool
    private let settings: KeyPairPool.Settings
    private let state = Mutex(State())

    private struct State {
        var others: [KeyPairKind: KeyPairPool] = [:]
        var isStopped = false
    }

    /// - Throws: `FleetError.internalFailure` where the system gives no thread.
    package init(_ settings: KeyPairPool.Settings) throws(FleetError) {
        self.settings = settings
        self.standard = try KeyPairPool(settings)
    }

    /// - Throws: `FleetError.invalidCSR` where no kind that is taken is made here.
    package func next(of types: [String]) async throws(FleetError) -> KeyPair {
        let kind = try Self.kind(of: types, preferring: self.settings.kind)
        return try await self.pool(of: kind).next()
    }

    /// What a service makes whose own kind is `own`, where these are taken (empty: any): its own
    /// kind if it can be, else the first that can.
    /// - Throws: `FleetError.invalidCSR` where none can.
    package static func kind(
        of types: [String], preferring own: KeyPairKind
    ) throws(FleetError) -> KeyPairKind {
        if types.isEmpty || types.contains(own.typeName) { return own }
        for type in types {
            if let kind = KeyPairKind.allCases.first(where: { $0.typeName == type }) {
                return kind
            }
        }
        throw FleetError(
            .invalidCSR,
            "the certificate is to have a key of \(types.joined(separator: " or ")), and this "
                + "service makes none: send a certificate signing request")
    }

    private func pool(of kind: KeyPairKind) throws(FleetError) -> KeyPairPool {
        guard kind != self.settings.kind else { return self.standard }
        return try self.state.withLock { (state) throws(FleetError) -> KeyPairPool in
            if let pool = state.others[kind] { return pool }
            guard !state.isStopped else {
                throw FleetError(.serviceUnavailable, "the service is stopping")
            }
            var settings = self.settings
            settings.kind = kind
            let pool = try KeyPairPool(settings)
            state.others[kind] = pool
            return pool
        }
    }

    /// As `KeyPairPool.shutdown`, of every pool.
    package func shutdown() {
        let others = self.state.withLock { state -> [KeyPairPool] in
            state.isStopped = true
            defer { state.others = [:] }
            return Array(state.others.values)
        }
        for pool in [self.standard] + others { pool.shutdown() }
    }
}
