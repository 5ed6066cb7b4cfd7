import AsyncHTTPClient
// Where an optimising build finds the members of `stat`.
import CoreFoundation
import Fleet
import Foundation
import NIOCore
import NIOHTTP1
import NIOPosix

/// The inputs that the setting `bulk.sources` allows, and no others.
struct ConfiguredInputs: RegistrationInputs {
    static let pieceBytes = 256 * 1024
    static let connectSecondsMax: Int64 = 10
    /// A server that sends nothing for so long has gone away.
    static let silenceSecondsMax: Int64 = 60

    /// A server that sends something now and then may take this long for all of it.
    static let fetchHoursMax: Int64 = 24

    let sources: [String: RegistrationSource]

    /// A client that follows no redirect: where one leads to is not what the settings allow.
    private static func makeClient() -> HTTPClient {
        var configuration = HTTPClient.Configuration(redirectConfiguration: .disallow)
        configuration.timeout = HTTPClient.Configuration.Timeout(
            connect: .seconds(Self.connectSecondsMax), read: .seconds(Self.silenceSecondsMax))
        return HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
    }

    func check(_ input: RegistrationInput) throws(FleetError) { _ = try self.source(of: input) }

    func read(
        _ input: RegistrationInput,
        _ take: @Sendable ([UInt8]) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        switch try self.source(of: input).place {
        case .folder(let path): try await FolderInput(folder: path, key: input.key).read(take)
        case .url(let prefix): try await self.fetch(prefix + input.key, take)
        }
    }

    /// - Throws: `FleetError.invalidRequest` for a bucket that is not configured, and for a key
    ///   that could lead out of it.
    private func source(of input: RegistrationInput) throws(FleetError) -> RegistrationSource {
        guard let source = self.sources[input.bucket] else {
            let known = self.sources.keys.sorted().joined(separator: ", ")
            throw FleetError(
                .invalidRequest,
                "inputFileBucket '\(input.bucket)' is no source of this service; "
                    + (known.isEmpty ? "the setting bulk.sources names none" : "it has \(known)"))
        }
        let parts = input.key.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
            throw FleetError(
                .invalidRequest,
                "inputFileKey '\(input.key.clipped)' is no path inside its bucket")
        }
        return source
    }

    // MARK: HTTP

    /// A file is fetched seldom, and each time by a client of its own: there is none to keep.
    private func fetch(
        _ url: String, _ take: @Sendable ([UInt8]) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        let client = Self.makeClient()
        do throws(FleetError) {
            try await Self.fetch(url, by: client, take)
        } catch {
            try? await client.shutdown()
            throw error
        }
        try? await client.shutdown()
    }

    private static func fetch(
        _ url: String, by client: HTTPClient,
        _ take: @Sendable ([UInt8]) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        do {
            let response = try await client.execute(
                HTTPClientRequest(url: url), timeout: .hours(Self.fetchHoursMax))
            guard response.status == .ok else {
                throw Self.refused(url, status: Int(response.status.code))
            }
            for try await buffer in response.body {
                try await take(Array(buffer.readableBytesView))
            }
        } catch let error as FleetError {
            throw error
        } catch {
            throw FleetError(.serviceUnavailable, "'\(url.clipped)' did not answer: \(error)")
        }
    }

    /// What will be no better the next time, and what may be.
    private static func refused(_ url: String, status: Int) -> FleetError {
        let mayRecover = status >= 500 || status == 408 || status == 429
        return FleetError(
            mayRecover ? .serviceUnavailable : .invalidRequest,
            "'\(url.clipped)' was answered with status \(status)"
                + ((300..<400).contains(status) ? "; redirects are not followed" : ""))
    }
}

/// A file below a folder, opened step by step so that no symbolic link on the way, and none that
/// appears while we look, leads out of it.
struct FolderInput: Sendable {
    let folder: String
    let key: String

    func read(
        _ take: @Sendable ([UInt8]) async throws(FleetError) -> Void
    ) async throws(FleetError) {
        let descriptor = try await Blocking.run { () throws(FleetError) in try self.open() }
        defer { close(descriptor) }
        while true {
            let piece = try await Blocking.run { () throws(FleetError) in
                try DescriptorBytes.read(
                    descriptor, at: nil, count: ConfiguredInputs.pieceBytes, of: self.key)
            }
            if piece.isEmpty { return }
            try await take(piece)
        }
    }

    private func open() throws(FleetError) -> Int32 {
        var current = Foundation.open(self.folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard current >= 0 else { throw self.failure(of: self.folder) }
        let parts = self.key.split(separator: "/").map(String.init)
        for (index, part) in parts.enumerated() {
            let isLast = index == parts.count - 1
            // Not blocking: a pipe without a writer would be waited for at its opening.
            let flags = O_RDONLY | O_NOFOLLOW | O_CLOEXEC | (isLast ? O_NONBLOCK : O_DIRECTORY)
            let next = openat(current, part, flags)
            let failure = next >= 0 ? nil : self.failure(of: self.key)
            close(current)
            if let failure { throw failure }
            current = next
        }
        var facts = stat()
        guard fstat(current, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            close(current)
            throw FleetError(.invalidRequest, "'\(self.key.clipped)' is no plain file")
        }
        return current
    }

    private func failure(of path: String) -> FleetError {
        let code = errno
        let reason =
            switch code {
            case ELOOP, ENOTDIR: "a part of it is no folder, or a symbolic link"
            default: String(cString: strerror(code))
            }
        return FleetError(
            code == ENOENT ? .notFound : .invalidRequest,
            "'\(path.clipped)' cannot be opened: \(reason)")
    }
}

/// Reading and writing whole, whatever the kernel does in one step.
enum DescriptorBytes {
    /// - Parameter offset: nil to go on from where the last read ended.
    /// - Returns: up to `count` bytes; none at the end.
    static func read(
        _ descriptor: Int32, at offset: Int64?, count: Int, of name: String
    ) throws(FleetError) -> [UInt8] {
        var failed = false
        let bytes = [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            while filled < count {
                let rest = UnsafeMutableRawBufferPointer(
                    rebasing: UnsafeMutableRawBufferPointer(buffer)[filled...])
                let got =
                    if let offset {
                        pread(
                            descriptor, rest.baseAddress, rest.count, off_t(offset) + off_t(filled))
                    } else { Foundation.read(descriptor, rest.baseAddress, rest.count) }
                if got < 0, errno == EINTR { continue }
                failed = got < 0
                if got <= 0 { return }
                filled += got
            }
        }
        guard !failed else {
            throw FleetError(
                .serviceUnavailable,
                "'\(name.clipped)' cannot be read: \(String(cString: strerror(errno)))")
        }
        return bytes
    }

    static func write(
        _ bytes: [UInt8], _ descriptor: Int32, at offset: Int64, of name: String
    ) throws(FleetError) {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { buffer in
                pwrite(
                    descriptor, buffer.baseAddress?.advanced(by: done), buffer.count - done,
                    off_t(offset) + off_t(done))
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                throw FleetError(
                    .serviceUnavailable,
                    "'\(name.clipped)' cannot be written: \(String(cString: strerror(errno)))")
            }
            done += count
        }
    }
}

/// Work that waits for a disk, away from the threads that everything else runs on.
enum Blocking {
    static func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(FleetError) -> Value
    ) async throws(FleetError) -> Value {
        do {
            return try await NIOThreadPool.singleton.runIfActive { try body() }
        } catch let error as FleetError {
            throw error
        } catch {
            throw FleetError(.serviceUnavailable, "the service is stopping")
        }
    }
}
