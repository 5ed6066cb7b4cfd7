package import Fleet
package import JSON

/// The members of one mapping of a file that people write, each of the kind that is asked for.
package struct ProfileFields {
    private let object: JSONObject
    private let place: String

    package init(_ value: JSONValue, at place: String, allowing known: [String]) throws(FleetError)
    {
        self.place = place.isEmpty ? "" : "\(place), "
        guard let object = value.objectValue else {
            throw FleetError(
                .invalidRequest,
                "\(place.isEmpty ? "the file" : place): expected keys and values, found "
                    + value.kindName)
        }
        for key in object.keys where !known.contains(key) {
            throw FleetError(
                .invalidRequest,
                "\(self.place)'\(key.clipped)' is not understood; known are "
                    + known.joined(separator: ", "))
        }
        self.object = object
    }

    package func value(_ key: String) -> JSONValue? { self.object[key] }

    package func text(_ key: String) throws(FleetError) -> String? {
        guard let value = self.object[key] else { return nil }
        guard let text = value.stringValue, !text.isEmpty else {
            throw self.wrong(key, "a text", value)
        }
        return text
    }

    package func flag(_ key: String) throws(FleetError) -> Bool? {
        guard let value = self.object[key] else { return nil }
        guard let flag = value.boolValue else { throw self.wrong(key, "true or false", value) }
        return flag
    }

    package func texts(_ key: String, max: Int) throws(FleetError) -> [String]? {
        guard let value = self.object[key] else { return nil }
        guard let list = value.arrayValue, list.count <= max else {
            throw self.wrong(key, "a list of at most \(max) texts", value)
        }
        var texts: [String] = []
        for element in list {
            guard let text = element.stringValue else {
                throw self.wrong(key, "texts (put them in quotes)", element)
            }
            texts.append(text)
        }
        return texts
    }

    package func choice<Choice: RawRepresentable<String>>(
        _ key: String, among all: [Choice]
    ) throws(FleetError) -> Choice {
        guard let text = try self.text(key) else {
            throw FleetError(.invalidRequest, "\(self.place)\(key): it is missing")
        }
        return try self.choice(text, key, among: all)
    }

    package func choice<Choice: RawRepresentable<String>>(
        _ text: String, _ key: String, among all: [Choice]
    ) throws(FleetError) -> Choice {
        guard let found = all.first(where: { $0.rawValue == text }) else {
            throw FleetError(
                .invalidRequest,
                "\(self.place)\(key): '\(text.clipped)' is none of "
                    + all.map(\.rawValue).joined(separator: ", "))
        }
        return found
    }

    /// The error of `body`, said of this place.
    package func at<Result>(
        _ key: String, _ body: () throws(FleetError) -> Result
    ) throws(FleetError) -> Result {
        do throws(FleetError) { return try body() } catch {
            throw FleetError(error.code, "\(self.place)\(key): \(error.message)")
        }
    }

    private func wrong(_ key: String, _ wanted: String, _ found: JSONValue) -> FleetError {
        FleetError(
            .invalidRequest, "\(self.place)\(key): expected \(wanted), found \(found.kindName)")
    }
}
