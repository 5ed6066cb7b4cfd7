/// What a server of these settings takes for a name, whoever sends it: asked by the connection
/// machine, and by whoever foretells what a device may do. A policy is asked after all of this.
extension ConnectionSettings {
    /// A topic filter that is held by nobody.
    package struct FilterRefusal: Hashable, Sendable {
        package let reason: ReasonCode
        package let message: String
    }

    /// Why no client may be called this, or nil. The empty one is not for here.
    package func clientIDFault(_ clientID: String) -> String? {
        ClientIDRule.fault(clientID, bytesMax: self.clientIDBytesMax)
    }

    /// Why nothing may be published to `topic`, or nil.
    package func publishFault(_ topic: TopicName) -> String? {
        self.sizeFault(bytes: topic.byteCount, levels: topic.levelCount)
            .map { "the topic name \($0)" }
    }

    /// The shared subscription that a filter asks for, if any, and why it is held by nobody.
    package func judge(
        _ named: NamedFilter
    ) -> (shared: SharedSubscription?, refusal: FilterRefusal?) {
        let whole: TopicFilter
        switch named {
        case .filter(let filter): whole = filter
        case .malformed(_, let error):
            return (nil, FilterRefusal(reason: .topicFilterInvalid, message: error.message))
        }
        let shared: SharedSubscription?
        do throws(MQTTError) { shared = try SharedSubscription(whole) } catch {
            return (nil, FilterRefusal(reason: .topicFilterInvalid, message: error.message))
        }
        guard shared == nil || self.sharedSubscriptionsAvailable else {
            return (
                shared,
                FilterRefusal(
                    reason: .sharedSubscriptionsNotSupported,
                    message: "shared subscriptions are not available")
            )
        }
        // The share's name and its two slashes do not count (AWS: shared subscriptions).
        let filter = shared?.filter ?? whole
        return (
            shared,
            self.sizeFault(bytes: filter.byteCount, levels: filter.levelCount).map {
                FilterRefusal(reason: .topicFilterInvalid, message: "the topic filter \($0)")
            }
        )
    }

    func sizeFault(bytes: Int, levels: Int) -> String? {
        if bytes > self.topicBytesMax {
            return "has \(bytes) bytes; at most \(self.topicBytesMax)"
        }
        if levels > self.topicLevelsMax {
            return "has \(levels) levels; at most \(self.topicLevelsMax)"
        }
        return nil
    }
}
