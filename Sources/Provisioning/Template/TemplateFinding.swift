package import JSON

/// Something in a template that its author has to mend: what, and at which place.
package struct TemplateFinding: Hashable, Sendable, CustomStringConvertible {
    package let pointer: JSONPointer
    package let message: String

    package init(_ message: String, at pointer: JSONPointer) {
        self.pointer = pointer
        self.message = message
    }

    package var description: String {
        self.pointer == .root ? self.message : "\(self.pointer): \(self.message)"
    }
}
