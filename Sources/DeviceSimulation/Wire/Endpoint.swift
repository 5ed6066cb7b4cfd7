/// Where the gateway listens: `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.
package struct Endpoint: Hashable, Sendable, CustomStringConvertible {
    /// MQTT over TLS (IANA: secure-mqtt).
    package static let portStandard: UInt16 = 8883
    /// RFC 1035 2.3.4 bounds a name to 255 octets.
    private static let hostBytesMax = 255

    package let host: String
    package let port: UInt16

    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    package init(parsing text: String) throws(SimulationError) {
        let host: Substring
        let rest: Substring
        if text.first == "[" {
            guard let closing = text.firstIndex(of: "]") else {
                throw SimulationError("the endpoint \"\(text)\" opens '[' and never closes it")
            }
            host = text[text.index(after: text.startIndex)..<closing]
            rest = text[text.index(after: closing)...]
        } else if text.count(where: { $0 == ":" }) > 1 {
            // An IPv6 address without brackets: its last group must not be taken for a port.
            host = text[...]
            rest = ""
        } else {
            let colon = text.firstIndex(of: ":") ?? text.endIndex
            host = text[..<colon]
            rest = text[colon...]
        }
        guard !host.isEmpty, host.utf8.count <= Self.hostBytesMax,
            host.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F })
        else { throw SimulationError("the endpoint \"\(text)\" has no usable host name") }
        self.host = String(host)
        guard !rest.isEmpty else {
            self.port = Self.portStandard
            return
        }
        guard rest.first == ":", let port = UInt16(rest.dropFirst()), port > 0 else {
            throw SimulationError(
                "the endpoint \"\(text)\" must end in a port from 1 to 65535 after ':'")
        }
        self.port = port
    }

    package var description: String {
        self.host.contains(":") ? "[\(self.host)]:\(self.port)" : "\(self.host):\(self.port)"
    }
}
