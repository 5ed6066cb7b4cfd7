/// Which client identifiers are taken (3.1.3.1).
package enum ClientIDRule {
    /// What the server's own assignments begin with, as on AWS; a UUID follows. Unlike AWS, and as
    /// the standard wants it, a client may come back with an identifier it was assigned.
    package static let assignedPrefix = "$GEN/"
    private static let uuidBytes = 36

    /// Why `clientID` is refused, or nil. The empty one is not for here.
    static func fault(_ clientID: String, bytesMax: Int) -> String? {
        let bytes = clientID.utf8
        if bytes.count > bytesMax {
            return "the client identifier has \(bytes.count) bytes; at most \(bytesMax)"
        }
        if bytes.first == UInt8(ascii: "$"), !Self.isAssigned(clientID) {
            return "a client identifier does not begin with $: \(Quoted(clientID))"
        }
        return nil
    }

    static func isAssigned(_ clientID: String) -> Bool {
        let bytes = clientID.utf8
        guard bytes.starts(with: Self.assignedPrefix.utf8) else { return false }
        let uuid = bytes.dropFirst(Self.assignedPrefix.utf8.count)
        guard uuid.count == Self.uuidBytes else { return false }
        return uuid.enumerated().allSatisfy { position, byte in
            switch position {
            case 8, 13, 18, 23: byte == UInt8(ascii: "-")
            default: Self.isHexDigit(byte)
            }
        }
    }

    private static func isHexDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"):
            true
        default: false
        }
    }
}
