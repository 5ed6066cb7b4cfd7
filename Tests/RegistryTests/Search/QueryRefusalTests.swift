import Fleet
import TestSupport
import Testing

@testable import Registry

@Suite struct QueryRefusalTests {
    private static let refusals: [(query: String, message: String)] = [
        ("", "at column 1: the query is empty; * finds everything"),
        ("  ", "at column 3: the query is empty"),
        ("AND", "at column 1: expected a term, found AND"),
        ("a AND", "at column 6: expected a term, found the end"),
        ("a AND OR b", "at column 7: expected a term, found OR"),
        ("a OR", "at column 5: expected a term, found the end"),
        ("NOT", "at column 4: expected a term, found the end"),
        ("(a", "at column 3: expected ')' for the '(' at column 1, found the end"),
        ("a)", "at column 2: expected a term, AND, OR, NOT or the end, found ')'"),
        ("()", "at column 2: expected a term, found ')'"),
        (#"a "b"#, "at column 3: a quotation mark without the one that closes it"),
        (#"a\"#, "at column 3: a backslash with nothing behind it"),
        ("thingName:", "at column 11: expected a value of thingName, found the end"),
        ("thingName: AND a", "at column 12: expected a value of thingName, found AND"),
        (":a", "at column 1: expected a term, found ':'"),
        ("foo:a", "at column 1: 'foo' is no field of AWS_Things, which has thingName, thingId"),
        ("thingname:a", "'thingname' is no field"),
        ("a b.c>5", "at column 3: 'b.c' is no field"),
        ("thing*:a", "at column 1: the name of a field has no wildcards"),
        ("attributes.:a", "'attributes.' is no field"),
        ("a shadow.reported.t:5", "at column 3: 'shadow.reported.t' cannot be searched: shadows"),
        ("shadow.hasDelta:true", "shadows are not indexed yet"),
        ("deviceDefender.x:1", "violations are not indexed"),
        ("attributes.x:[1 TO", "at column 19: expected a value of attributes.x, found the end"),
        ("attributes.x:[1 5]", "at column 17: expected TO, as in [1 TO 5], found '5'"),
        ("attributes.x:[1 TO 5", "expected ']' or '}' for the range at column 14, found the end"),
        ("attributes.x:[1 TO b]", "at column 14: attributes.x: a range has two numbers or two"),
        (#"attributes.x:[1 TO "5"]"#, "a number in quotes is a text"),
        ("attributes.x:[a* TO b]", "at column 15: the end of a range has no wildcards"),
        ("attributes.x>*", "at column 14: expected a value to compare with, found '*'"),
        ("registry.version:a", "at column 18: registry.version is a number; expected one, or *"),
        ("registry.version:[a TO b]", "it is a number, and so are the ends of its ranges"),
        (#"registry.version:"5""#, "registry.version is no text; take the quotes away"),
        ("connectivity.connected:yes", "is a boolean; expected true, false or *"),
        ("connectivity.connected>1", "a boolean has no range"),
        ("a~2", "at column 2: fuzzy, proximity and boosted searches are not understood"),
        ("a^4", #"write \^ for the character"#),
        ("a && b", #"at column 3: '&' is no operator: write AND, or \&"#),
        ("a || b", "'|' is no operator: write OR"),
        ("!a", "'!' is no operator: write NOT"),
        ("a and b", #"at column 3: 'and' is no operator: write AND, or "and" for the word"#),
        ("thingName:(a or b)", "at column 14: 'or' is no operator: write OR"),
        ("Not a", "at column 1: 'Not' is no operator: write NOT"),
        ("a attributes.t=75", "at column 3: fields are not compared so: write attributes.t:VALUE"),
        ("attributes.t!=75", "or NOT attributes.t:VALUE; or put the term in quotes"),
        ("attributes.t == 75", "at column 1: fields are not compared so"),
        ("thingName=a*", "at column 1: fields are not compared so: write thingName:VALUE"),
        ("connectivity.version>1", "connections are not counted"),
        ("[1 TO 5]", "at column 1: expected a term, found '['"),
    ]

    @Test(arguments: Self.refusals)
    func whatIsWrongIsNamedWithItsColumn(query: String, message: String) throws {
        let error = #expect(throws: FleetError.self) { try FleetQuery.parse(query) }
        #expect(error?.code == .invalidQuery)
        #expect(error?.message.contains(message) == true, "\(query): \(error?.message ?? "")")
    }

    /// A dynamic group's query was read when the group was made, and goes on being so.
    @Test(arguments: ["a and b", "attributes.t=75"])
    func whatIsStoredIsReadAsItWas(query: String) throws {
        #expect(throws: FleetError.self) { try FleetQuery.parse(query) }
        _ = try FleetQuery.parse(query, isStored: true)
    }

    @Test func limitsAreRefusedOneBeyondAndKeptUpToThere() throws {
        func terms(_ count: Int) -> String {
            Array(repeating: "a", count: count).joined(separator: " ")
        }
        _ = try FleetQuery.parse(terms(QueryLimits.termsMax))
        #expect(throws: FleetError.self) { try FleetQuery.parse(terms(QueryLimits.termsMax + 1)) }

        _ = try FleetQuery.parse(String(repeating: "a", count: QueryLimits.charactersMax))
        #expect(throws: FleetError.self) {
            try FleetQuery.parse(String(repeating: "a", count: QueryLimits.charactersMax + 1))
        }

        func nested(_ count: Int) -> String {
            String(repeating: "(", count: count) + "a" + String(repeating: ")", count: count)
        }
        _ = try FleetQuery.parse(nested(QueryLimits.nestingMax - 1))
        #expect(throws: FleetError.self) { try FleetQuery.parse(nested(QueryLimits.nestingMax)) }
        #expect(throws: FleetError.self) {
            try FleetQuery.parse(String(repeating: "-", count: 8000) + "a")
        }

        func wild(_ count: Int) -> String { String(repeating: "?a", count: count) }
        _ = try FleetQuery.parse(wild(QueryLimits.wildcardsMax))
        #expect(throws: FleetError.self) {
            try FleetQuery.parse(wild(QueryLimits.wildcardsMax + 1))
        }
    }
}

@Suite struct QueryPropertyTests {
    @Test(arguments: FleetIndex.allCases, [1, 2, 3, 4] as [UInt64])
    func aPrintedQueryIsReadAsItself(index: FleetIndex, seed: UInt64) throws {
        var queries = RandomQueries(seed: seed, index: index)
        for round in 0..<3000 {
            let query = queries.query()
            let text = query.text
            let again = try FleetQuery.parse(text, index: index)
            guard again != query else { continue }
            Issue.record("seed \(seed), round \(round): \(text) was read as \(again.text)")
            return
        }
    }

    /// Whatever is typed is read or refused with a column; nothing ends the process.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func arbitraryTextIsReadOrRefused(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let parts = [
            "a", "AND", "OR", "NOT", "TO", "(", ")", "[", "]", "{", "}", ":", "\"", "\\", "*", "?",
            ">", "<", "=", "-", "+", " ", "thingName", "attributes.x", "registry.version", "5",
            "connectivity.connected", "é", "\u{0}", "~",
        ]
        var read = 0
        for _ in 0..<5000 {
            let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in
                parts[Int.random(in: parts.indices, using: &random)]
            }.joined()
            do throws(FleetError) {
                let query = try FleetQuery.parse(text)
                read += 1
                #expect((try? FleetQuery.parse(query.text)) == query, "\(text)")
            } catch {
                #expect(error.code == .invalidQuery && error.message.contains("column"), "\(text)")
            }
        }
        #expect(read > 100)
    }
}
