import Fleet

/// Names a connection within its shard; never used again.
typealias ConnectionNumber = UInt64

/// Which connections of a shard rely on which records: the way from an announced commit to the
/// sockets it concerns.
///
/// A connection enters under its certificate before the status is read. So either the read sees a
/// revocation, or the revocation's announcement sees the connection; there is no third order.
struct PrincipalIndex {
    private var connections: [RecordKey: Set<ConnectionNumber>] = [:]
    private var keys: [ConnectionNumber: Set<RecordKey>] = [:]

    mutating func enter(_ connection: ConnectionNumber, certificate: CertificateID) {
        self.replace(connection, reliesOn: [.certificate(certificate)])
    }

    /// From now on `connection` relies on just these records.
    mutating func replace(_ connection: ConnectionNumber, reliesOn next: Set<RecordKey>) {
        let before = self.keys.updateValue(next, forKey: connection) ?? []
        for key in next.subtracting(before) {
            self.connections[key, default: []].insert(connection)
        }
        self.remove(connection, from: before.subtracting(next))
    }

    mutating func leave(_ connection: ConnectionNumber) {
        guard let held = self.keys.removeValue(forKey: connection) else { return }
        self.remove(connection, from: held)
    }

    private mutating func remove(
        _ connection: ConnectionNumber, from keys: some Sequence<RecordKey>
    ) {
        for key in keys {
            // Looked up once: a key is long, and thousands leave at once.
            guard let place = self.connections.index(forKey: key) else { continue }
            self.connections.values[place].remove(connection)
            if self.connections.values[place].isEmpty { self.connections.remove(at: place) }
        }
    }

    func connections(of certificate: CertificateID) -> Set<ConnectionNumber> {
        self.connections[.certificate(certificate)] ?? []
    }

    func connections(relyingOn changed: Set<RecordKey>) -> Set<ConnectionNumber> {
        var found: Set<ConnectionNumber> = []
        for key in changed {
            if let some = self.connections[key] { found.formUnion(some) }
        }
        return found
    }

    var count: Int { self.keys.count }
}
