import Fleet
import JSON

/// Tags as AWS IoT sends them: a list of `{"Key": …, "Value": …}`.
enum TagShape {
    /// The request's `tags`; none where it has none.
    static func tags(_ request: OperationRequest) throws(FleetError) -> [String: String] {
        var tags: [String: String] = [:]
        for members in try request.members.objects("tags") ?? [] {
            try members.refuseUnknown(["Key", "Value"])
            let key = try members.text("Key")
            guard tags.updateValue(try members.optionalText("Value") ?? "", forKey: key) == nil
            else {
                throw FleetError(.invalidRequest, "the tag '\(key.clipped)' is given twice")
            }
        }
        return tags
    }

    static func json(_ tags: [String: String]) -> JSONValue {
        .array(
            tags.sorted { $0.key < $1.key }.map {
                ["Key": .string($0.key), "Value": .string($0.value)]
            })
    }
}
