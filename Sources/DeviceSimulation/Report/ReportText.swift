/// The report as a person reads it.
extension SimulationReport {
    /// One line for each kind of devices, as `slipway up` prints it too.
    package var kindLines: [String] {
        self.kinds.map { kind in
            let name =
                switch kind.kind {
                case .csr: "own key and CSR"
                case .keys: "key from the service"
                }
            let total = kind.steps.first { $0.step == .total }
            let times = total.map {
                ", p50 \(Self.milliseconds($0.medianMicroseconds)) ms, "
                    + "p99 \(Self.milliseconds($0.p99Microseconds)) ms"
            }
            return "\(name): \(kind.provisioned) of \(kind.devices) provisioned" + (times ?? "")
        }
    }

    package var text: String {
        var lines = [
            "\(self.provisioned) of \(self.devices) devices provisioned in "
                + "\(Self.decimal(self.elapsed / .seconds(1), places: 2)) s "
                + "(\(Self.decimal(self.devicesPerSecond, places: 1)) a second), "
                + "\(self.attempts) attempts, \(self.powerCuts) power cuts"
        ]
        lines += self.kindLines
        lines += self.units.lines
        lines.append("")
        lines.append(Self.row("step", ["count", "p50 ms", "p99 ms", "max ms"]))
        for step in self.steps {
            lines.append(
                Self.row(
                    step.step.rawValue,
                    [
                        String(step.count), Self.milliseconds(step.medianMicroseconds),
                        Self.milliseconds(step.p99Microseconds),
                        Self.milliseconds(step.maxMicroseconds),
                    ]))
        }
        lines += Self.section("devices that failed, by reason", self.failures)
        lines += Self.section("setbacks on the way, by reason", self.setbacks)
        return lines.joined(separator: "\n")
    }

    private static func section(_ title: String, _ failures: [FailureCount]) -> [String] {
        guard !failures.isEmpty else { return [] }
        return ["", title]
            + failures.map { "  \($0.count) x \($0.reason): \($0.example)" }
    }

    private static func row(_ name: String, _ cells: [String]) -> String {
        TextLayout.padded(name, to: 16)
            + cells.map { TextLayout.padded($0, to: 11, isRight: true) }.joined()
    }

    private static func milliseconds(_ microseconds: Int) -> String {
        Self.decimal(Double(microseconds) / 1000, places: microseconds < 10_000 ? 2 : 1)
    }

    private static func decimal(_ value: Double, places: Int) -> String {
        TextLayout.decimal(value, places: places)
    }
}

extension SimulationProgress {
    private static let barColumns = 24

    /// One line of at most `columns` columns: a bar, the count, the rate, the time left, and what
    /// goes wrong most often.
    package func line(columns: Int) -> String {
        let share = self.devices > 0 ? Double(self.finished) / Double(self.devices) : 1
        let filled = min(Self.barColumns, Int(share * Double(Self.barColumns)))
        let bar =
            String(repeating: "#", count: filled)
            + String(repeating: ".", count: Self.barColumns - filled)
        let seconds = self.elapsed / .seconds(1)
        let rate = seconds > 0 ? Double(self.finished) / seconds : 0
        var text = "[\(bar)] \(self.finished)/\(self.devices)"
        text += "  \(TextLayout.decimal(rate, places: rate < 10 ? 1 : 0))/s"
        if rate > 0 {
            let left = Double(self.devices - self.finished) / rate
            text += "  \(TextLayout.clock(seconds: left)) left"
        }
        if self.failed > 0 {
            text += "  \(self.failed) failed"
            if let first = self.failures.first { text += " (\(first.count) x \(first.reason))" }
        }
        return text.count > columns ? String(text.prefix(max(0, columns - 3))) + "..." : text
    }
}

/// Numbers and columns for plain text, without a locale.
private enum TextLayout {
    static func padded(_ text: String, to columns: Int, isRight: Bool = false) -> String {
        let padding = String(repeating: " ", count: max(0, columns - text.count))
        return isRight ? padding + text : text + padding
    }

    /// At most three decimal places; a value out of an Int's reach is shown as its limit.
    static func decimal(_ value: Double, places: Int) -> String {
        let scale = [1, 10, 100, 1000][min(max(places, 0), 3)]
        let scaled = Self.clamped(value * Double(scale))
        let digits = String(scaled % scale)
        let fraction = String(repeating: "0", count: max(0, places - digits.count)) + digits
        return places > 0 ? "\(scaled / scale).\(fraction)" : String(scaled)
    }

    static func clock(seconds: Double) -> String {
        let whole = Self.clamped(seconds)
        let minutes = whole / 60
        let rest = String(whole % 60)
        return "\(minutes):" + (rest.count == 1 ? "0" : "") + rest
    }

    private static func clamped(_ value: Double) -> Int {
        guard value.isFinite, value > 0 else { return 0 }
        return Int(min(value.rounded(), 1e15))
    }
}
