import NIOHTTP1

/// The answer to clients that ask before they send a body (RFC 9110 10.1.1). Some wait for it for
/// seconds: the AWS SDK for Java asks before every PUT.
enum ExpectedBody {
    /// What to do about the body of a request of which the head has arrived.
    enum Invitation {
        /// It was not asked about.
        case none
        case invite
        /// One that says to be longer than a collected body may be: whoever refuses it needs none
        /// of it.
        case withhold
    }

    static func invitation(to head: HTTPRequestHead, bodyBytesMax: Int) -> Invitation {
        guard !head.isOfHTTP10, head.headers.first(name: "expect")?.lowercased() == "100-continue"
        else {
            return .none
        }
        let length = head.headers.first(name: "content-length").flatMap { Int($0) } ?? 0
        return length <= bodyBytesMax ? .invite : .withhold
    }
}
