/// JSON written as it is made, without a tree: for long listings, whose trees would cost more than
/// reading what is in them. Whoever writes begins and ends what belongs together; a comma is
/// written where one belongs.
package struct JSONWriter: Sendable {
    package private(set) var bytes: [UInt8] = []
    /// Nothing has been written since an object, an array or a member began.
    private var isAtStart = true

    /// - Parameter capacity: bytes that will likely be needed.
    package init(capacity: Int = 0) { self.bytes.reserveCapacity(capacity) }

    package mutating func beginObject() { self.begin(UInt8(ascii: "{")) }
    package mutating func endObject() { self.end(UInt8(ascii: "}")) }
    package mutating func beginArray() { self.begin(UInt8(ascii: "[")) }
    package mutating func endArray() { self.end(UInt8(ascii: "]")) }

    /// A member's name, which needs no escape; its value comes next.
    package mutating func key(_ name: StaticString) {
        self.separate()
        self.bytes.append(UInt8(ascii: "\""))
        name.withUTF8Buffer { self.bytes.append(contentsOf: $0) }
        self.bytes.append(UInt8(ascii: "\""))
        self.bytes.append(UInt8(ascii: ":"))
        self.isAtStart = true
    }

    /// The same of a name that may need one.
    package mutating func key(of name: String) {
        self.separate()
        JSONPrinter.append(name, to: &self.bytes)
        self.bytes.append(UInt8(ascii: ":"))
        self.isAtStart = true
    }

    package mutating func string(_ text: String) {
        self.separate()
        JSONPrinter.append(text, to: &self.bytes)
    }

    /// A member that is a text; none where there is no text.
    package mutating func member(_ name: StaticString, _ text: String?) {
        guard let text else { return }
        self.key(name)
        self.string(text)
    }

    /// Two texts as one.
    package mutating func string(_ head: String, _ tail: String) {
        self.separate()
        JSONPrinter.append(head, to: &self.bytes)
        self.bytes.removeLast()
        let joint = self.bytes.count
        JSONPrinter.append(tail, to: &self.bytes)
        self.bytes.remove(at: joint)
    }

    package mutating func int(_ number: Int) {
        self.separate()
        self.bytes.append(contentsOf: String(number).utf8)
    }

    private mutating func begin(_ byte: UInt8) {
        self.separate()
        self.bytes.append(byte)
        self.isAtStart = true
    }

    private mutating func end(_ byte: UInt8) {
        self.bytes.append(byte)
        self.isAtStart = false
    }

    private mutating func separate() {
        if !self.isAtStart { self.bytes.append(UInt8(ascii: ",")) }
        self.isAtStart = false
    }
}
