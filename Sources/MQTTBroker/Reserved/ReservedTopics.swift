import Fleet
import MQTT

/// What stands behind the topics that begin with `$`. Everything that no service claims is refused,
/// whoever asks and whatever a policy says.
struct ReservedTopics: Sendable {
    private let services: [any ReservedTopicService]

    init(services: [any ReservedTopicService]) { self.services = services }

    /// The service that answers publishes to `topic`.
    func service(for topic: TopicName) -> (any ReservedTopicService)? {
        self.services.first { $0.isRequest(topic: topic.text) }
    }

    /// Announcements are deliveries like any other: whoever subscribed, and whom a policy lets
    /// read them, gets them.
    func isAnnouncement(_ topic: TopicName) -> Bool {
        topic.text.utf8.starts(with: AnnouncedTopics.prefix.utf8)
    }

    /// Whether the filter asks for announcements, or for some of them among others.
    private func asksForAnnouncements(_ filter: TopicFilter) -> Bool {
        guard filter.text.utf8.starts(with: AnnouncedTopics.prefix.utf8) else { return false }
        let family = filter.text.utf8.dropFirst(AnnouncedTopics.prefix.utf8.count)
            .prefix { $0 != UInt8(ascii: "/") }
        let text = String(decoding: family, as: UTF8.self)
        return text == "+" || text == "#" || AnnouncedTopics.families.contains(text)
    }

    func mayHold(_ filter: TopicFilter) -> Bool {
        if self.asksForAnnouncements(filter) { return true }
        return self.services.contains { $0.isReply(filter: filter.text) }
    }

    func isOpenToEnded(_ topic: TopicName) -> Bool {
        self.services.contains { $0.isOpenToEnded(topic: topic.text) }
    }

    func isOpenToEnded(_ filter: TopicFilter) -> Bool {
        self.services.contains { $0.isOpenToEnded(filter: filter.text) }
    }

    /// What an operator should know about a subscription that is refused for its filter alone.
    func hint(forRefused filter: TopicFilter) -> String {
        if !filter.text.hasPrefix("$aws/") {
            return "topics that begin with $ are the server's own"
        }
        if self.services.contains(where: { $0.isRequest(topic: filter.text) }) {
            return "this is the request topic; subscribe to \(filter.text.clipped)/accepted and "
                + "\(filter.text.clipped)/rejected"
        }
        // A client that leaves out the payload format, which is a segment of every request topic.
        for word in ["accepted", "rejected"] where filter.text.hasSuffix("/\(word)") {
            let stem = filter.text.dropLast(word.count)
            if let format = ["json", "cbor"].first(where: { format in
                self.services.contains { $0.isReply(filter: "\(stem)\(format)/\(word)") }
            }) {
                return "the payload format is missing: subscribe to "
                    + "…/\(format)/\(word)"
            }
        }
        return "no service answers there"
    }
}
