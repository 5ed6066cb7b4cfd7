/// `$share/{group}/{filter}` (4.8.2): one member of the group gets each message.
package struct SharedSubscription: Hashable, Sendable {
    package static let prefix = "$share/"

    /// The share name: no `/`, `+` or `#` ([MQTT-4.8.2-1], [MQTT-4.8.2-2]).
    package let group: String
    package let filter: TopicFilter

    /// Nil where `filter` is no shared subscription at all.
    /// - Throws: `invalidTopicFilter` where it says `$share` but is not of the form.
    package init?(_ filter: TopicFilter) throws(MQTTError) {
        let text = filter.text.utf8
        guard text.starts(with: "$share".utf8) else { return nil }
        let afterWord = text.dropFirst("$share".utf8.count)
        guard let next = afterWord.first else { throw Self.malformed(filter) }
        guard next == TopicLevels.separator else { return nil }
        let afterPrefix = afterWord.dropFirst()
        guard let slash = afterPrefix.firstIndex(of: TopicLevels.separator) else {
            throw Self.malformed(filter)
        }
        let group = afterPrefix[..<slash]
        guard !group.isEmpty, !group.contains(UInt8(ascii: "+")),
            !group.contains(UInt8(ascii: "#"))
        else { throw Self.malformed(filter) }
        self.group = String(Substring(group))
        self.filter = try TopicFilter(String(Substring(afterPrefix[slash...].dropFirst())))
    }

    private static func malformed(_ filter: TopicFilter) -> MQTTError {
        MQTTError(
            .invalidTopicFilter,
            "a shared subscription is $share/GROUP/FILTER: \(Quoted(filter.text))")
    }
}
