import JSON
import Testing

@testable import SQLiteStorage

@Suite struct PlainMapTests {
    @Test(
        arguments: [
            [:], ["a": ""], ["a": "1", "b": "2"], ["größe": "ü,:{}[]", "": "x"],
            ["long": String(repeating: "y", count: 800)],
        ] as [[String: String]])
    func whatTheStoreWritesIsReadAlike(_ map: [String: String]) throws {
        #expect(PlainMap.read(RecordJSON.map(map).description) == map)
    }

    /// These are the parser's: some it reads, and some it refuses.
    @Test(arguments: [
        "", "{", "{}x", "[]", "{\"a\":1}", "{\"a\":\"b\",}", "{ \"a\":\"b\"}",
        "{\"a\":\"\\n\"}", "{\"a\":\"b\",\"a\":\"c\"}", "{\"a\":\"b", "{\"a\"}", "{\"a\":\"\t\"}",
        "{\"a\":\"b\"}}",
    ])
    func whatIsNotPlainIsLeftToTheParser(_ text: String) {
        #expect(PlainMap.read(text) == nil)
    }
}
