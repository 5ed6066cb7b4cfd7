import Fleet
import Foundation

/// Where the passphrase of the CA keys is read from: a descriptor, the environment or a file, in
/// that order. It is never a flag, which every user of the machine could read.
struct PassphraseSource: Sendable {
    static let environmentName = "SLIPWAY_CA_PASSPHRASE"
    /// OpenSSL's own PEM callback takes no more.
    static let bytesMax = 1024

    private let descriptor: Int32?
    private let file: String
    private let isDefaultFile: Bool

    init(_ settings: ResolvedSettings, _ installation: Installation) {
        self.descriptor = Int32(settings.text("pki.passphraseDescriptor"))
        let named = settings.text("pki.passphraseFile")
        self.isDefaultFile = named.isEmpty
        self.file =
            named.isEmpty
            ? installation.defaultPassphrase
            : Installation.absolute(named, in: installation.root)
    }

    /// Whether init may make a passphrase of its own: nobody has named another place.
    var makesItsOwn: Bool {
        self.isDefaultFile && self.descriptor == nil && getenv(Self.environmentName) == nil
    }

    var defaultFile: String { self.file }

    /// Reads the passphrase, and takes it out of the environment, so that no child inherits it.
    func read() throws(FleetError) -> Secret<WipedBytes> {
        if let descriptor = self.descriptor {
            let handle = FileHandle(fileDescriptor: descriptor, closeOnDealloc: true)
            guard let data = try? handle.readToEnd() else {
                throw FleetError(
                    .invalidRequest,
                    "no passphrase came from descriptor \(descriptor): is it open?")
            }
            return try Self.trimmed(data, from: "descriptor \(descriptor)")
        }
        if let text = getenv(Self.environmentName) {
            defer { unsetenv(Self.environmentName) }
            let length = strlen(text)
            let data = Data(bytes: text, count: length)
            // The environment block itself keeps the bytes after unsetenv; overwrite them there.
            memset(text, 0, length)
            return try Self.trimmed(data, from: Self.environmentName)
        }
        guard let data = FileManager.default.contents(atPath: self.file) else {
            throw FleetError(
                .invalidRequest,
                "the passphrase file '\(self.file)' cannot be read: name another with "
                    + "--pki-passphrase-file, or set \(Self.environmentName)")
        }
        return try Self.trimmed(data, from: "'\(self.file)'")
    }

    /// A text editor's line end at the end is not part of the passphrase.
    private static func trimmed(
        _ data: Data, from place: String
    ) throws(FleetError) -> Secret<WipedBytes> {
        var bytes = [UInt8](data)
        defer { for index in bytes.indices { bytes[index] = 0 } }
        while bytes.last == 0x0A || bytes.last == 0x0D { bytes.removeLast() }
        guard (1...Self.bytesMax).contains(bytes.count) else {
            throw FleetError(
                .invalidRequest,
                "the passphrase from \(place) must have 1 to \(Self.bytesMax) bytes")
        }
        return Secret(WipedBytes(bytes))
    }
}
