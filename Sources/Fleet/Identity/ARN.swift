/// The account and region that every ARN of this service names. Both are settings: a fleet that
/// moves from AWS keeps its own, so that policies need no rewriting.
package struct Realm: Hashable, Sendable {
    package let region: String
    package let account: String

    package static let standard = Realm(checkedRegion: "local", account: "000000000000")

    private init(checkedRegion region: String, account: String) {
        self.region = region
        self.account = account
    }

    /// - Throws: `FleetError.invalidRequest` unless the region is 1 to 32 of a-z 0-9 - and the
    ///   account 12 digits.
    package init(region: String, account: String) throws(FleetError) {
        guard (1...32).contains(region.utf8.count),
            region.utf8.allSatisfy({ byte in
                (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
                    || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
                    || byte == UInt8(ascii: "-")
            })
        else {
            throw FleetError(
                .invalidRequest, "'\(region.clipped)' is no region: 1 to 32 of a-z 0-9 -")
        }
        guard account.utf8.count == 12,
            account.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) })
        else {
            throw FleetError(.invalidRequest, "'\(account.clipped)' is no account: 12 digits")
        }
        self.init(checkedRegion: region, account: account)
    }

    /// `arn:aws:iot:REGION:ACCOUNT:` and what follows.
    private func arn(_ resource: String) -> ARN {
        ARN(rawValue: "arn:aws:iot:\(self.region):\(self.account):\(resource)")
    }

    package func thing(_ name: ThingName) -> ARN { self.arn("thing/\(name)") }
    package func certificate(_ id: CertificateID) -> ARN { self.arn("cert/\(id)") }
    package func authority(_ id: CertificateID) -> ARN { self.arn("cacert/\(id)") }
    package func policy(_ name: PolicyName) -> ARN { self.arn("policy/\(name)") }
    package func template(_ name: TemplateName) -> ARN { self.arn("provisioningtemplate/\(name)") }
    package func thingGroup(_ name: ThingGroupName) -> ARN { self.arn("thinggroup/\(name)") }
    package func client(_ id: String) -> ARN { self.arn("client/\(id)") }
    package func topic(_ topic: String) -> ARN { self.arn("topic/\(topic)") }
    package func topicFilter(_ filter: String) -> ARN { self.arn("topicfilter/\(filter)") }
}

/// An Amazon Resource Name, `arn:aws:iot:REGION:ACCOUNT:RESOURCE`, as AWS IoT forms it.
package struct ARN: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    package var description: String { self.rawValue }
}
