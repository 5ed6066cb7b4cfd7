/// What stands behind the topics that begin with `$`. Everything that no service claims is refused,
/// whoever asks and whatever a policy says. A value that needs no service to run: whoever foretells
/// what a device may do asks it as the broker does.
package struct ReservedTopics: Sendable {
    private let services: [any ReservedTopicNames]

    package init(services: [any ReservedTopicNames]) { self.services = services }

    package static let nobodyAnswers = "no service answers there"

    private static func isReserved(_ topic: String) -> Bool {
        topic.utf8.first == UInt8(ascii: "$")
    }

    /// Why nobody may publish to `topic`; nil for a request, and for what is not reserved.
    package func publishFault(_ topic: String) -> String? {
        guard Self.isReserved(topic), !self.services.contains(where: { $0.isRequest(topic: topic) })
        else { return nil }
        return Self.nobodyAnswers
    }

    /// Why nobody may hold a subscription to `filter`; nil for the replies of a service, for
    /// announcements, and for what is not reserved.
    package func subscribeFault(_ filter: String) -> String? {
        guard Self.isReserved(filter), !self.asksForAnnouncements(filter),
            !self.services.contains(where: { $0.isReply(filter: filter) })
        else { return nil }
        return self.hint(forRefused: filter)
    }

    /// Why nothing is ever delivered on `topic`; nil where a message may come.
    package func receiveFault(_ topic: String) -> String? {
        guard Self.isReserved(topic), !self.isAnnouncement(topic),
            !self.services.contains(where: { $0.isReply(filter: topic) })
        else { return nil }
        return "no service speaks there"
    }

    /// Announcements are deliveries like any other: whoever subscribed, and whom a policy lets
    /// read them, gets them.
    package func isAnnouncement(_ topic: String) -> Bool {
        topic.utf8.starts(with: AnnouncedTopics.prefix.utf8)
    }

    /// Whether the filter asks for announcements, or for some of them among others.
    private func asksForAnnouncements(_ filter: String) -> Bool {
        guard filter.utf8.starts(with: AnnouncedTopics.prefix.utf8) else { return false }
        let family = filter.utf8.dropFirst(AnnouncedTopics.prefix.utf8.count)
            .prefix { $0 != UInt8(ascii: "/") }
        let text = String(decoding: family, as: UTF8.self)
        return text == "+" || text == "#" || AnnouncedTopics.families.contains(text)
    }

    package func isOpenToEnded(topic: String) -> Bool {
        self.services.contains { $0.isOpenToEnded(topic: topic) }
    }

    package func isOpenToEnded(filter: String) -> Bool {
        self.services.contains { $0.isOpenToEnded(filter: filter) }
    }

    /// What an operator should know about a subscription that is refused for its filter alone.
    private func hint(forRefused filter: String) -> String {
        if !filter.hasPrefix("$aws/") { return "topics that begin with $ are the server's own" }
        if self.services.contains(where: { $0.isRequest(topic: filter) }) {
            return "this is the request topic; subscribe to \(filter.clipped)/accepted and "
                + "\(filter.clipped)/rejected"
        }
        // A client that leaves out the payload format, which is a segment of every request topic.
        for word in ["accepted", "rejected"] where filter.hasSuffix("/\(word)") {
            let stem = filter.dropLast(word.count)
            if let format = ["json", "cbor"].first(where: { format in
                self.services.contains { $0.isReply(filter: "\(stem)\(format)/\(word)") }
            }) {
                return "the payload format is missing: subscribe to "
                    + "…/\(format)/\(word)"
            }
        }
        return Self.nobodyAnswers
    }
}
