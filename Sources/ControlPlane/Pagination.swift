package import Fleet
import Foundation
package import JSON

/// The two dialects in which AWS IoT lists (provisioning specification, 0.2): `maxResults` with
/// `nextToken`, and `pageSize` with `marker` and `isAscendingOrder`. Both count from 1 to 250, and
/// a token is base64 of the place where the page before ended.
package enum Pagination {
    package static let pageMax = 250
    package static let tokenQuery = ["maxResults", "nextToken"]
    package static let markerQuery = ["pageSize", "marker", "isAscendingOrder"]

    /// - Parameter fallback: the page where the request names no size.
    static func limit(
        _ request: OperationRequest, _ parameter: String, default fallback: Int = pageMax
    ) throws(FleetError) -> Int {
        guard let limit = try request.queryInteger(parameter) else { return fallback }
        return try Self.checked(limit, parameter)
    }

    static func checked(_ limit: Int, _ parameter: String) throws(FleetError) -> Int {
        guard (1...Self.pageMax).contains(limit) else {
            throw FleetError(
                .invalidRequest, "\(parameter) must be from 1 to \(Self.pageMax), not \(limit)")
        }
        return limit
    }

    static func place(_ token: String?, _ parameter: String) throws(FleetError) -> String? {
        guard let token else { return nil }
        guard let data = Data(base64Encoded: token),
            let place = String(validating: data, as: UTF8.self), !place.isEmpty
        else {
            throw FleetError(
                .invalidRequest, "\(parameter) is none that this service gave: '\(token.clipped)'")
        }
        return place
    }

    package static func token(_ place: String?) -> JSONValue? {
        place.map { .string(Data($0.utf8).base64EncodedString()) }
    }
}

extension OperationRequest {
    /// `maxResults`.
    package var pageLimit: Int {
        get throws(FleetError) { try Pagination.limit(self, "maxResults") }
    }

    /// The place that `nextToken` names.
    package var pageToken: String? {
        get throws(FleetError) { try Pagination.place(self.query["nextToken"], "nextToken") }
    }

    /// `pageSize`.
    package func markerLimit(default fallback: Int = Pagination.pageMax) throws(FleetError) -> Int {
        try Pagination.limit(self, "pageSize", default: fallback)
    }

    /// The place that `marker` names.
    package var marker: String? {
        get throws(FleetError) { try Pagination.place(self.query["marker"], "marker") }
    }
}

extension JSONObject {
    /// Members whose value is nil are left out, as AWS leaves them out.
    package static func present(_ members: (String, JSONValue?)...) -> JSONObject {
        var object = JSONObject()
        for (name, value) in members {
            if let value { object[name] = value }
        }
        return object
    }
}

extension JSONValue {
    /// Seconds since 1970, with a fraction: the timestamps of the API model.
    package static func epoch(_ time: UnixTime) -> JSONValue {
        JSONNumber(Double(time.milliseconds) / 1000).map { .number($0) } ?? .null
    }

    package static func arn(_ arn: ARN) -> JSONValue { .string(arn.rawValue) }
    package static func name(_ name: some CheckedName) -> JSONValue { .string(name.rawValue) }
}
