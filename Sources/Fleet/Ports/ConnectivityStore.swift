/// Where the gateway writes down who is connected. AWS tells a thing's connectivity by the client
/// that calls itself by its name, so that name is the key.
///
/// It is no part of the audited fleet: nothing is decided upon it, it is written behind the
/// connections' backs, and a crash may lose the last notes.
package protocol ConnectivityStore: Sendable {
    /// Keeps the newest note of each client; those of an older session than the one that is known
    /// change nothing, in whatever order they come.
    func note(_ notes: [ConnectivityNote]) async throws(FleetError)
}

package struct ConnectivityNote: Hashable, Sendable {
    package let clientID: ThingName
    /// Counts the sessions of the process: a client's next one has a greater number.
    package let session: Int64
    package let state: Connectivity

    package init(clientID: ThingName, session: Int64, state: Connectivity) {
        self.clientID = clientID
        self.session = session
        self.state = state
    }
}
