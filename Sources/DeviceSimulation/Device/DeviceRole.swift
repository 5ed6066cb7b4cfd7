/// What part a device plays in a run: most are honest, and some are a factory's accidents.
/// Accidents come in pairs of an even and an odd index, so that of a hundred devices as many are
/// accidents as was asked for.
enum DeviceRole: Hashable, Sendable {
    case honest
    /// Honest too, and the device after it goes wrong because of it.
    case original
    /// Carries the label of the device before it: whoever registers last has the serial number.
    case scannedAgain
    /// Carries the flash image of the device before it, key and all, under a serial of its own.
    case copy

    /// Whether another device has its serial number too.
    func sharesSerial(at index: Int, _ options: SimulationOptions) -> Bool {
        switch self {
        case .scannedAgain: true
        case .original: Self.of(index + 1, options) == .scannedAgain
        case .honest, .copy: false
        }
    }

    static func of(_ index: Int, _ options: SimulationOptions) -> DeviceRole {
        let place = index % 100
        let isSecond = !place.isMultiple(of: 2)
        let pair = place / 2
        let isScanned = pair < options.doubleScanPercent
        // From the other end, so that both may be asked for.
        let isCopied = pair >= 50 - options.clonePercent
        guard isScanned || isCopied else { return .honest }
        guard isSecond else { return index + 1 < options.devices ? .original : .honest }
        return isScanned ? .scannedAgain : .copy
    }
}
