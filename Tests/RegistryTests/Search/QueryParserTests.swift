import Fleet
import TestSupport
import Testing

@testable import Registry

@Suite struct QueryParserTests {
    private func parse(_ text: String, _ index: FleetIndex = .things) throws -> QueryExpression {
        try FleetQuery.parse(text, index: index).expression
    }

    private func text(_ field: QueryField, _ text: String) -> QueryExpression {
        .field(field, .text(text))
    }

    private func numbers(
        _ field: QueryField, from lower: Double?, to upper: Double?, _ included: Bool = true
    ) -> QueryExpression {
        .field(
            field,
            .numbers(
                QueryRange(
                    lower: lower.map { .init($0, isIncluded: included) },
                    upper: upper.map { .init($0, isIncluded: included) })))
    }

    // MARK: AWS's own examples (developer guide, "Example thing queries")

    @Test func theGuidesExamplesMeanWhatItSays() throws {
        let mine = QueryField.attribute("myAttribute")
        #expect(try self.parse("abc") == .anywhere(.text("abc")))
        #expect(try self.parse("thingName:myThingName") == self.text(.thingName, "myThingName"))
        #expect(
            try self.parse("thingName:my*")
                == .field(.thingName, .pattern(QueryPattern([.literal("my"), .anyRun]))))
        #expect(
            try self.parse("thingName:ab?")
                == .field(.thingName, .pattern(QueryPattern([.literal("ab"), .anyOne]))))
        #expect(try self.parse("thingTypeName:aa") == self.text(.thingTypeName, "aa"))
        #expect(try self.parse("attributes.myAttribute:75") == self.text(mine, "75"))
        #expect(
            try self.parse("attributes.myAttribute:[75 TO 80]")
                == self.numbers(mine, from: 75, to: 80))
        #expect(
            try self.parse("attributes.myAttribute:{75 TO 80]")
                == .field(
                    mine,
                    .numbers(
                        QueryRange(
                            lower: .init(75, isIncluded: false),
                            upper: .init(80, isIncluded: true)))))
        #expect(
            try self.parse(#"attributes.serialNumber:["abcd" TO "abcf"]"#)
                == .field(
                    .attribute("serialNumber"),
                    .texts(
                        QueryRange(
                            lower: .init("abcd", isIncluded: true),
                            upper: .init("abcf", isIncluded: true)))))
        #expect(
            try self.parse("attributes.attr1:abc AND attributes.attr2<5 NOT attributes.attr3>10")
                == .all([
                    self.text(.attribute("attr1"), "abc"),
                    self.numbers(.attribute("attr2"), from: nil, to: 5, false),
                    .not(self.numbers(.attribute("attr3"), from: 10, to: nil, false)),
                ]))
        #expect(
            try self.parse("NOT attributes.model:legacy")
                == .not(self.text(.attribute("model"), "legacy")))
        #expect(try self.parse("connectivity.connected:true") == .field(.connected, .flag(true)))
        #expect(
            try self.parse(
                "connectivity.connected:false AND "
                    + "connectivity.timestamp : [1557651600000 TO 1557867600000]")
                == .all([
                    .field(.connected, .flag(false)),
                    self.numbers(
                        .connectivityTimestamp, from: 1_557_651_600_000, to: 1_557_867_600_000),
                ]))
        #expect(
            try self.parse("connectivity.connected:true AND connectivity.timestamp > 1557651600000")
                == .all([
                    .field(.connected, .flag(true)),
                    self.numbers(
                        .connectivityTimestamp, from: 1_557_651_600_000, to: nil, false),
                ]))
        #expect(try self.parse("connectivity.connected:*") == .field(.connected, .present))
        #expect(
            try self.parse("thingName:(tv* AND -plasma)")
                == .all([
                    .field(.thingName, .pattern(QueryPattern([.literal("tv"), .anyRun]))),
                    .not(self.text(.thingName, "plasma")),
                ]))
        #expect(
            try self.parse("thingGroupName:mythinggroup*", .thingGroups)
                == .field(
                    .thingGroupName, .pattern(QueryPattern([.literal("mythinggroup"), .anyRun]))))
    }

    // MARK: Operators

    @Test func notBindsClosestThenAndThenOr() throws {
        let (a, b, c) = (
            QueryExpression.anywhere(.text("a")), QueryExpression.anywhere(.text("b")),
            QueryExpression.anywhere(.text("c"))
        )
        #expect(try self.parse("a b") == .all([a, b]))
        #expect(try self.parse("a OR b c") == .any([a, .all([b, c])]))
        #expect(try self.parse("a AND b OR c") == .any([.all([a, b]), c]))
        #expect(try self.parse("(a OR b) AND c") == .all([.any([a, b]), c]))
        #expect(try self.parse("NOT a b") == .all([.not(a), b]))
        #expect(try self.parse("NOT(a b)") == .not(.all([a, b])))
        #expect(try self.parse("+a -b") == .all([a, .not(b)]))
        #expect(try self.parse("a OR NOT -b") == .any([a, .not(.not(b))]))
        #expect(try self.parse("((a))") == a)
        #expect(try self.parse("*") == .everything)
        // With space behind it a hyphen is a term like any other.
        #expect(try self.parse("a - b") == .all([a, .anywhere(.text("-")), b]))
        #expect(try self.parse("* -a") == .all([.everything, .not(a)]))
    }

    @Test func capitalsMakeAnOperatorAndNothingElseDoes() throws {
        #expect(try self.parse(#""and""#) == .anywhere(.text("and")))
        #expect(try self.parse("thingName:and") == self.text(.thingName, "and"))
        #expect(try self.parse("to") == .anywhere(.text("to")))
        #expect(try self.parse("a=b") == .anywhere(.text("a=b")))
        #expect(try self.parse(#""AND""#) == .anywhere(.text("AND")))
        #expect(try self.parse(#"\AND"#) == .anywhere(.text("AND")))
        #expect(try self.parse("ANDROID") == .anywhere(.text("ANDROID")))
        #expect(try self.parse("a-b") == .anywhere(.text("a-b")))
    }

    @Test func aFieldHoldsForAllThatItsParenthesesHold() throws {
        #expect(
            try self.parse("thingTypeName:(a OR NOT b OR thingName:c)")
                == .any([
                    self.text(.thingTypeName, "a"), .not(self.text(.thingTypeName, "b")),
                    self.text(.thingName, "c"),
                ]))
        #expect(
            try self.parse("attributes.t:([1 TO 2] OR *)")
                == .any([
                    self.numbers(.attribute("t"), from: 1, to: 2),
                    .field(.attribute("t"), .present),
                ]))
    }

    // MARK: Terms

    @Test func escapesAndQuotesTakeWildcardsAndOperatorsLiterally() throws {
        #expect(try self.parse(#"thingName:a\*b"#) == self.text(.thingName, "a*b"))
        #expect(
            try self.parse(#"attributes.x:"a * \"b\"""#) == self.text(.attribute("x"), "a * \"b\""))
        #expect(try self.parse(#"attributes.a\:b:1"#) == self.text(.attribute("a:b"), "1"))
        #expect(try self.parse(#"a\ b"#) == .anywhere(.text("a b")))
        #expect(try self.parse(#"\-a"#) == .anywhere(.text("-a")))
        #expect(try self.parse("thingName:site:1") == self.text(.thingName, "site:1"))
        #expect(try self.parse("attributes.t:-5") == self.text(.attribute("t"), "-5"))
        #expect(try self.parse(#"attributes.t:"""#) == self.text(.attribute("t"), ""))
    }

    @Test func numbersAreThoseOfJSON() {
        for text in ["0", "-0", "75", "-0.5", "1e3", "1E+3", "12.25e-1"] {
            #expect(QueryNumber.value(of: text) == Double(text), "\(text)")
        }
        for text in ["", "007", "+5", ".5", "5.", "1e", "0x10", "nan", "inf", "1e999", "5 "] {
            #expect(QueryNumber.value(of: text) == nil, "\(text)")
        }
    }

    @Test func rangesAreOfNumbersOrOfTexts() throws {
        let x = QueryField.attribute("x")
        #expect(try self.parse("attributes.x:[5 TO *]") == self.numbers(x, from: 5, to: nil))
        #expect(try self.parse("attributes.x:{* TO 5}") == self.numbers(x, from: nil, to: 5, false))
        #expect(try self.parse("attributes.x:[* TO *]") == .field(x, .present))
        #expect(try self.parse("attributes.x >= -1.5") == self.numbers(x, from: -1.5, to: nil))
        #expect(
            try self.parse(#"attributes.x<"007""#)
                == .field(
                    x, .texts(QueryRange(lower: nil, upper: .init("007", isIncluded: false)))))
        #expect(
            try self.parse("attributes.x:[abcd TO abcf]")
                == (try self.parse(#"attributes.x:["abcd" TO "abcf"]"#)))
    }

    @Test func otherNamesOfAFieldMeanTheSame() throws {
        for (alias, name) in [
            ("registry.thingTypeName:a", "thingTypeName:a"),
            ("registry.thingGroupNames:a", "thingGroupNames:a"),
            ("registry.attributes.x:a", "attributes.x:a"),
        ] {
            #expect(try self.parse(alias) == (try self.parse(name)))
        }
        #expect(
            try self.parse("description:a", .thingGroups)
                == (try self.parse("thingGroupDescription:a", .thingGroups)))
    }
}
