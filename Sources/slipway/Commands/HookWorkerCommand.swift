import Hooks

/// `slipway hook-worker`: the child process in which hooks run. The service starts it; nobody else
/// has a reason to.
enum HookWorkerCommand {
    static let name = "hook-worker"
    static func run() -> Never { HookWorker.run(descriptor: HookWorker.descriptor) }
}
