import DeviceSimulation
import Glibc

/// A port of 127.0.0.1 that refuses every connection for as long as this value lives.
///
/// The port of a gateway that has stopped does not: another test may listen there a moment later,
/// or a connection meet itself. A socket that is bound and does not listen keeps both away.
final class UnansweredPort: Sendable {
    private let descriptor: CInt
    let endpoint: Endpoint

    struct SocketError: Error {
        let call: String
        let code: CInt
    }

    init() throws {
        let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw SocketError(call: "socket", code: errno) }
        do {
            self.endpoint = Endpoint(host: "127.0.0.1", port: try Self.bindAnywhere(descriptor))
        } catch {
            close(descriptor)
            throw error
        }
        self.descriptor = descriptor
    }

    deinit { close(self.descriptor) }

    private static func bindAnywhere(_ descriptor: CInt) throws -> UInt16 {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr = in_addr(s_addr: UInt32(0x7f00_0001).bigEndian)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        return try withUnsafeMutablePointer(to: &address) { pointer in
            try pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                guard bind(descriptor, generic, size) == 0 else {
                    throw SocketError(call: "bind", code: errno)
                }
                guard getsockname(descriptor, generic, &size) == 0 else {
                    throw SocketError(call: "getsockname", code: errno)
                }
            }
            return UInt16(bigEndian: pointer.pointee.sin_port)
        }
    }
}
