import DequeModule
import MQTT

/// PUBACKs leave in the order in which their PUBLISHes came ([MQTT-4.6.0-2]), though requests to
/// reserved topics take their time. While one is being worked on, those behind it wait here.
struct AcknowledgementLine {
    struct Acknowledgement {
        let packetID: PacketID
        let reason: ReasonCode
        /// For a person, beside a reason that refuses.
        let explanation: String?
    }

    private struct Place {
        let packetID: PacketID
        var finished: Acknowledgement?
    }

    private var places: Deque<Place> = []

    /// The publish will be acknowledged later.
    mutating func wait(_ packetID: PacketID) {
        self.places.append(Place(packetID: packetID))
    }

    /// The publish is done with.
    /// - Returns: what may be sent now, in order.
    mutating func finish(
        _ packetID: PacketID, reason: ReasonCode, explanation: String? = nil
    ) -> [Acknowledgement] {
        let finished = Acknowledgement(
            packetID: packetID, reason: reason, explanation: explanation)
        if let index = self.places.firstIndex(where: { $0.packetID == packetID }) {
            self.places[index].finished = finished
        } else if self.places.isEmpty {
            return [finished]
        } else {
            self.places.append(Place(packetID: packetID, finished: finished))
        }
        var ready: [Acknowledgement] = []
        while let next = self.places.first?.finished {
            ready.append(next)
            self.places.removeFirst()
        }
        return ready
    }
}
