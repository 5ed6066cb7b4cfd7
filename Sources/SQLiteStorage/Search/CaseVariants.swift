/// The texts that are one text where upper and lower case are alike (`caseFolded`: A to Z and no
/// other letters), in the order of their bytes. There are too many to try, but few of them are
/// written anywhere: between one that is and the next lie two look-ups.
struct CaseVariants {
    /// What may stand at each place: a capital and its small letter, or one byte.
    private let places: [(first: UInt8, last: UInt8)]

    init(of text: String) {
        self.places = text.utf8.map { byte in
            let small = byte | 0x20
            let isLetter = (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(small)
            return isLetter ? (first: byte & 0xDF, last: small) : (first: byte, last: byte)
        }
    }

    var first: [UInt8] { self.filled([]) }

    /// The variant that `name` begins with; or else the first one beyond it, nil where there is
    /// none.
    func variant(from name: [UInt8]) -> [UInt8]? {
        for (index, place) in self.places.enumerated() {
            guard index < name.count else { return self.filled(name[...]) }
            let byte = name[index]
            if byte == place.first || byte == place.last { continue }
            guard byte < place.last else { return self.successor(of: Array(name[..<index])) }
            return self.filled(name[..<index] + [byte < place.first ? place.first : place.last])
        }
        return Array(name.prefix(self.places.count))
    }

    /// The first variant beyond all that begin with `beginning`, which one of them does.
    func successor(of beginning: [UInt8]) -> [UInt8]? {
        for index in beginning.indices.reversed()
        where beginning[index] < self.places[index].last {
            return self.filled(beginning[..<index] + [self.places[index].last])
        }
        return nil
    }

    private func filled(_ beginning: ArraySlice<UInt8>) -> [UInt8] {
        Array(beginning) + self.places.dropFirst(beginning.count).map(\.first)
    }
}
