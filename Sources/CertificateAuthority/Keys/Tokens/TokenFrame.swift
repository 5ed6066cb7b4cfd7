import COpenSSLShims

/// One message between the service and the process that speaks with a token; `slipway_token.h` says
/// what there is.
struct TokenFrame: Hashable {
    static let lengthBytes = 4
    static let bytesMax = Int(SLIPWAY_TOKEN_FRAME_MAX)

    let kind: Int
    let sections: [[UInt8]]

    /// - Parameter more: bytes of one last section that is sent after this, apart.
    static func encoded(_ kind: Int, _ sections: [[UInt8]], more: Int? = nil) -> [UInt8] {
        var length = sections.reduce(1) { $0 + Self.lengthBytes + $1.count }
        if let more { length += Self.lengthBytes + more }
        var output: [UInt8] = []
        output.reserveCapacity(Self.lengthBytes + length)
        Self.append(length, to: &output)
        output.append(UInt8(truncatingIfNeeded: kind))
        for section in sections {
            Self.append(section.count, to: &output)
            output.append(contentsOf: section)
        }
        if let more { Self.append(more, to: &output) }
        return output
    }

    /// Reads what follows the first length; nil where it is no frame: modules are strangers.
    init?(body: ArraySlice<UInt8>) {
        guard let kind = body.first else { return nil }
        var sections: [[UInt8]] = []
        var rest = body.dropFirst()
        while !rest.isEmpty {
            guard let length = Self.length(rest), rest.count - Self.lengthBytes >= length else {
                return nil
            }
            rest = rest.dropFirst(Self.lengthBytes)
            sections.append(Array(rest.prefix(length)))
            rest = rest.dropFirst(length)
        }
        self.kind = Int(kind)
        self.sections = sections
    }

    /// The number in the first four bytes; nil where there are fewer.
    static func length(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= Self.lengthBytes else { return nil }
        return bytes.prefix(Self.lengthBytes).reduce(0) { $0 << 8 | Int($1) }
    }

    private static func append(_ length: Int, to output: inout [UInt8]) {
        for shift in [24, 16, 8, 0] { output.append(UInt8(truncatingIfNeeded: length >> shift)) }
    }
}
