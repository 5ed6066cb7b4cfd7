import Fleet
import Foundation
import JSON

/// What the template commands are given: a stored template's name, or a file; parameters as
/// files and as pairs.
enum TemplateInput {
    /// A file where the text looks like a path or names one that is there.
    static func isFile(_ text: String) -> Bool {
        text == "-" || text.contains("/") || text.hasSuffix(".json")
            || FileManager.default.fileExists(atPath: text)
    }

    /// - Parameter items: each `NAME=VALUE`, or a JSON file with an object of texts; what comes
    ///   later goes over what came before.
    static func parameters(_ items: [String]) async throws(FleetError) -> [String: String] {
        var parameters: [String: String] = [:]
        for item in items {
            if !FileManager.default.fileExists(atPath: item), item != "-",
                let equals = item.firstIndex(of: "="), equals != item.startIndex
            {
                parameters[String(item[..<equals])] = String(item[item.index(after: equals)...])
                continue
            }
            let texts = try DryRunFile.texts(try await Self.json(item), in: item)
            parameters.merge(texts) { $1 }
        }
        return parameters
    }

    /// - Throws: `FleetError.invalidRequest`, naming the file.
    static func json(_ path: String) async throws(FleetError) -> JSONValue {
        let text = try await TextFile.read(path)
        do { return try JSONParser.parse(text) } catch {
            throw FleetError(.invalidRequest, "'\(path)' is no JSON: \(error)")
        }
    }
}
