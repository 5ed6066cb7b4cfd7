import NIOCore
import NIOPosix

/// A run of virtual devices against a gateway: each arrives with the claim certificate, gets its
/// own, and says hello with it.
///
/// At most `concurrency` devices exist at any moment; what is left of the others is their share of
/// the report. That is what makes runs of ten thousands fit into little memory.
package struct FleetSimulation: Sendable {
    /// More loops than this only fight with the gateway for the machine's cores.
    private static let loopsMax = 4

    private let options: SimulationOptions
    private let clock: ContinuousClock

    package init(options: SimulationOptions, clock: ContinuousClock) {
        self.options = options
        self.clock = clock
    }

    /// Runs to the end of the last device, or until the task is cancelled, or until it is clear
    /// that the gateway lets nobody in; then devices that have not begun are counted as failed and
    /// those under way stop at their next step.
    /// - Parameter progress: called after each device, on any thread, never twice at once.
    package func run(
        progress: @escaping @Sendable (SimulationProgress) -> Void = { _ in }
    ) async throws(SimulationError) -> SimulationReport {
        try self.options.validate()
        let loops = min(System.coreCount, Self.loopsMax)
        let group = MultiThreadedEventLoopGroup(numberOfThreads: loops)
        let result: Result<SimulationReport, SimulationError>
        do throws(SimulationError) {
            let context = try SimulationContext(
                options: self.options, group: group, clock: self.clock)
            result = .success(await self.runDevices(context, progress))
        } catch { result = .failure(error) }
        // Nothing is left on the loops; a failure to stop them cannot change the result.
        try? await group.shutdownGracefully()
        return try result.get()
    }

    private func runDevices(
        _ context: SimulationContext, _ progress: @Sendable (SimulationProgress) -> Void
    ) async -> SimulationReport {
        let start = self.clock.now
        let devices = self.options.devices
        var tally = SimulationTally(devices: devices, budget: self.options.budget)
        await withTaskGroup(of: DeviceOutcome.self) { tasks in
            var begun = min(self.options.concurrency, devices)
            for index in 0..<begun {
                tasks.addTask { await VirtualDevice(index: index, context: context).live() }
            }
            while let outcome = await tasks.next() {
                tally.add(outcome)
                progress(tally.progress(elapsed: start.duration(to: self.clock.now)))
                let isLockedOut =
                    outcome.failure?.step == .claimConnect && !context.gateway.wasReached
                guard begun < devices, !isLockedOut, !Task.isCancelled else { continue }
                let index = begun
                begun += 1
                tasks.addTask { await VirtualDevice(index: index, context: context).live() }
            }
        }
        let elapsed = start.duration(to: self.clock.now)
        let letIn = await RollCall(context: context).take(tally.sharedIdentities)
        return tally.report(elapsed: elapsed, letIn: letIn)
    }
}
