/// The points at which a device may lose its power, in the order it passes them. The interesting
/// ones lie between a request and its reply, and between a reply and its storing: there the
/// service knows more than the device.
enum PowerCutPoint: Int, Sendable, CaseIterable {
    case claimConnected
    case subscribed
    case createSent
    case createAnswered
    case createStored
    case registerSent
    case registerAnswered
    case registerStored
    case deviceConnected
    case publishSent

    /// Whether a device with this memory still comes by.
    func isAhead(of memory: DeviceMemory) -> Bool {
        if memory.identity != nil { return self.rawValue >= Self.deviceConnected.rawValue }
        let passed = self == .createSent || self == .createAnswered || self == .createStored
        return memory.pending == nil || !passed
    }
}

/// The run's own random numbers (SplitMix64, Steele et al. 2014): the same seed gives the same
/// power cuts and the same pauses. Keys never come from here.
struct SplitMix64: RandomNumberGenerator, Sendable {
    private var state: UInt64

    init(seed: UInt64) { self.state = seed }

    mutating func next() -> UInt64 {
        self.state &+= 0x9E37_79B9_7F4A_7C15
        var word = self.state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }
}
