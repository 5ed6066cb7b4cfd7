/// Names a subscriber in a routing table; what it stands for is its owner's to know.
package struct SubscriberID: RawRepresentable, Hashable, Sendable, Comparable {
    package let rawValue: UInt32
    package init(rawValue: UInt32) { self.rawValue = rawValue }

    package static func < (left: SubscriberID, right: SubscriberID) -> Bool {
        left.rawValue < right.rawValue
    }
}

/// One subscription that a topic met.
package struct RouteMatch: Hashable, Sendable {
    package let subscriber: SubscriberID
    package let options: SubscriptionOptions
}

/// Which subscribers want a topic.
///
/// A tree of filter levels, kept in flat arrays: a node is an index, an edge is an entry of one
/// dictionary keyed by parent and level, a level's text is interned once. There is no object per
/// node, so matching touches no reference count, and a table is a plain value. Subscriptions hang
/// on their node in a doubly linked list through one array, so that one more or one less costs
/// the same for the first subscriber as for the hundred-thousandth.
package struct RoutingTable: Sendable {
    package enum InsertOutcome: Hashable, Sendable {
        case added
        /// The same subscriber had the same filter; the options are now the new ones.
        case replaced(SubscriptionOptions)
        /// The table has no room; nothing changed.
        case full
    }

    private static let none = UInt32.max
    private static let root: UInt32 = 0

    private struct Node {
        var parent: UInt32
        /// The interned level on the edge from the parent; `none` for wildcard nodes and the root.
        var symbol: UInt32
        var plus = RoutingTable.none
        var hash = RoutingTable.none
        var childCount: UInt32 = 0
        var firstEntry = RoutingTable.none
    }

    private struct Entry {
        var subscriber: SubscriberID
        var options: SubscriptionOptions
        var previous: UInt32
        var next: UInt32
    }

    /// How many levels, and how many subscriptions, there may be at once.
    private let nodesMax: Int

    private var nodes = [Node(parent: RoutingTable.none, symbol: RoutingTable.none)]
    private var freeNodes: [UInt32] = []
    private var edges: [UInt64: UInt32] = [:]
    private var entries: [Entry] = []
    private var freeEntries: [UInt32] = []
    /// Keyed by node and subscriber.
    private var entryIndex: [UInt64: UInt32] = [:]
    private var symbols = LevelSymbols()
    /// Kept for their storage; empty between calls.
    private var frontier: [UInt32] = []
    private var reached: [UInt32] = []

    package static let nodesDefault = 1 << 26

    package init(nodesMax: Int = Self.nodesDefault) {
        // Indices are 32 bits wide, the highest being `none`.
        self.nodesMax = min(nodesMax, Int(Self.none) - 1)
    }

    package var subscriptionCount: Int { self.entryIndex.count }
    /// How many levels the table holds; 0 once the last subscription is gone.
    package var levelCount: Int { self.nodes.count - self.freeNodes.count - 1 }

    private static func key(_ high: UInt32, _ low: UInt32) -> UInt64 {
        UInt64(high) << 32 | UInt64(low)
    }
}

// MARK: Changing

extension RoutingTable {
    package mutating func insert(
        _ filter: TopicFilter, for subscriber: SubscriberID, options: SubscriptionOptions
    ) -> InsertOutcome {
        guard self.levelCount + filter.levelCount <= self.nodesMax,
            self.subscriptionCount < self.nodesMax
        else { return .full }
        var node = Self.root
        var levels = LevelIterator(filter.text)
        while let level = levels.next() { node = self.child(of: node, level) }

        let key = Self.key(node, subscriber.rawValue)
        if let index = self.entryIndex[key] {
            let old = self.entries[Int(index)].options
            self.entries[Int(index)].options = options
            return .replaced(old)
        }
        let first = self.nodes[Int(node)].firstEntry
        let entry = Entry(
            subscriber: subscriber, options: options, previous: Self.none, next: first)
        let index = Self.place(entry, in: &self.entries, reusing: &self.freeEntries)
        if first != Self.none { self.entries[Int(first)].previous = index }
        self.nodes[Int(node)].firstEntry = index
        self.entryIndex[key] = index
        return .added
    }

    /// - Returns: what the subscription's options were; nil where there was none.
    package mutating func remove(
        _ filter: TopicFilter, for subscriber: SubscriberID
    ) -> SubscriptionOptions? {
        guard let node = self.node(of: filter),
            let index = self.entryIndex.removeValue(forKey: Self.key(node, subscriber.rawValue))
        else { return nil }
        let entry = self.entries[Int(index)]
        if entry.previous == Self.none {
            self.nodes[Int(node)].firstEntry = entry.next
        } else {
            self.entries[Int(entry.previous)].next = entry.next
        }
        if entry.next != Self.none { self.entries[Int(entry.next)].previous = entry.previous }
        self.freeEntries.append(index)
        self.prune(from: node)
        return entry.options
    }

    private mutating func child(of parent: UInt32, _ level: Substring.UTF8View) -> UInt32 {
        let wildcard = Wildcard(level)
        let existing: UInt32
        var symbol = Self.none
        switch wildcard {
        case .plus: existing = self.nodes[Int(parent)].plus
        case .hash: existing = self.nodes[Int(parent)].hash
        case nil:
            symbol = self.symbols.intern(level)
            existing = self.edges[Self.key(parent, symbol)] ?? Self.none
        }
        if existing != Self.none { return existing }
        let node = Self.place(
            Node(parent: parent, symbol: symbol), in: &self.nodes, reusing: &self.freeNodes)
        self.nodes[Int(parent)].childCount += 1
        switch wildcard {
        case .plus: self.nodes[Int(parent)].plus = node
        case .hash: self.nodes[Int(parent)].hash = node
        case nil:
            self.symbols.retain(symbol)
            self.edges[Self.key(parent, symbol)] = node
        }
        return node
    }

    private func node(of filter: TopicFilter) -> UInt32? {
        var node = Self.root
        var levels = LevelIterator(filter.text)
        while let level = levels.next() {
            switch Wildcard(level) {
            case .plus: node = self.nodes[Int(node)].plus
            case .hash: node = self.nodes[Int(node)].hash
            case nil:
                guard let symbol = self.symbols.find(level) else { return nil }
                node = self.edges[Self.key(node, symbol)] ?? Self.none
            }
            if node == Self.none { return nil }
        }
        return node
    }

    /// Takes away every node, from this one up, that neither holds nor leads to a subscription.
    private mutating func prune(from start: UInt32) {
        var index = start
        while index != Self.root {
            let node = self.nodes[Int(index)]
            guard node.childCount == 0, node.firstEntry == Self.none else { return }
            if self.nodes[Int(node.parent)].plus == index {
                self.nodes[Int(node.parent)].plus = Self.none
            } else if self.nodes[Int(node.parent)].hash == index {
                self.nodes[Int(node.parent)].hash = Self.none
            } else {
                self.edges.removeValue(forKey: Self.key(node.parent, node.symbol))
                self.symbols.release(node.symbol)
            }
            self.nodes[Int(node.parent)].childCount -= 1
            self.freeNodes.append(index)
            index = node.parent
        }
    }

    /// The index where `element` now lives. Counts are bounded by `nodesMax`, so they fit.
    private static func place<Element>(
        _ element: Element, in array: inout [Element], reusing free: inout [UInt32]
    ) -> UInt32 {
        if let index = free.popLast() {
            array[Int(index)] = element
            return index
        }
        array.append(element)
        return UInt32(truncatingIfNeeded: array.count - 1)
    }
}

// MARK: Matching

extension RoutingTable {
    /// Appends every subscription that `topic` meets, a subscriber with several of them once for
    /// each (3.3.4). Order means nothing.
    package mutating func match(_ topic: TopicName, into matches: inout [RouteMatch]) {
        self.frontier.append(Self.root)
        var wildcardsApply = !topic.isReserved  // [MQTT-4.7.2-1]: the first level only.
        var levels = LevelIterator(topic.text)
        while let level = levels.next(), !self.frontier.isEmpty {
            let symbol = self.symbols.find(level)
            for index in self.frontier {
                let node = self.nodes[Int(index)]
                if wildcardsApply {
                    self.collect(node.hash, into: &matches)
                    if node.plus != Self.none { self.reached.append(node.plus) }
                }
                if let symbol, let child = self.edges[Self.key(index, symbol)] {
                    self.reached.append(child)
                }
            }
            swap(&self.frontier, &self.reached)
            self.reached.removeAll(keepingCapacity: true)
            wildcardsApply = true
        }
        for index in self.frontier {
            self.collect(index, into: &matches)
            self.collect(self.nodes[Int(index)].hash, into: &matches)  // a/# matches a: 4.7.1.2
        }
        self.frontier.removeAll(keepingCapacity: true)
    }

    private func collect(_ node: UInt32, into matches: inout [RouteMatch]) {
        guard node != Self.none else { return }
        var index = self.nodes[Int(node)].firstEntry
        while index != Self.none {
            let entry = self.entries[Int(index)]
            matches.append(RouteMatch(subscriber: entry.subscriber, options: entry.options))
            index = entry.next
        }
    }
}
