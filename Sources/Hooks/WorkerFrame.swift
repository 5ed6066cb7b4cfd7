import JSON

/// One message between service and worker: a head in JSON that says what it is, and attachments
/// that travel as they are, so that a script or an answer is neither escaped nor parsed on the way.
///
/// On the wire: length of the rest (4 bytes, big-endian), length of the head (4), the head, then
/// for each attachment its length (4) and its bytes.
struct WorkerFrame: Hashable {
    static let lengthBytes = 4

    let head: JSONObject
    let attachments: [[UInt8]]

    init(head: JSONObject, attachments: [[UInt8]] = []) {
        self.head = head
        self.attachments = attachments
    }

    /// The frame as it goes out; nil where it is larger than a frame may be.
    func encoded() -> [UInt8]? {
        let head = JSONPrinter.bytes(.object(self.head))
        let length = self.attachments.reduce(Self.lengthBytes + head.count) {
            $0 + Self.lengthBytes + $1.count
        }
        guard length <= HookLimits.frameBytesMax else { return nil }
        var output: [UInt8] = []
        output.reserveCapacity(Self.lengthBytes + length)
        Self.append(length, to: &output)
        Self.append(head.count, to: &output)
        output.append(contentsOf: head)
        for attachment in self.attachments {
            Self.append(attachment.count, to: &output)
            output.append(contentsOf: attachment)
        }
        return output
    }

    /// Reads what follows the first length; nil where it is no frame. Either side treats the other
    /// as a stranger: a script may have taken the worker over.
    init?(body: ArraySlice<UInt8>) {
        var rest = body
        guard let head = Self.takeSection(&rest),
            case .object(let members)? = try? JSONParser.parse(
                Array(head), limits: JSONLimits(bytesMax: HookLimits.frameBytesMax, depthMax: 8))
        else { return nil }
        var attachments: [[UInt8]] = []
        while !rest.isEmpty {
            guard let attachment = Self.takeSection(&rest) else { return nil }
            attachments.append(Array(attachment))
        }
        self.init(head: members, attachments: attachments)
    }

    /// The number in the first four bytes; nil where there are fewer.
    static func length(_ bytes: ArraySlice<UInt8>) -> Int? {
        guard bytes.count >= Self.lengthBytes else { return nil }
        return bytes.prefix(Self.lengthBytes).reduce(0) { $0 << 8 | Int($1) }
    }

    private static func takeSection(_ rest: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
        guard let length = Self.length(rest) else { return nil }
        let body = rest.dropFirst(Self.lengthBytes)
        guard body.count >= length else { return nil }
        rest = body.dropFirst(length)
        return body.prefix(length)
    }

    private static func append(_ length: Int, to output: inout [UInt8]) {
        for shift in [24, 16, 8, 0] { output.append(UInt8(truncatingIfNeeded: length >> shift)) }
    }
}
