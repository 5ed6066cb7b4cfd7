import JSON
import Testing

@Suite struct JSONWriterTests {
    @Test func whatIsWrittenReadsBackAsTheTreeThatWasMeant() throws {
        var writer = JSONWriter(capacity: 16)
        writer.beginObject()
        writer.key(of: "a\"b")
        writer.beginArray()
        writer.int(-7)
        writer.string("x\ny")
        writer.string("arn:", "\\tail")
        writer.beginObject()
        writer.endObject()
        writer.beginArray()
        writer.endArray()
        writer.endArray()
        writer.key("next")
        writer.string("")
        writer.key("last")
        writer.int(0)
        writer.endObject()
        let wanted: JSONValue = [
            "a\"b": [-7, "x\ny", "arn:\\tail", [:], []], "next": "", "last": 0,
        ]
        #expect(try JSONParser.parse(writer.bytes) == wanted)
        #expect(writer.bytes == JSONPrinter.bytes(wanted))
    }
}
