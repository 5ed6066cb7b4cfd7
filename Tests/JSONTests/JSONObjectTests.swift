import Testing

@testable import JSON

@Suite struct JSONObjectTests {
    @Test func agreesWithADictionaryAtEverySize() {
        let seed: UInt64 = 0x512
        var generator = SeededGenerator(seed: seed)
        for round in 0..<300 {
            var object = JSONObject()
            var model: [String: Int] = [:]
            var order: [String] = []
            for step in 0..<60 {
                let key = "k\(Int.random(in: 0..<14, using: &generator))"
                switch Int.random(in: 0..<3, using: &generator) {
                case 0:
                    let isNew = model[key] == nil
                    #expect(object.append(key, .int(step)) == isNew)
                    if isNew { (model[key], order) = (step, order + [key]) }
                case 1:
                    if model[key] == nil { order.append(key) }
                    (model[key], object[key]) = (step, .int(step))
                default:
                    (model[key], object[key]) = (nil, nil)
                    order.removeAll { $0 == key }
                }
            }
            #expect(object.keys == order, "seed \(seed), round \(round)")
            #expect(order.allSatisfy { object[$0]?.intValue == model[$0] })
            #expect(object["absent"] == nil)
        }
    }

    @Test func orderDoesNotCountInEquality() {
        let left: JSONObject = ["a": 1, "b": [2]]
        let right: JSONObject = ["b": [2], "a": 1]
        #expect(left == right)
        #expect(left.hashValue == right.hashValue)
        #expect(left != ["a": 1])
        #expect(left != ["a": 1, "c": [2]])
        #expect(left != ["a": 1, "b": [3]])
    }

    @Test func aLiteralWithARepeatedKeyKeepsTheLast() {
        let value: JSONValue = ["a": 1, "a": 2]
        #expect(value == ["a": 2])
    }
}

@Suite struct JSONPointerTests {
    /// The examples of RFC 6901 section 5.
    @Test(arguments: [
        (["foo"], "/foo"), (["foo", "0"], "/foo/0"), ([""], "/"), (["a/b"], "/a~1b"),
        (["c%d"], "/c%d"), (["m~n"], "/m~0n"), ([], ""), (["~1"], "/~01"),
    ])
    func isWrittenAsTheStandardSays(tokens: [String], text: String) {
        #expect(JSONPointer(tokens: tokens).description == text)
    }

    @Test func findsWhatItPointsAt() {
        let document: JSONValue = ["foo": ["bar", ["x": 7]]]
        let place = JSONPointer.root.appending("foo").appending(1).appending("x")
        #expect(place.value(in: document) == 7)
        #expect(JSONPointer.root.value(in: document) == document)
        for missing in [["bar"], ["foo", "2"], ["foo", "-1"], ["foo", "x"], ["foo", "0", "x"]] {
            #expect(JSONPointer(tokens: missing).value(in: document) == nil, "\(missing)")
        }
    }
}
