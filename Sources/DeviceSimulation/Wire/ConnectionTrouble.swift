import NIOCore
import NIOPosix

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#elseif canImport(Darwin)
import Darwin
#endif

/// What the layers below say of a connection that failed, as a sentence for people.
enum ConnectionTrouble {
    /// Where the TLS library's own name for an error stands in its description.
    private static let libraryMark = "OPENSSL_internal:"

    static func sentence(for error: any Error) -> String {
        if let connection = error as? NIOConnectionError { return Self.sentence(for: connection) }
        if case ChannelError.connectTimeout(let time)? = error as? ChannelError {
            return "no answer to TCP within \(time.nanoseconds / 1_000_000_000) s"
        }
        if let failure = error as? IOError { return Self.reason(failure) }
        return Self.tlsSentence("\(error)")
    }

    private static func sentence(for error: NIOConnectionError) -> String {
        guard let first = error.connectionErrors.first else {
            return error.dnsAError == nil && error.dnsAAAAError == nil
                ? "no address to connect to" : "there is no host of this name"
        }
        return Self.sentence(for: first.error)
    }

    private static func reason(_ error: IOError) -> String {
        strerror(error.errnoCode).map { String(cString: $0) } ?? "error \(error.errnoCode)"
    }

    /// The TLS library's errors are lists with its source files in them; its own word for what
    /// happened is the one thing in there that helps.
    static func tlsSentence(_ description: String) -> String {
        guard let mark = description.firstRange(of: Self.libraryMark) else { return description }
        let word = String(description[mark.upperBound...].prefix { $0 != " " && $0 != "]" })
        if word == "CERTIFICATE_VERIFY_FAILED" {
            return "the gateway's certificate is not from a CA that is trusted here, or is for "
                + "another name (\(word))"
        }
        return word.contains("ALERT")
            ? "the gateway refused the certificate shown to it (\(word))" : word
    }
}
