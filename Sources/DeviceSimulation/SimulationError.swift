/// Why a run cannot begin: an option that makes no sense, a file that holds no certificate.
/// What happens to a device during the run is a `DeviceFailure` and never stops the others.
package struct SimulationError: Error, Hashable, Sendable, CustomStringConvertible {
    package let message: String

    package init(_ message: String) { self.message = message }

    package var description: String { self.message }
}
