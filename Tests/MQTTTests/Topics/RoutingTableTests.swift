import MQTT
import Testing

@Suite struct RoutingTableTests {
    static let seed: UInt64 = 0x5EED_7AB1

    private static func options(_ qos: QoS) -> SubscriptionOptions { SubscriptionOptions(qos: qos) }
    private static func id(_ number: UInt32) -> SubscriberID { SubscriberID(rawValue: number) }

    private static func matches(
        _ table: inout RoutingTable, _ name: String
    ) -> [RouteMatch] {
        var matches: [RouteMatch] = []
        table.match(topic(name), into: &matches)
        return matches.sorted {
            ($0.subscriber, $0.options.qos) < ($1.subscriber, $1.options.qos)
        }
    }

    @Test func anEmptyTableMatchesNothing() {
        var table = RoutingTable()
        #expect(Self.matches(&table, "a/b").isEmpty)
        #expect(table.remove(filter("a"), for: Self.id(1)) == nil)
        #expect(table.remove(filter("+/#"), for: Self.id(1)) == nil)
    }

    @Test func aSecondSubscriptionReplacesTheFirst() {
        var table = RoutingTable()
        #expect(
            table.insert(filter("a/+"), for: Self.id(1), options: Self.options(.atMostOnce))
                == .added)
        #expect(
            table.insert(filter("a/+"), for: Self.id(1), options: Self.options(.atLeastOnce))
                == .replaced(Self.options(.atMostOnce)))
        #expect(Self.matches(&table, "a/x").map(\.options.qos) == [.atLeastOnce])
        #expect(table.subscriptionCount == 1)
        #expect(table.remove(filter("a/+"), for: Self.id(1)) == Self.options(.atLeastOnce))
        #expect(table.remove(filter("a/+"), for: Self.id(1)) == nil)
        #expect(table.subscriptionCount == 0 && table.levelCount == 0)
    }

    @Test func overlappingSubscriptionsEachMatch() {
        var table = RoutingTable()
        for (text, qos) in [("a/b", QoS.atMostOnce), ("a/+", .atLeastOnce), ("#", .exactlyOnce)] {
            _ = table.insert(filter(text), for: Self.id(3), options: Self.options(qos))
        }
        #expect(
            Self.matches(&table, "a/b").map(\.options.qos)
                == [.atMostOnce, .atLeastOnce, .exactlyOnce])
    }

    @Test func removingFromTheMiddleKeepsTheOthers() {
        var table = RoutingTable()
        for number in 0..<5 as Range<UInt32> {
            _ = table.insert(filter("x"), for: Self.id(number), options: SubscriptionOptions())
        }
        for (number, left) in [
            (2, [0, 1, 3, 4]), (4, [0, 1, 3]), (0, [1, 3]), (3, [1]), (1, []),
        ] as [(UInt32, [UInt32])] {
            #expect(table.remove(filter("x"), for: Self.id(number)) != nil)
            #expect(Self.matches(&table, "x").map(\.subscriber.rawValue) == left)
        }
        #expect(table.levelCount == 0)
    }

    @Test func aFullTableSaysSoAndStaysWhole() {
        var table = RoutingTable(nodesMax: 3)
        #expect(
            table.insert(filter("a/b"), for: Self.id(1), options: SubscriptionOptions()) == .added)
        #expect(
            table.insert(filter("c/d"), for: Self.id(1), options: SubscriptionOptions()) == .full)
        #expect(table.subscriptionCount == 1 && table.levelCount == 2)
        #expect(Self.matches(&table, "a/b").count == 1)
    }

    /// Random inserts, removals and matches against a list that is searched from end to end.
    @Test func theTableAgreesWithANaiveMatcher() {
        var random = SeededGenerator(seed: Self.seed)
        var table = RoutingTable()
        var naive: [TopicFilter: [SubscriberID: SubscriptionOptions]] = [:]
        for step in 0..<6_000 {
            let subscriber = Self.id(UInt32(random.next() % 6))
            let filter = Self.randomFilter(&random)
            // Phases of growing and of shrinking, so that nodes are freed and used again.
            if random.next() % 10 < (step / 1000 % 2 == 0 ? 7 : 3) {
                let options = Self.options(random.next() % 2 == 0 ? .atMostOnce : .atLeastOnce)
                let old = naive[filter]?[subscriber]
                naive[filter, default: [:]][subscriber] = options
                #expect(
                    table.insert(filter, for: subscriber, options: options)
                        == old.map(RoutingTable.InsertOutcome.replaced) ?? .added)
            } else {
                let old = naive[filter]?.removeValue(forKey: subscriber)
                #expect(table.remove(filter, for: subscriber) == old)
            }
            let name = Self.randomTopic(&random)
            let expected = naive.filter { $0.key.matches(topic(name)) }.flatMap { entry in
                entry.value.map { RouteMatch.Pair($0.key, $0.value) }
            }.sorted()
            let found = Self.matches(&table, name).map {
                RouteMatch.Pair($0.subscriber, $0.options)
            }
            #expect(found == expected, "seed \(Self.seed), step \(step), topic \(name)")
        }
        for (filter, entries) in naive {
            for subscriber in entries.keys {
                #expect(table.remove(filter, for: subscriber) != nil)
            }
        }
        #expect(table.subscriptionCount == 0 && table.levelCount == 0)
    }

    private static let words = ["a", "b", "", "$x", "a longer level than fits a small string"]

    private static func randomTopic(_ random: inout SeededGenerator) -> String {
        let levels = (0...random.next() % 4).map { _ in
            Self.words[Int(random.next() % UInt64(Self.words.count))]
        }
        let text = levels.joined(separator: "/")
        return text.isEmpty ? "/" : text
    }

    private static func randomFilter(_ random: inout SeededGenerator) -> TopicFilter {
        var levels = Self.randomTopic(&random).split(
            separator: "/", omittingEmptySubsequences: false
        ).map(String.init)
        for index in levels.indices where random.next() % 3 == 0 { levels[index] = "+" }
        if random.next() % 3 == 0 { levels[levels.count - 1] = "#" }
        return filter(levels.joined(separator: "/"))
    }
}

extension RouteMatch {
    /// What a test compares.
    struct Pair: Equatable, Comparable {
        let subscriber: SubscriberID
        let qos: QoS

        init(_ subscriber: SubscriberID, _ options: SubscriptionOptions) {
            self.subscriber = subscriber
            self.qos = options.qos
        }

        static func < (left: Pair, right: Pair) -> Bool {
            (left.subscriber, left.qos) < (right.subscriber, right.qos)
        }
    }
}
