package import JSON

/// How often one thing went wrong, with one sentence of the many as an example.
package struct FailureCount: Hashable, Sendable {
    package let reason: String
    package let count: Int
    package let example: String
}

/// What a run is like at the moment, for a progress bar.
package struct SimulationProgress: Sendable {
    package let devices: Int
    package let provisioned: Int
    package let failed: Int
    package let elapsed: Duration
    /// The most frequent reasons of devices that ended without an identity, most frequent first.
    package let failures: [FailureCount]

    package var finished: Int { self.provisioned + self.failed }
}

/// One kind of devices: how many there were and how long their steps took.
package struct KindReport: Sendable {
    package let kind: DeviceKind
    package let devices: Int
    package let provisioned: Int
    package let steps: [StepSummary]
}

/// What became of a run.
package struct SimulationReport: Sendable {
    package let devices: Int
    package let provisioned: Int
    package let elapsed: Duration
    package let kinds: [KindReport]
    package let steps: [StepSummary]
    package let powerCuts: Int
    /// Attempts of all devices together; a device that succeeds at once makes one.
    package let attempts: Int
    /// Why devices ended without an identity.
    package let failures: [FailureCount]
    /// What went wrong on the way, whether the device got over it or not.
    package let setbacks: [FailureCount]
    package let units: UnitsReport

    package var failed: Int { self.devices - self.provisioned }
    /// Every unit got its identity, once, and whoever was to lose has lost.
    package var isComplete: Bool { self.units.isAsExpected }

    package var devicesPerSecond: Double {
        let seconds = self.elapsed / .seconds(1)
        return seconds > 0 ? Double(self.provisioned) / seconds : 0
    }

    /// The report as `--json` prints it. Durations are in microseconds, as their names say.
    package var json: JSONValue {
        [
            "devices": .int(self.devices),
            "provisioned": .int(self.provisioned),
            "failed": .int(self.failed),
            "elapsedMicroseconds": .int(Self.microseconds(self.elapsed)),
            "devicesPerSecond": Self.number(self.devicesPerSecond),
            "attempts": .int(self.attempts),
            "powerCuts": .int(self.powerCuts),
            "expectation": self.units.json,
            "kinds": .object(JSONObject(self.kinds.map { ($0.kind.rawValue, Self.json($0)) })),
            "steps": Self.json(self.steps),
            "failures": Self.json(self.failures),
            "setbacks": Self.json(self.setbacks),
        ]
    }

    private static func json(_ kind: KindReport) -> JSONValue {
        [
            "devices": .int(kind.devices), "provisioned": .int(kind.provisioned),
            "steps": Self.json(kind.steps),
        ]
    }

    private static func json(_ steps: [StepSummary]) -> JSONValue {
        .object(
            JSONObject(
                steps.map { step in
                    (
                        step.step.rawValue,
                        [
                            "count": .int(step.count),
                            "p50Microseconds": .int(step.medianMicroseconds),
                            "p99Microseconds": .int(step.p99Microseconds),
                            "maxMicroseconds": .int(step.maxMicroseconds),
                        ]
                    )
                }))
    }

    private static func json(_ failures: [FailureCount]) -> JSONValue {
        .array(
            failures.map {
                [
                    "reason": .string($0.reason), "count": .int($0.count),
                    "example": .string($0.example),
                ]
            })
    }

    private static func microseconds(_ duration: Duration) -> Int {
        Int(clamping: Int64((duration / .microseconds(1)).rounded()))
    }

    private static func number(_ value: Double) -> JSONValue {
        // Two decimals: more would be noise, and JSON has no infinity to fall into.
        JSONNumber((value * 100).rounded() / 100).map(JSONValue.number) ?? .null
    }
}
