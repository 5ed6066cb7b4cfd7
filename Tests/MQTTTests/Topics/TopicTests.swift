import MQTT
import Testing

@Suite struct TopicTests {
    @Test(arguments: ["a", "/", "//", "a/b", "/a", "a/", " ", "a b/ü", "$SYS/x", "\u{FEFF}"])
    func goodNamesAreTaken(_ text: String) throws {
        #expect(try TopicName(text).text == text)
        #expect(try TopicFilter(text).text == text)
    }

    @Test(arguments: ["", "+", "#", "a/+", "a#", "a\u{0}b"])
    func badNamesAreRefused(_ text: String) {
        let error = #expect(throws: MQTTError.self) { try TopicName(text) }
        #expect(error?.code == .invalidTopicName && error?.reasonCode == .topicNameInvalid)
    }

    @Test(arguments: ["#", "+", "+/+", "/+", "+/", "a/+/b", "a/#", "/#", "+/#", "$SYS/#"])
    func goodFiltersAreTaken(_ text: String) throws {
        #expect(try TopicFilter(text).hasWildcard)
    }

    @Test(arguments: [
        "", "a#", "#a", "#/a", "a/#/b", "##", "a+", "+a", "++", "a/b+/c", "+#", "#+", "\u{0}",
    ])
    func badFiltersAreRefused(_ text: String) {
        let error = #expect(throws: MQTTError.self) { try TopicFilter(text) }
        #expect(error?.code == .invalidTopicFilter && error?.reasonCode == .topicFilterInvalid)
    }

    @Test func lengthsAreCountedInBytes() throws {
        #expect(try TopicName("üü", bytesMax: 4).byteCount == 4)
        #expect(throws: MQTTError.self) { try TopicName("üü", bytesMax: 3) }
        #expect(throws: MQTTError.self) { try TopicFilter("üü", bytesMax: 3) }
        #expect(throws: MQTTError.self) { try TopicName(String(repeating: "a", count: 65_536)) }
        #expect(try TopicName("a/b/").levelCount == 3)
        #expect(try TopicFilter("/").levelCount == 2)
    }

    @Test(arguments: [
        ("a", "a", true), ("a", "b", false), ("a", "a/b", false), ("a/b", "a", false),
        ("a/#", "a", true), ("a/#", "a/b", true), ("a/#", "a/b/c", true), ("a/#", "ab", false),
        ("a/#", "a/", true), ("#", "a/b", true), ("#", "/", true), ("+", "a", true),
        ("+", "/a", false), ("/+", "/a", true), ("+/+", "/a", true), ("+/+", "a", false),
        ("a/+", "a/", true), ("a/+", "a", false), ("a/+/c", "a/b/c", true),
        ("+/b/#", "a/b", true), ("+/#", "a", true), ("a/+/#", "a", false),
        ("#", "$SYS/a", false), ("+/a", "$SYS/a", false), ("+/#", "$SYS/a", false),
        ("$SYS/#", "$SYS/a", true), ("$SYS/#", "$SYS", true), ("$SYS/+", "$SYS/a", true),
        ("a/+", "a/$b", true), ("A", "a", false), ("a//b", "a//b", true), ("a/+/b", "a//b", true),
    ])
    func filtersMatchAsTheStandardSays(_ text: String, _ name: String, _ expected: Bool) throws {
        #expect(try TopicFilter(text).matches(try TopicName(name)) == expected)
        var table = RoutingTable()
        let subscriber = SubscriberID(rawValue: 7)
        #expect(
            table.insert(try TopicFilter(text), for: subscriber, options: SubscriptionOptions())
                == .added)
        var matches: [RouteMatch] = []
        table.match(try TopicName(name), into: &matches)
        #expect(matches.map(\.subscriber) == (expected ? [subscriber] : []))
    }

    /// [MQTT-4.7.3-4]: "é" as one scalar and as two are two topics, though equal to Swift.
    @Test func namesAreComparedByteForByte() throws {
        let composed = "caf\u{E9}"
        let decomposed = "cafe\u{301}"
        #expect(composed == decomposed)
        #expect(try TopicName(composed) != TopicName(decomposed))
        #expect(try TopicFilter(composed) != TopicFilter(decomposed))
        #expect(try Set([TopicName(composed), TopicName(decomposed)]).count == 2)
        #expect(try !TopicFilter(composed).matches(TopicName(decomposed)))
        var table = RoutingTable()
        _ = table.insert(
            filter(composed), for: SubscriberID(rawValue: 1), options: SubscriptionOptions())
        var matches: [RouteMatch] = []
        table.match(topic(decomposed), into: &matches)
        #expect(matches.isEmpty)
    }

    @Test func sharedSubscriptionsAreParsed() throws {
        let shared = try #require(try SharedSubscription(filter("$share/group/a/+/#")))
        #expect(shared.group == "group" && shared.filter == filter("a/+/#"))
        let slash = try #require(try SharedSubscription(filter("$share/g//")))
        #expect(slash.filter == filter("/"))
        for text in ["a", "$shared/g/a", "share/g/a", "$SYS/x"] {
            #expect(try SharedSubscription(filter(text)) == nil)
        }
    }

    @Test(arguments: [
        "$share", "$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a",
        "$share/#",
    ])
    func malformedSharesAreRefused(_ text: String) {
        let error = #expect(throws: MQTTError.self) { try SharedSubscription(filter(text)) }
        #expect(error?.code == .invalidTopicFilter)
    }
}
