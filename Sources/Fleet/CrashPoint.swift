internal import Synchronization

#if canImport(Glibc)
internal import Glibc
#elseif canImport(Musl)
internal import Musl
#elseif canImport(Darwin)
internal import Darwin
#endif

/// A named place between two steps where a test may have the process die, as a power cut would
/// have it: no handler runs, nothing is flushed.
///
/// The environment variable `SLIPWAY_CRASH_AT` names the point and `SLIPWAY_CRASH_AFTER` says at
/// which passage (1, the first, if unset). Without them `reached` is one comparison.
package enum CrashPoint: String, CaseIterable, Sendable {
    // The dialogue, in the order of its steps.
    case afterKeyPair
    case afterSign
    case beforeCreateCommit
    case afterCreateCommit
    case afterHook
    case beforeRegisterCommit
    case afterRegisterCommit
    case beforeRenewCommit
    case afterRenewCommit
    case beforeReply
    case afterReply

    // A direct registration, and a task that makes many.
    case beforeDirectCommit
    case afterDirectCommit
    case afterTaskReport
    case afterTaskCheckpoint

    // The store's writer, in the order of its steps.
    case beforeTransaction
    case afterApply
    case afterStorageCommit

    package static func reached(_ point: CrashPoint) {
        guard let armed = Self.armed, armed.point == point else { return }
        armed.pass()
    }

    /// Read once: the environment of a running process does not change.
    private static let armed: ArmedCrash? = ArmedCrash.fromEnvironment()
}

/// The one point that was named, and how many passages it still lets by.
private final class ArmedCrash: Sendable {
    let point: CrashPoint
    private let passagesLeft: Atomic<Int>

    private init(point: CrashPoint, after passages: Int) {
        self.point = point
        self.passagesLeft = Atomic(passages)
    }

    func pass() {
        guard self.passagesLeft.wrappingSubtract(1, ordering: .relaxed).newValue <= 0 else {
            return
        }
        kill(getpid(), SIGKILL)
    }

    /// A name that is no point ends the process at once: a crash test that never crashes would
    /// pass without having tested anything.
    static func fromEnvironment() -> ArmedCrash? {
        guard let name = Self.variable("SLIPWAY_CRASH_AT"), !name.isEmpty else { return nil }
        let passages = Self.variable("SLIPWAY_CRASH_AFTER") ?? "1"
        guard let point = CrashPoint(rawValue: name), let count = Int(passages), count > 0 else {
            let known = CrashPoint.allCases.map(\.rawValue).joined(separator: " ")
            let line =
                "SLIPWAY_CRASH_AT=\(name) SLIPWAY_CRASH_AFTER=\(passages): expected one of "
                + "\(known), and a number from 1\n"
            _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
            _exit(64)
        }
        return ArmedCrash(point: point, after: count)
    }

    private static func variable(_ name: String) -> String? {
        getenv(name).map { String(cString: $0) }
    }
}
