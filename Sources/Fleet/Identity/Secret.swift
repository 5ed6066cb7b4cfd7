/// A value that must not leave by accident: it has no JSON form and prints as `<redacted>`, in
/// strings, dumps and mirrors alike. Whoever needs the value says so by calling `expose`.
package struct Secret<Value: Sendable>: Sendable {
    private let value: Value

    package init(_ value: Value) { self.value = value }

    /// Hands the value to `body` for as long as the call lasts.
    package func expose<Result, Failure: Error>(
        _ body: (Value) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try body(self.value)
    }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    package var description: String { "<redacted>" }
    package var debugDescription: String { "<redacted>" }
    package var customMirror: Mirror { Mirror(self, children: []) }
}
