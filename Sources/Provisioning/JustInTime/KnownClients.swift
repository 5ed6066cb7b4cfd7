import Fleet
import Synchronization

/// What was read and verified of client certificates before, so that a claim that thousands of
/// devices share, or a device that comes again, is not parsed and its signature not checked anew at
/// every handshake. Only what never changes for the same bytes is kept: whether anybody still
/// believes them is asked of the registry each time.
final class KnownClients: Sendable {
    /// Certificates kept; at the bound all are forgotten and learnt again.
    private static let entriesMax = 8192

    private struct Entry: Sendable {
        let terms: ClientTerms
        /// The authority that was seen to have signed it; nil for one registered by itself.
        let issuer: CertificateID?
    }

    private let entries = Mutex<[CertificateID: Entry]>([:])

    /// - Parameter issuer: the authority that the registry names for the certificate.
    /// - Returns: nil where its bytes have to be read.
    func terms(of id: CertificateID, by issuer: CertificateID?) -> ClientTerms? {
        self.entries.withLock { entries in
            guard let entry = entries[id], entry.issuer == issuer else { return nil }
            return entry.terms
        }
    }

    /// - Parameter issuer: whose signature has been verified over the very bytes.
    func note(_ terms: ClientTerms, of id: CertificateID, by issuer: CertificateID?) {
        self.entries.withLock { entries in
            if entries.count >= Self.entriesMax { entries.removeAll(keepingCapacity: true) }
            entries[id] = Entry(terms: terms, issuer: issuer)
        }
    }
}
