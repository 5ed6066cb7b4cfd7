/// What a subscription asks for (4.7.1): levels, of which each may be `+` and the last may be `#`.
/// Compared byte for byte, as `TopicName` is.
package struct TopicFilter: Hashable, Sendable, CustomStringConvertible {
    package static let bytesMax = TopicName.bytesMax

    package let text: String
    package let hasWildcard: Bool

    /// - Throws: `invalidTopicFilter`, with what is wrong.
    package init(_ text: String, bytesMax: Int = Self.bytesMax) throws(MQTTError) {
        guard !text.isEmpty else {
            throw MQTTError(.invalidTopicFilter, "a topic filter has at least one character")
        }
        guard text.utf8.count <= bytesMax else {
            throw MQTTError(
                .invalidTopicFilter,
                "the topic filter has \(text.utf8.count) bytes; at most \(bytesMax)")
        }
        var hasWildcard = false
        var previous = TopicLevels.separator
        for byte in text.utf8 {
            let isFree =
                switch previous {
                case UInt8(ascii: "#"): false  // Nothing follows it: [MQTT-4.7.1-1].
                case UInt8(ascii: "+"): byte == TopicLevels.separator  // [MQTT-4.7.1-2]
                default: true
                }
            let isWildcard = byte == UInt8(ascii: "+") || byte == UInt8(ascii: "#")
            guard isFree, !isWildcard || previous == TopicLevels.separator else {
                throw MQTTError(
                    .invalidTopicFilter,
                    "'+' takes a whole level, '#' a whole last level: \(Quoted(text))")
            }
            guard byte != 0 else {  // [MQTT-4.7.3-2]
                throw MQTTError(.invalidTopicFilter, "a topic filter holds no U+0000")
            }
            hasWildcard = hasWildcard || isWildcard
            previous = byte
        }
        self.text = text
        self.hasWildcard = hasWildcard
    }

    package var isReserved: Bool { self.text.utf8.first == UInt8(ascii: "$") }
    package var byteCount: Int { self.text.utf8.count }
    package var levelCount: Int { TopicLevels.count(in: self.text) }
    package var description: String { self.text }

    /// Whether a message published to `topic` is one this filter asks for.
    ///
    /// `a/#` matches `a` itself (4.7.1.2); a wildcard in the first level never matches a topic
    /// that begins with `$` ([MQTT-4.7.2-1]).
    package func matches(_ topic: TopicName) -> Bool {
        guard !(topic.isReserved && self.beginsWithWildcard) else { return false }
        // Byte by byte, since each reply asks each subscription of its connection. A wildcard is a
        // level of its own (4.7.1.2, 4.7.1.3).
        var filter = self.text.utf8.makeIterator()
        var levels = topic.text.utf8.makeIterator()
        var isAtLevel = true
        while let byte = filter.next() {
            if isAtLevel, byte == UInt8(ascii: "#") { return true }
            if isAtLevel, byte == UInt8(ascii: "+") {
                let isLast = !Self.passLevel(of: &levels)
                guard filter.next() != nil else { return isLast }
                // The topic's parent of what follows: `+/#` matches it.
                if isLast { return filter.next() == UInt8(ascii: "#") }
                continue
            }
            guard let own = levels.next() else {
                return byte == TopicLevels.separator && filter.next() == UInt8(ascii: "#")
            }
            guard own == byte else { return false }
            isAtLevel = byte == TopicLevels.separator
        }
        return levels.next() == nil
    }

    /// - Returns: whether there is another level after it.
    private static func passLevel(of levels: inout String.UTF8View.Iterator) -> Bool {
        while let byte = levels.next() {
            if byte == TopicLevels.separator { return true }
        }
        return false
    }

    private var beginsWithWildcard: Bool {
        self.text.utf8.first == UInt8(ascii: "+") || self.text.utf8.first == UInt8(ascii: "#")
    }

    package static func == (left: TopicFilter, right: TopicFilter) -> Bool {
        TopicLevels.areIdentical(left.text, right.text)
    }

    package func hash(into hasher: inout Hasher) { TopicLevels.hash(self.text, into: &hasher) }
}
