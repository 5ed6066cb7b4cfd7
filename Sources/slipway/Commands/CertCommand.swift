import ArgumentParser
import Fleet
import JSON

struct CertCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cert",
        abstract: "Certificates: where each came from, and whether it may still speak.",
        subcommands: [List.self, Show.self, Revoke.self, Deactivate.self, Activate.self])
}

extension CertCommand {
    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every certificate.")

        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let access = try await ControlAccess.open(self.settings)
                var rows: [[String]] = [["CERTIFICATE", "KIND", "STATUS", "CREATED", "SUBJECT"]]
                var all: [JSONValue] = []
                var marker: String?
                repeat {
                    let page = try await access.perform(
                        "ListCertificateRecords", query: marker.map { ["after": $0] } ?? [:])
                    let certificates = page["certificates"]?.arrayValue ?? []
                    all += certificates
                    rows += certificates.map { certificate in
                        ["certificateId", "kind", "status", "createdAt", "subject"].map {
                            certificate[$0]?.stringValue ?? ""
                        }
                    }
                    marker = page["next"]?.stringValue
                } while marker != nil
                guard !self.json else { return Terminal.say(.array(all)) }
                for line in Terminal.table(rows) { Terminal.say(line) }
            } catch { throw Failure.exit(error) }
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "One certificate with its whole provenance.")

        @Argument(help: "The certificate id: 64 hex digits") var id: String
        @Flag(help: "Print JSON") var json = false
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            do throws(FleetError) {
                let access = try await ControlAccess.open(self.settings)
                let description = try await access.perform(
                    "DescribeCertificateRecord", path: try CertCommand.path(self.id))
                guard !self.json else { return Terminal.say(description) }
                for line in Terminal.table(Self.rows(description, prefix: "")) {
                    Terminal.say(line)
                }
            } catch { throw Failure.exit(error) }
        }

        /// One row a leaf, named by its path.
        private static func rows(_ value: JSONValue, prefix: String) -> [[String]] {
            guard case .object(let object) = value else { return [] }
            return object.members.flatMap { member -> [[String]] in
                let name = prefix.isEmpty ? member.key : "\(prefix).\(member.key)"
                switch member.value {
                case .object: return Self.rows(member.value, prefix: name)
                case .null: return [[name, "-"]]
                case .array(let elements):
                    let texts = elements.map { $0.stringValue ?? $0.description }
                    return [[name, texts.joined(separator: ", ")]]
                case .string(let text):
                    return member.key == "certificatePem" ? [] : [[name, text]]
                case .bool, .number: return [[name, member.value.description]]
                }
            }
        }
    }

    struct Revoke: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Revoke a certificate for good; its live connections are dropped.")

        @Argument(help: "The certificate id: 64 hex digits") var id: String
        @Option(help: "Why, for the audit log") var reason: String?
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            try await CertCommand.set(self.id, "REVOKED", self.reason, self.settings)
        }
    }

    struct Deactivate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a certificate INACTIVE; its live connections are dropped.")

        @Argument(help: "The certificate id: 64 hex digits") var id: String
        @Option(help: "Why, for the audit log") var reason: String?
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            try await CertCommand.set(self.id, "INACTIVE", self.reason, self.settings)
        }
    }

    struct Activate: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make a certificate ACTIVE that is not revoked.")

        @Argument(help: "The certificate id: 64 hex digits") var id: String
        @Option(help: "Why, for the audit log") var reason: String?
        @OptionGroup(title: "Settings") var settings: LocationOptions

        func run() async throws {
            try await CertCommand.set(self.id, "ACTIVE", self.reason, self.settings)
        }
    }

    /// Judged before it becomes part of a path.
    private static func path(_ id: String) throws(FleetError) -> [String: String] {
        ["certificateId": try CertificateID(id).rawValue]
    }

    private static func set(
        _ id: String, _ status: String, _ reason: String?, _ settings: LocationOptions
    ) async throws {
        do throws(FleetError) {
            let access = try await ControlAccess.open(settings)
            var body: JSONObject = ["status": .string(status)]
            if let reason { body["reason"] = .string(reason) }
            _ = try await access.perform(
                "SetCertificateStatus", path: try Self.path(id), body: .object(body))
            Terminal.say("\(id) is \(status)")
        } catch { throw Failure.exit(error) }
    }
}
