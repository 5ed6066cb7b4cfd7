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

    /// What every ARN of the realm begins with.
    package var arnPrefix: String { "arn:aws:iot:\(self.region):\(self.account):" }

    private func arn(_ resource: String) -> ARN { ARN(rawValue: self.arnPrefix + resource) }

    package func thing(_ name: ThingName) -> ARN { self.arn("thing/\(name)") }
    package func certificate(_ id: CertificateID) -> ARN { self.arn("cert/\(id)") }
    package func authority(_ id: CertificateID) -> ARN { self.arn("cacert/\(id)") }
    package func policy(_ name: PolicyName) -> ARN { self.arn("policy/\(name)") }
    package func template(_ name: TemplateName) -> ARN { self.arn("provisioningtemplate/\(name)") }
    package func thingGroup(_ name: ThingGroupName) -> ARN { self.arn("thinggroup/\(name)") }
    package func thingType(_ name: ThingTypeName) -> ARN { self.arn("thingtype/\(name)") }
    package func billingGroup(_ name: BillingGroupName) -> ARN {
        self.arn("billinggroup/\(name)")
    }
    package func index(_ name: String) -> ARN { self.arn("index/\(name)") }
    package func tagged(_ resource: TaggedResource) -> ARN { self.arn(resource.path) }
    package func client(_ id: String) -> ARN { self.arn("client/\(id)") }
    package func topic(_ topic: String) -> ARN { self.arn("topic/\(topic)") }
    package func topicFilter(_ filter: String) -> ARN { self.arn("topicfilter/\(filter)") }
}

extension Realm {
    /// The resource part of an ARN of this realm: `thinggroup/NAME`.
    /// - Throws: `FleetError.invalidRequest` where `text` is no ARN, or another realm's.
    package func resourcePath(inARN text: String) throws(FleetError) -> String {
        let prefix = self.arn("").rawValue
        guard text.utf8.starts(with: prefix.utf8), text.utf8.count > prefix.utf8.count else {
            throw FleetError(
                .invalidRequest,
                "'\(text.clipped)' is no ARN of this service, whose ARNs begin with '\(prefix)'",
                resource: text.clipped)
        }
        return String(decoding: text.utf8.dropFirst(prefix.utf8.count), as: UTF8.self)
    }

    /// What `TagResource` and its like are asked about.
    /// - Throws: `FleetError.invalidRequest` where the ARN names nothing that carries tags.
    package func taggedResource(inARN text: String) throws(FleetError) -> TaggedResource {
        try TaggedResource(path: self.resourcePath(inARN: text))
    }
}

/// An Amazon Resource Name, `arn:aws:iot:REGION:ACCOUNT:RESOURCE`, as AWS IoT forms it.
package struct ARN: Hashable, Sendable, CustomStringConvertible {
    package let rawValue: String

    package init(rawValue: String) { self.rawValue = rawValue }

    package var description: String { self.rawValue }
}
