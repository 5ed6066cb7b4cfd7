import Synchronization

/// Where the AWS IoT API has been bound to, once it is: what the running service tells commands
/// that ask how to reach it.
final class APIPlace: Sendable {
    private let bound = Mutex<String?>(nil)

    /// nil until the port is open.
    var url: String? { self.bound.withLock { $0 } }

    func bind(_ url: String) { self.bound.withLock { $0 = url } }
}
