/// What part a device plays in a run: most are honest, and some are a factory's accidents.
/// Accidents come in pairs of an even and an odd index, spread evenly over the run.
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
        let mix = AccidentMix(options)
        let (pair, accidents) = (index / 2, mix.doubleScans + mix.clones)
        guard pair < mix.pairs,
            let place = Self.place(of: pair, among: mix.pairs, chosen: accidents)
        else { return .honest }
        guard !index.isMultiple(of: 2) else { return .original }
        let isScanned =
            Self.place(of: place, among: accidents, chosen: mix.doubleScans) != nil
        return isScanned ? .scannedAgain : .copy
    }

    /// Chooses `chosen` of `count`, as evenly spread as a line's pixels (Bresenham): which of the
    /// chosen `index` is, nil where it is none.
    private static func place(of index: Int, among count: Int, chosen: Int) -> Int? {
        let before = index * chosen / count
        return (index + 1) * chosen / count > before ? before : nil
    }
}

/// How many accidents a run has: as many percent as was asked for of the devices there are, and one
/// at least of each kind that was asked for, so that no small run says that all went well of
/// nothing.
struct AccidentMix: Hashable, Sendable {
    let pairs: Int
    let doubleScans: Int
    let clones: Int

    init(_ options: SimulationOptions) {
        let pairs = options.devices / 2
        func count(_ percent: Int) -> Int {
            guard percent > 0 else { return 0 }
            return max(1, (options.devices * percent + 50) / 100)
        }
        let reserved = options.clonePercent > 0 ? 1 : 0
        self.pairs = pairs
        self.doubleScans = max(0, min(count(options.doubleScanPercent), pairs - reserved))
        self.clones = max(0, min(count(options.clonePercent), pairs - self.doubleScans))
    }
}
