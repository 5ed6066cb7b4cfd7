import Histogram

/// How long each step took, over many devices: an HdrHistogram a step, in microseconds.
struct StepTimings: Sendable {
    /// A step that takes longer is recorded as this long.
    private static let microsecondsMax: UInt64 = 3_600_000_000

    private var histograms: [SimulationStep: Histogram<UInt32>] = [:]

    mutating func record(_ step: SimulationStep, _ duration: Duration) {
        let whole = duration / .microseconds(1)
        let microseconds = min(Self.microsecondsMax, UInt64(max(0, whole.rounded())))
        self.histograms[step, default: Self.emptyHistogram].record(microseconds)
    }

    private static var emptyHistogram: Histogram<UInt32> {
        Histogram(
            highestTrackableValue: Self.microsecondsMax, numberOfSignificantValueDigits: .three)
    }

    /// In the order of a device's life; steps that nobody took are left out.
    var summaries: [StepSummary] {
        SimulationStep.allCases.compactMap { step in
            guard let histogram = self.histograms[step] else { return nil }
            return StepSummary(
                step: step, count: Int(clamping: histogram.totalCount),
                medianMicroseconds: Int(clamping: histogram.valueAtPercentile(50)),
                p99Microseconds: Int(clamping: histogram.valueAtPercentile(99)),
                maxMicroseconds: Int(clamping: histogram.maxRecorded))
        }
    }
}

/// One line of the report: how long a step took.
package struct StepSummary: Sendable {
    package let step: SimulationStep
    package let count: Int
    package let medianMicroseconds: Int
    package let p99Microseconds: Int
    package let maxMicroseconds: Int
}
