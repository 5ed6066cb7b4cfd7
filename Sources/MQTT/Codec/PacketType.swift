/// The two versions spoken here, by their Protocol Level / Protocol Version byte (3.1.2.2).
package enum ProtocolVersion: UInt8, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    /// OASIS Standard, 29 October 2014.
    case v311 = 4
    /// OASIS Standard, 7 March 2019.
    case v5 = 5

    package var description: String {
        switch self {
        case .v311: "3.1.1"
        case .v5: "5"
        }
    }
}

/// How often a message may arrive (4.3).
package enum QoS: UInt8, Hashable, Sendable, CaseIterable, Comparable {
    case atMostOnce = 0
    case atLeastOnce = 1
    case exactlyOnce = 2

    package static func < (left: QoS, right: QoS) -> Bool { left.rawValue < right.rawValue }
}

/// Names one exchange in flight. Never zero on the wire ([MQTT-2.2.1-3]).
package typealias PacketID = UInt16

/// The fifteen control packet types (2.1.2); AUTH exists from version 5 on.
package enum PacketType: UInt8, Hashable, Sendable, CaseIterable, CustomStringConvertible {
    case connect = 1
    case connack = 2
    case publish = 3
    case puback = 4
    case pubrec = 5
    case pubrel = 6
    case pubcomp = 7
    case subscribe = 8
    case suback = 9
    case unsubscribe = 10
    case unsuback = 11
    case pingreq = 12
    case pingresp = 13
    case disconnect = 14
    case auth = 15

    package var description: String {
        switch self {
        case .connect: "CONNECT"
        case .connack: "CONNACK"
        case .publish: "PUBLISH"
        case .puback: "PUBACK"
        case .pubrec: "PUBREC"
        case .pubrel: "PUBREL"
        case .pubcomp: "PUBCOMP"
        case .subscribe: "SUBSCRIBE"
        case .suback: "SUBACK"
        case .unsubscribe: "UNSUBSCRIBE"
        case .unsuback: "UNSUBACK"
        case .pingreq: "PINGREQ"
        case .pingresp: "PINGRESP"
        case .disconnect: "DISCONNECT"
        case .auth: "AUTH"
        }
    }

    /// The low nibble every packet of the type must carry; PUBLISH alone has flags of its own
    /// (2.1.3).
    var fixedFlags: UInt8? {
        switch self {
        case .publish: nil
        case .pubrel, .subscribe, .unsubscribe: 0b0010
        case .connect, .connack, .puback, .pubrec, .pubcomp, .suback, .unsuback, .pingreq,
            .pingresp, .disconnect, .auth:
            0
        }
    }
}
