import Fleet
import Foundation

/// A place that bulk registrations may read from: a folder, or everything below a URL. What AWS
/// calls a bucket.
struct RegistrationSource: Sendable, Hashable {
    enum Place: Sendable, Hashable {
        /// Absolute.
        case folder(String)
        /// Ends in `/`.
        case url(String)
    }

    let name: String
    let place: Place

    /// - Parameter text: `NAME=/path/to/folder` or `NAME=https://host/prefix/`, as in the setting
    ///   `bulk.sources`. A relative folder is relative to `root`.
    init(_ text: String, root: String) throws(FleetError) {
        guard let equals = text.firstIndex(of: "=") else {
            throw Self.refused(text, "expected NAME=FOLDER or NAME=URL")
        }
        self.name = String(text[..<equals])
        let place = String(text[text.index(after: equals)...])
        do throws(FleetError) {
            _ = try RegistrationInput(bucket: self.name, key: "x")
        } catch { throw Self.refused(text, error.message) }
        guard !place.isEmpty else { throw Self.refused(text, "nothing follows the '='") }
        guard place.contains("://") else {
            self.place = .folder(Installation.absolute(place, in: root))
            return
        }
        guard let url = URLComponents(string: place), let scheme = url.scheme,
            ["http", "https"].contains(scheme), url.host?.isEmpty == false
        else { throw Self.refused(text, "a URL begins with http:// or https:// and a host") }
        guard place.hasSuffix("/"), url.query == nil, url.fragment == nil else {
            throw Self.refused(
                text, "a URL ends in '/', so that it is clear what lies below it")
        }
        guard url.user == nil, url.password == nil else {
            throw Self.refused(text, "a URL in the settings holds no password")
        }
        self.place = .url(place)
    }

    /// The sources of a setting, by their names.
    static func sources(
        _ texts: [String], root: String
    ) throws(FleetError) -> [String: RegistrationSource] {
        var sources: [String: RegistrationSource] = [:]
        for text in texts {
            let source = try RegistrationSource(text, root: root)
            guard sources.updateValue(source, forKey: source.name) == nil else {
                throw Self.refused(text, "the name is taken already")
            }
        }
        return sources
    }

    private static func refused(_ text: String, _ reason: String) -> FleetError {
        FleetError(.invalidRequest, "bulk.sources: '\(text.clipped)': \(reason)")
    }
}
