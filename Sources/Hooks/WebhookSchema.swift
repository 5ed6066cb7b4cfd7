import Fleet
import Foundation
import JSON

/// What a webhook's description may say, member by member.
enum WebhookSchema {
    struct Fault: Hashable, CustomStringConvertible {
        let kind: HookFinding.Kind
        let place: JSONPointer
        let message: String

        var description: String {
            self.place == .root ? "the webhook \(self.message)" : "\(self.place) \(self.message)"
        }
    }

    static let timeoutMillisecondsStandard = 5000
    private static let timeouts = 50...30_000
    private static let urlBytesMax = 2048
    private static let ports = 1...65_535
    private static let members = ["url", "timeoutMilliseconds", "secret", "caFile"]

    /// Everything that is wrong, in the order in which an author would mend it.
    static func faults(of json: JSONValue) -> [Fault] {
        guard let object = json.objectValue else {
            return [Self.wrong(nil, "is an object, not \(json.kindName)")]
        }
        var faults = object.keys.filter { !Self.members.contains($0) }.map { key in
            Fault(
                kind: .unknownMember, place: .root.appending(key),
                message: "is not understood; known are \(Self.members.joined(separator: ", "))")
        }
        let judged: [(String, String?)] = [
            ("url", Self.urlFault(object["url"])),
            ("timeoutMilliseconds", Self.timeoutFault(object["timeoutMilliseconds"])),
            ("secret", Self.secretFault(object["secret"])),
            ("caFile", Self.fileFault(object["caFile"])),
        ]
        for (member, message) in judged {
            guard let message else { continue }
            faults.append(
                object[member] == nil
                    ? Fault(
                        kind: .missingMember, place: .root.appending(member), message: message)
                    : Self.wrong(member, message))
        }
        return faults
    }

    private static func wrong(_ member: String?, _ message: String) -> Fault {
        Fault(
            kind: .wrongMember, place: member.map { JSONPointer.root.appending($0) } ?? .root,
            message: message)
    }

    private static func urlFault(_ value: JSONValue?) -> String? {
        guard let value else { return "is missing: the address to ask, https://" }
        guard let text = value.stringValue else { return "is a text, not \(value.kindName)" }
        guard text.utf8.count <= Self.urlBytesMax else {
            return "has \(text.utf8.count) bytes; at most \(Self.urlBytesMax)"
        }
        guard text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            return "has a space, or a character that an address writes with '%'"
        }
        guard let url = URL(string: text) else { return "is no address" }
        guard url.scheme == "https" else { return "is an address that begins with https://" }
        guard url.host?.isEmpty == false else { return "names no host" }
        guard url.user == nil, url.password == nil else {
            return "has a user or a password in it; the secret signs instead"
        }
        guard url.fragment == nil else { return "has a '#' in it, which is never sent" }
        if let port = url.port, !Self.ports.contains(port) { return "has the port \(port)" }
        return nil
    }

    private static func timeoutFault(_ value: JSONValue?) -> String? {
        guard let value else { return nil }
        guard let number = value.intValue, Self.timeouts.contains(number) else {
            return "is a whole number from \(Self.timeouts.lowerBound) to "
                + "\(Self.timeouts.upperBound)"
        }
        return nil
    }

    private static func secretFault(_ value: JSONValue?) -> String? {
        guard let value else {
            return "is missing: the name of the file in the folder of secrets (pki/webhooks) "
                + "whose key signs the questions"
        }
        guard let text = value.stringValue, (try? HookName(text)) != nil else {
            return "is the name of a file in the folder of secrets (pki/webhooks)"
        }
        return nil
    }

    private static func fileFault(_ value: JSONValue?) -> String? {
        guard let value else { return nil }
        guard let text = value.stringValue, !text.isEmpty, !text.utf8.contains(0) else {
            return "is the name of a file in pki, or an absolute path"
        }
        return nil
    }
}
