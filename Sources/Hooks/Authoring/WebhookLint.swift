import Fleet
import JSON

/// What `slipway hook check` says of a webhook's description. Whether the service is there, and the
/// files that it names, is seen where it is put.
package enum WebhookLint {
    package static func findings(source: String) -> [HookFinding] {
        guard source.utf8.count <= Limits.hookSourceBytesMax else {
            return [
                HookFinding(
                    kind: .tooLarge, line: 1,
                    message: "the webhook has \(source.utf8.count) bytes; at most "
                        + "\(Limits.hookSourceBytesMax)")
            ]
        }
        let json: JSONValue
        do throws(JSONError) { json = try JSONParser.parse(source) } catch {
            return [
                HookFinding(
                    kind: .syntax, line: error.line, column: error.column, message: error.message)
            ]
        }
        let faults = WebhookSchema.faults(of: json)
        let map = JSONSourceMap(of: source, for: faults.map(\.place))
        return faults.map { fault in
            let position = map.position(of: fault.place, key: true)
            return HookFinding(
                kind: fault.kind, line: position.line, column: position.column,
                message: fault.description)
        }.sorted { ($0.line, $0.column ?? 0) < ($1.line, $1.column ?? 0) }
    }
}
