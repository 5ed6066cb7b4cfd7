import ArgumentParser
import Fleet
import JSON

/// A command that is one operation: what it asks for, and what it says when it was done.
protocol ControlCommand: AsyncParsableCommand {
    var options: CommandOptions { get }

    func call(_ access: ControlAccess) async throws(FleetError) -> ControlCall
    /// What is said of the answer to somebody who did not ask for JSON.
    func tell(_ answer: JSONValue)
}

extension ControlCommand {
    func tell(_ answer: JSONValue) { Details.say(answer) }

    func run() async throws {
        do throws(FleetError) {
            let access = try await ControlAccess.open(self.options.settings)
            let answer = try await access.perform(try await self.call(access))
            guard !self.options.json else {
                return Terminal.say(answer == .null ? [:] : answer)
            }
            self.tell(answer)
        } catch { throw Failure.exit(error) }
    }
}

/// A command that lists.
protocol ListingCommand: AsyncParsableCommand {
    var options: CommandOptions { get }
    var pages: PageOptions { get }

    func listing(_ access: ControlAccess) async throws(FleetError) -> Listing
}

extension ListingCommand {
    /// All there is, unless the command has options that say otherwise.
    var pages: PageOptions { .everything }

    func run() async throws {
        do throws(FleetError) {
            let access = try await ControlAccess.open(self.options.settings)
            try await self.listing(access).say(access, self.pages, json: self.options.json)
        } catch { throw Failure.exit(error) }
    }
}

/// `NAME=VALUE` on the command line.
struct NamedValue: ExpressibleByArgument, Sendable {
    let name: String
    let value: String

    init?(argument: String) {
        guard let equals = argument.firstIndex(of: "="), equals > argument.startIndex else {
            return nil
        }
        self.name = String(argument[..<equals])
        self.value = String(argument[argument.index(after: equals)...])
    }
}

extension [NamedValue] {
    /// - Throws: `FleetError.invalidRequest` for a name that is given twice: of two values one
    ///   would be lost without a word.
    func object() throws(FleetError) -> JSONValue {
        var object = JSONObject()
        for pair in self {
            guard object.append(pair.name, .string(pair.value)) else {
                throw FleetError(
                    .invalidRequest, "'\(pair.name.clipped)' is given twice; give it one value")
            }
        }
        return .object(object)
    }

    /// As AWS writes tags; nil where there are none.
    var tags: JSONValue? {
        self.isEmpty
            ? nil : .array(self.map { ["Key": .string($0.name), "Value": .string($0.value)] })
    }
}

extension ControlAccess {
    /// The ARN of the certificate that `text` means: one as it stands, or the certificate's id.
    /// - Throws: `FleetError.invalidRequest` for what is neither, `.notFound` where there is none.
    func certificate(_ text: String) async throws(FleetError) -> String {
        if text.hasPrefix("arn:") { return text }
        let id = try CertificateID(text)
        let answer = try await self.perform(
            ControlCall("DescribeCertificate", path: ["certificateId": id.rawValue]))
        return answer.member(at: "certificateDescription.certificateArn")?.stringValue ?? text
    }

    /// The ARN of the thing group that `text` means: one as it stands, or the group's name.
    /// - Throws: `FleetError.notFound` where there is none.
    func group(_ text: String) async throws(FleetError) -> String {
        if text.hasPrefix("arn:") { return text }
        let answer = try await self.perform(
            ControlCall("DescribeThingGroup", path: ["thingGroupName": text]))
        return answer["thingGroupArn"]?.stringValue ?? text
    }

    /// The ARN of what a policy may hang on.
    func target(_ text: String) async throws(FleetError) -> String {
        if (try? CertificateID(text)) != nil { return try await self.certificate(text) }
        do throws(FleetError) { return try await self.group(text) } catch {
            guard error.code == .notFound else { throw error }
            throw FleetError(
                .notFound,
                "'\(text.clipped)' is no certificate's id, and there is no thing group of that "
                    + "name: see 'slipway cert list' and 'slipway group list'")
        }
    }
}
