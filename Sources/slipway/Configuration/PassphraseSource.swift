import Fleet
import Foundation

/// Where the passphrase of the CA keys, or the PIN of the tokens that hold them, is read from: a
/// descriptor, the environment or a file, in that order. It is never a flag, which every user of
/// the machine could read.
struct PassphraseSource: Sendable {
    static let environmentName = "SLIPWAY_CA_PASSPHRASE"
    static let pinEnvironmentName = "SLIPWAY_TOKEN_PIN"
    /// OpenSSL's own PEM callback takes no more.
    static let bytesMax = 1024
    /// CR and LF.
    private static let lineEndBytesMax = 2

    private let descriptor: Int32?
    private let file: String
    private let isDefaultFile: Bool
    /// "passphrase", and what to name its file by.
    private let what: String
    private let variable: String
    private let fileFlag: String

    init(_ settings: ResolvedSettings, _ installation: Installation) {
        self.descriptor = Int32(settings.text("pki.passphraseDescriptor"))
        let named = settings.text("pki.passphraseFile")
        self.isDefaultFile = named.isEmpty
        self.file =
            named.isEmpty
            ? installation.defaultPassphrase
            : Installation.absolute(named, in: installation.root)
        self.what = "passphrase"
        self.variable = Self.environmentName
        self.fileFlag = "--pki-passphrase-file"
    }

    /// The tokens' PIN; nil where none is said to be anywhere.
    init?(pinOf settings: ResolvedSettings, _ installation: Installation) {
        self.descriptor = Int32(settings.text("pki.tokenPinDescriptor"))
        let named = settings.text("pki.tokenPinFile")
        guard self.descriptor != nil || !named.isEmpty || getenv(Self.pinEnvironmentName) != nil
        else { return nil }
        self.isDefaultFile = false
        self.file = Installation.absolute(named, in: installation.root)
        self.what = "PIN"
        self.variable = Self.pinEnvironmentName
        self.fileFlag = "--pki-token-pin-file"
    }

    /// Whether init may make a passphrase of its own: nobody has named another place.
    var makesItsOwn: Bool {
        self.isDefaultFile && self.descriptor == nil && getenv(self.variable) == nil
    }

    var defaultFile: String { self.file }

    /// Reads the passphrase into memory that is wiped, and nowhere else, and takes it out of the
    /// environment, so that no child inherits it.
    func read() throws(FleetError) -> Secret<WipedBytes> {
        if let descriptor = self.descriptor {
            guard let bytes = Self.contents(of: descriptor) else {
                throw FleetError(
                    .invalidRequest,
                    "no \(self.what) came from descriptor \(descriptor): is it open?")
            }
            return try self.trimmed(bytes, from: "descriptor \(descriptor)")
        }
        if let text = getenv(self.variable) {
            defer { unsetenv(self.variable) }
            let length = strlen(text)
            let bytes = WipedBytes(UnsafeRawBufferPointer(start: text, count: length))
            // The environment block itself keeps the bytes after unsetenv; overwrite them there.
            memset(text, 0, length)
            return try self.trimmed(bytes, from: self.variable)
        }
        let descriptor = open(self.file, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0, let bytes = Self.contents(of: descriptor) else {
            throw FleetError(
                .invalidRequest,
                "the \(self.what) file '\(self.file)' cannot be read: name another with "
                    + "\(self.fileFlag), or set \(self.variable)")
        }
        return try self.trimmed(bytes, from: "'\(self.file)'")
    }

    /// For a service that runs: it keeps no passphrase, and what came by a descriptor or by the
    /// environment was read once and is gone. The descriptor's number may be another file's now.
    func readAgain() throws(FleetError) -> Secret<WipedBytes> {
        guard self.liesInFile else {
            throw FleetError(
                .invalidRequest,
                "the passphrase of the CA keys is in no file that the service can read again: "
                    + "start the service anew")
        }
        return try self.read()
    }

    /// Whether a service that runs can read it again.
    var liesInFile: Bool { self.descriptor == nil && PrivateFile.exists(self.file) }

    /// What a descriptor gives up to its end, or as much of it as shows that it is too much.
    private static func contents(of descriptor: Int32) -> WipedBytes? {
        defer { close(descriptor) }
        var hasFailed = false
        let bytes = WipedBytes(capacity: Self.bytesMax + Self.lineEndBytesMax + 1) { buffer in
            var count = 0
            while count < buffer.count {
                let added = Foundation.read(
                    descriptor, buffer.baseAddress?.advanced(by: count), buffer.count - count)
                if added < 0, errno == EINTR { continue }
                hasFailed = added < 0
                guard added > 0 else { break }
                count += added
            }
            return count
        }
        return hasFailed ? nil : bytes
    }

    /// A text editor's line end at the end is not part of the passphrase.
    private func trimmed(
        _ bytes: WipedBytes, from place: String
    ) throws(FleetError) -> Secret<WipedBytes> {
        let what = self.what
        return try bytes.withBytes { buffer throws(FleetError) in
            let kept = buffer.lastIndex { $0 != 0x0A && $0 != 0x0D }.map { $0 + 1 } ?? 0
            guard (1...Self.bytesMax).contains(kept) else {
                throw FleetError(
                    .invalidRequest,
                    "the \(what) from \(place) must have 1 to \(Self.bytesMax) bytes")
            }
            return Secret(WipedBytes(UnsafeBufferPointer(rebasing: buffer[..<kept])))
        }
    }
}
