import Fleet
import Synchronization

/// Which findings were written down a while ago: what is seen over and over is evidence once.
final class RecentFindings: Sendable {
    private struct Key: Hashable {
        let certificate: CertificateID
        let kind: EnrolmentFinding.Kind
    }

    /// Remembered at once; then all are forgotten, and the next of each is written again.
    private static let rememberedMax = 4096
    /// How long a finding is no news.
    static let newsAfterSeconds: Int64 = 3600

    private let written = Mutex<[Key: UnixTime]>([:])

    /// Whether the finding is to be written down; from then on it is no news.
    func isNews(_ finding: EnrolmentFinding, at now: UnixTime) -> Bool {
        let key = Key(certificate: finding.certificate, kind: finding.kind)
        return self.written.withLock { written in
            if let before = written[key], now < before.advanced(bySeconds: Self.newsAfterSeconds) {
                return false
            }
            if written.count >= Self.rememberedMax { written.removeAll(keepingCapacity: true) }
            written[key] = now
            return true
        }
    }

    /// It could not be written down after all.
    func forget(_ finding: EnrolmentFinding) {
        self.written.withLock {
            $0[Key(certificate: finding.certificate, kind: finding.kind)] = nil
        }
    }
}
