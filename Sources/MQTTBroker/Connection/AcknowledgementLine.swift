import DequeModule
import MQTT

/// PUBACKs leave in the order in which their PUBLISHes came ([MQTT-4.6.0-2]), though requests to
/// reserved topics take their time. While one is being worked on, those behind it wait here.
struct AcknowledgementLine {
    private struct Place {
        let packetID: PacketID
        var reason: ReasonCode?
    }

    private var places: Deque<Place> = []

    /// The publish will be acknowledged later.
    mutating func wait(_ packetID: PacketID) {
        self.places.append(Place(packetID: packetID))
    }

    /// The publish is done with.
    /// - Returns: what may be sent now, in order.
    mutating func finish(
        _ packetID: PacketID, reason: ReasonCode
    ) -> [(packetID: PacketID, reason: ReasonCode)] {
        if let index = self.places.firstIndex(where: { $0.packetID == packetID }) {
            self.places[index].reason = reason
        } else if self.places.isEmpty {
            return [(packetID, reason)]
        } else {
            self.places.append(Place(packetID: packetID, reason: reason))
        }
        var ready: [(packetID: PacketID, reason: ReasonCode)] = []
        while let first = self.places.first, let reason = first.reason {
            ready.append((first.packetID, reason))
            self.places.removeFirst()
        }
        return ready
    }
}
