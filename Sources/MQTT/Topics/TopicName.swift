/// The name a message is published under (4.7): one or more bytes of UTF-8 without wildcards.
///
/// Names are compared byte for byte: "no normalization" ([MQTT-4.7.3-4]), where Swift's own string
/// equality would take two spellings of "é" for one topic.
package struct TopicName: Hashable, Sendable, CustomStringConvertible {
    /// Every UTF-8 string on the wire has a two-byte length (1.5.4).
    package static let bytesMax = 65_535

    package let text: String

    /// - Throws: `invalidTopicName`, with what is wrong.
    package init(_ text: String, bytesMax: Int = Self.bytesMax) throws(MQTTError) {
        guard !text.isEmpty else {
            throw MQTTError(.invalidTopicName, "a topic name has at least one character")
        }
        guard text.utf8.count <= bytesMax else {
            throw MQTTError(
                .invalidTopicName,
                "the topic name has \(text.utf8.count) bytes; at most \(bytesMax)")
        }
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "+"), UInt8(ascii: "#"):  // [MQTT-3.3.2-2]
                throw MQTTError(
                    .invalidTopicName, "a topic name holds no wildcard: \(Quoted(text))")
            case 0:  // [MQTT-4.7.3-2]
                throw MQTTError(.invalidTopicName, "a topic name holds no U+0000")
            default: continue
            }
        }
        self.text = text
    }

    private init(unchecked text: String) { self.text = text }

    /// Stands where a topic alias does; see `Publish.topic`.
    package static let empty = TopicName(unchecked: "")

    package var isEmpty: Bool { self.text.isEmpty }

    /// Topics beginning with `$` are the server's own, and no leading wildcard matches them
    /// ([MQTT-4.7.2-1]).
    package var isReserved: Bool { self.text.utf8.first == UInt8(ascii: "$") }

    package var byteCount: Int { self.text.utf8.count }

    /// How many levels the separators make: one more than there are slashes.
    package var levelCount: Int { TopicLevels.count(in: self.text) }

    package var description: String { self.text }

    package static func == (left: TopicName, right: TopicName) -> Bool {
        TopicLevels.areIdentical(left.text, right.text)
    }

    package func hash(into hasher: inout Hasher) { TopicLevels.hash(self.text, into: &hasher) }
}

/// What topic names and filters have in common as byte strings.
enum TopicLevels {
    static let separator = UInt8(ascii: "/")

    static func count(in text: String) -> Int {
        text.utf8.reduce(1) { $1 == Self.separator ? $0 + 1 : $0 }
    }

    static func areIdentical(_ left: String, _ right: String) -> Bool {
        left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
    }

    static func hash(_ text: String, into hasher: inout Hasher) {
        let wasContiguous: Void? = text.utf8.withContiguousStorageIfAvailable {
            hasher.combine(bytes: UnsafeRawBufferPointer($0))
        }
        if wasContiguous == nil {
            for byte in text.utf8 { hasher.combine(byte) }
        }
    }
}

/// Foreign text in a message for people: cut to a bounded length, control characters escaped.
struct Quoted: CustomStringConvertible {
    private static let charactersMax = 64
    private let text: String

    init(_ text: String) { self.text = text }

    var description: String {
        var shown = "\""
        for scalar in self.text.unicodeScalars.prefix(Self.charactersMax) {
            shown += scalar.escaped(asASCII: false)
        }
        return shown + (self.text.unicodeScalars.count > Self.charactersMax ? "…\"" : "\"")
    }
}
