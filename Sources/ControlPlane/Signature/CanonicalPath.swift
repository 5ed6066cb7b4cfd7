/// The path of a canonical request, as every service but S3 forms it.
enum CanonicalPath {
    /// Without empty and dot segments (RFC 3986 5.2.4; AWS removes repeated slashes as well). A
    /// slash at the end stays. Percent-encoded dots and slashes are no dots and slashes here.
    static func normalized(_ path: String) -> [UInt8] {
        let bytes = Array(path.utf8)
        if Self.isNormal(bytes) { return bytes }
        var kept: [ArraySlice<UInt8>] = []
        for segment in bytes.split(separator: UInt8(ascii: "/")) {
            if segment.elementsEqual(".".utf8) { continue }
            if segment.elementsEqual("..".utf8) {
                _ = kept.popLast()
            } else {
                kept.append(segment)
            }
        }
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count + 1)
        for segment in kept {
            output.append(UInt8(ascii: "/"))
            output += segment
        }
        if kept.isEmpty || bytes.last == UInt8(ascii: "/") { output.append(UInt8(ascii: "/")) }
        return output
    }

    /// Whether there is nothing to take away: nearly every path.
    private static func isNormal(_ bytes: [UInt8]) -> Bool {
        guard bytes.first == UInt8(ascii: "/") else { return false }
        return !(1..<bytes.count).contains { index in
            bytes[index - 1] == UInt8(ascii: "/")
                && (bytes[index] == UInt8(ascii: "/") || bytes[index] == UInt8(ascii: "."))
        }
    }

    /// The segments of the wire are encoded already, and are encoded once more: `%2F` becomes
    /// `%252F`.
    static func append(_ path: String, to output: inout [UInt8]) {
        for byte in Self.normalized(path) {
            if byte == UInt8(ascii: "/") {
                output.append(byte)
            } else {
                PercentCoding.append(byte, to: &output)
            }
        }
    }
}
