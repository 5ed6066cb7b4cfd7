/// A rendered value that still knows which of its parts came from outside the template, so that a
/// policy can take those literally.
struct RenderedText: Hashable, Sendable {
    struct Part: Hashable, Sendable {
        let text: String
        /// Whether a device or a hook chose it.
        let isForeign: Bool
    }

    private(set) var parts: [Part]

    init(_ text: String, isForeign: Bool) {
        self.parts = text.isEmpty ? [] : [Part(text: text, isForeign: isForeign)]
    }

    static let empty = RenderedText("", isForeign: false)

    var plain: String {
        self.parts.count == 1 ? self.parts[0].text : self.parts.map(\.text).joined()
    }
    var isForeign: Bool { self.parts.contains(where: \.isForeign) }
    var bytesCount: Int { self.parts.reduce(0) { $0 + $1.text.utf8.count } }

    mutating func append(_ other: RenderedText) { self.parts += other.parts }

    /// The text as it goes into a policy's strings, nil where a foreign part would stand inside a
    /// policy variable and so choose which one it is.
    ///
    /// In a policy `*` and `?` match anything and `${…}` names a variable. A serial number `*`
    /// would give its device every topic there is; so what comes from outside is written with
    /// AWS's own escapes `${*}`, `${?}` and `${$}`, which match those very characters.
    var escapedForPolicy: String? {
        var output = String.UnicodeScalarView()
        var isInsideVariable = false
        for part in self.parts {
            let scalars = part.text.unicodeScalars
            guard part.isForeign else {
                var previous = output.last
                for scalar in scalars {
                    if scalar == "{", previous == "$" { isInsideVariable = true }
                    if scalar == "}" { isInsideVariable = false }
                    previous = scalar
                }
                output.append(contentsOf: scalars)
                continue
            }
            guard !isInsideVariable else { return nil }
            // A template's own `$` before a foreign `{` would open a variable.
            if output.last == "$", scalars.first == "{" {
                output.removeLast()
                output.append(contentsOf: "${$}".unicodeScalars)
            }
            for scalar in scalars {
                if scalar == "*" || scalar == "?" || scalar == "$" {
                    output.append(contentsOf: "${\(scalar)}".unicodeScalars)
                } else {
                    output.append(scalar)
                }
            }
        }
        return String(output)
    }
}
