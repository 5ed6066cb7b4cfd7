import Fleet
import JSON

/// Reads a line's parameters: one flat object of texts (AWS: newline-delimited JSON).
enum LineParameters {
    private static let limits = JSONLimits(bytesMax: RegistrationLineReader.lineBytesMax)

    /// - Throws: `FleetError.invalidRequest`, saying what is wrong with the line.
    static func read(_ content: InputLine.Content) throws(FleetError) -> [String: String] {
        guard case .text(let bytes) = content else { throw Self.tooLong }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw Self.refused("it is no UTF-8")
        }
        guard text.unicodeScalars.count <= Limits.registrationLineCharactersMax else {
            throw Self.tooLong
        }
        let value: JSONValue
        do throws(JSONError) { value = try JSONParser.parse(bytes, limits: Self.limits) } catch {
            throw Self.refused("it is no JSON: \(error)")
        }
        guard let object = value.objectValue else {
            throw Self.refused("it is \(value.kindName), not an object of parameters")
        }
        var parameters: [String: String] = [:]
        for (name, value) in object.members {
            guard let text = value.stringValue else {
                throw Self.refused(
                    "\(JSONPointer.root.appending(name)) is \(value.kindName), not a text")
            }
            parameters[name] = text
        }
        return parameters
    }

    private static let tooLong = Self.refused(
        "it has more than \(Limits.registrationLineCharactersMax) characters")

    private static func refused(_ reason: String) -> FleetError {
        FleetError(.invalidRequest, "the line is refused: \(reason)")
    }
}
