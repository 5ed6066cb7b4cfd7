import Fleet
import Foundation

/// Two files that belong together, `NAME.key` and `NAME.pem`, made as one.
///
/// No file system names two files at once, so the pair is first written whole into a folder of
/// its own, which one rename declares complete; then each file gets its name. After a power
/// failure the next init finishes or forgets what it finds. Nothing that is there is replaced,
/// but by `replace`, which takes the same way.
struct KeyAndCertificate: Sendable {
    let folder: String
    let name: String

    private var key: String { "\(self.folder)/\(self.name).key" }
    private var certificate: String { "\(self.folder)/\(self.name).pem" }
    private var unfinished: String { "\(self.folder)/.\(self.name).new" }
    private var complete: String { "\(self.folder)/.\(self.name).complete" }

    /// Whole like `complete`, and to take the place of what is there.
    private var successor: String { "\(self.folder)/.\(self.name).successor" }

    enum State { case absent, present, certificateOnly }

    /// What is there, after finishing what an earlier run began.
    /// - Throws: `FleetError.invalidRequest` where there is a key without its certificate.
    func state() throws(FleetError) -> State {
        try? FileManager.default.removeItem(atPath: self.unfinished)
        if PrivateFile.exists(self.complete) { try self.publish() }
        try self.finishReplacing()
        switch (PrivateFile.exists(self.key), PrivateFile.exists(self.certificate)) {
        case (true, true): return .present
        case (false, false): return .absent
        case (false, true): return .certificateOnly
        case (true, false):
            throw FleetError(
                .invalidRequest,
                "'\(self.key)' is there without '\(self.certificate)': put the certificate back, "
                    + "or move the key away to have a new pair made")
        }
    }

    func create(key: some Collection<UInt8>, certificate: String) throws(FleetError) {
        try PrivateFile.makeFolder(self.unfinished)
        try PrivateFile.create("\(self.unfinished)/\(self.name).key", key)
        try PrivateFile.create("\(self.unfinished)/\(self.name).pem", certificate.utf8)
        guard rename(self.unfinished, self.complete) == 0 else {
            throw FleetError(
                .invalidRequest,
                "'\(self.certificate)' cannot be written: \(String(cString: strerror(errno)))")
        }
        try self.publish()
    }

    /// Puts another pair in the place of the one that is there. The caller holds the lock on the
    /// folder.
    func replace(key: some Collection<UInt8>, certificate: String) throws(FleetError) {
        try? FileManager.default.removeItem(atPath: self.unfinished)
        try self.finishReplacing()
        try PrivateFile.makeFolder(self.unfinished)
        try PrivateFile.create("\(self.unfinished)/\(self.name).key", key)
        try PrivateFile.create("\(self.unfinished)/\(self.name).pem", certificate.utf8)
        try PrivateFile.rename(self.unfinished, to: self.successor)
        try self.finishReplacing()
    }

    /// Whoever reads the pair calls this before: a replacement that a crash cut short would leave
    /// the new key beside the old certificate.
    func finishReplacing() throws(FleetError) {
        guard PrivateFile.exists(self.successor) else { return }
        for (file, place) in [
            ("\(self.name).key", self.key), ("\(self.name).pem", self.certificate),
        ] {
            let source = "\(self.successor)/\(file)"
            guard PrivateFile.exists(source) else { continue }
            try PrivateFile.rename(source, to: place)
        }
        try? FileManager.default.removeItem(atPath: self.successor)
    }

    private func publish() throws(FleetError) {
        for file in ["\(self.name).key", "\(self.name).pem"] {
            let source = "\(self.complete)/\(file)"
            guard PrivateFile.exists(source) else { continue }
            guard link(source, "\(self.folder)/\(file)") == 0 || errno == EEXIST else {
                throw FleetError(
                    .invalidRequest,
                    "'\(self.folder)/\(file)' cannot be written: "
                        + String(cString: strerror(errno)))
            }
        }
        try? FileManager.default.removeItem(atPath: self.complete)
    }
}
