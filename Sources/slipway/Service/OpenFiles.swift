import Fleet
import Foundation

/// How many descriptors this process may hold, and how many of them connections may have.
///
/// The limit that a process is born with (1024 as a rule) serves `select(2)`, which nothing here
/// uses; the one that the administrator set is the hard one.
struct OpenFiles: Sendable, Equatable {
    /// The soft limit in force.
    let max: Int

    /// Fewer than this do not even hold the service's own files.
    static let countMin = 128
    /// What the database, the event loops, the hook workers and the log are left, at most.
    static let reservedMax = 512

    /// Left for files when connections have taken all they may.
    var reserved: Int { min(Self.reservedMax, self.max / 2) }
    /// Connections for which there are descriptors.
    var connectionsMax: Int { self.max - self.reserved }

    /// Raises the soft limit to the hard one, as every process may.
    /// - Throws: `FleetError.limitExceeded` where even that is too little to serve with.
    static func raise() throws(FleetError) -> OpenFiles {
        let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(resource, &limit) == 0 else {
            throw FleetError(
                .internalFailure, "how many files may be open is not known: errno \(errno)")
        }
        if limit.rlim_cur < limit.rlim_max {
            var raised = rlimit(rlim_cur: limit.rlim_max, rlim_max: limit.rlim_max)
            // What is refused leaves the old limit, which is then the one to live with.
            if setrlimit(resource, &raised) == 0 { limit = raised }
        }
        let files = OpenFiles(max: Int(clamping: limit.rlim_cur))
        guard files.max >= Self.countMin else {
            throw FleetError(
                .limitExceeded,
                "this process may open \(files.max) files and needs \(Self.countMin): raise the "
                    + "hard limit (ulimit -Hn, or LimitNOFILE in a systemd unit)")
        }
        return files
    }
}
